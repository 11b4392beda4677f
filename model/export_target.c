#include "export_parts.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static bool same_file(const char *a, const char *b) {
    struct stat one, other;
    return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Calls act on every entry until it says false; false then, or when the folder cannot be read. */
static bool each_entry(const char *folder, bool (*act)(const char *path)) {
    DIR *stream = opendir(folder);
    bool good = stream != NULL;
    for (const struct dirent *item; good && (item = readdir(stream));) {
        char path[PATH_MAX];
        const bool dots = strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0;
        const int length = snprintf(path, sizeof path, "%s/%s", folder, item->d_name);
        good = dots || (length > 0 && (size_t)length < sizeof path && act(path));
    }
    if (stream)
        closedir(stream);
    return good;
}

static bool is_no_folder(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 && !S_ISDIR(info.st_mode);
}

static bool remove_file(const char *path) {
    return unlink(path) == 0;
}

static bool remove_folder(const char *path) {
    return each_entry(path, remove_file) && rmdir(path) == 0;
}

/* Only what an export could have made is ever removed: files in one folder, config.json among them. */
static bool may_replace(const char *path) {
    char config[PATH_MAX];
    const int length = snprintf(config, sizeof config, "%s/config.json", path);
    return length > 0 && (size_t)length < sizeof config && is_no_folder(config) &&
           each_entry(path, is_no_folder);
}

static ll_status check_source(const ll_export_job *job, const char *path) {
    const char *own = ll_checkpoint_path(job->source);
    bool same = same_file(path, own);
    for (size_t i = 0; i < ll_checkpoint_file_count(job->source); i++)
        same = same || same_file(path, ll_checkpoint_file(job->source, i));
    if (!same)
        return LL_OK;
    return ll_fail(job->error, LL_BAD_USAGE, "%s: is the source itself (%s); give another path to write to",
                   path, own);
}

static ll_status check_free(const ll_export_job *job, const char *path, bool folder) {
    struct stat info;
    if (lstat(path, &info) != 0)
        return errno == ENOENT ? LL_OK : ll_export_failed(path, errno, job->error);
    LL_TRY(check_source(job, path));
    if (is_folder(path) != folder)
        return ll_fail(job->error, LL_BAD_USAGE, "%s: is a %s; expected the name of a %s to write", path,
                       folder ? "file" : "folder", folder ? "folder" : "file");
    if (!job->options->replace)
        return ll_fail(job->error, LL_BAD_INPUT,
                       "%s: is there already; choose another name, or --force to replace it", path);
    if (folder && (S_ISLNK(info.st_mode) || !may_replace(path)))
        return ll_fail(
            job->error, LL_BAD_INPUT,
            "%s: is no earlier export (config.json and other files, no folders); remove it yourself", path);
    return LL_OK;
}

ll_status ll_export_check_target(ll_export_job *job, const char *path, bool folder) {
    enum { BESIDE_ROOM = 64 };
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0 || length >= sizeof job->path - BESIDE_ROOM)
        return ll_fail(job->error, LL_BAD_USAGE, "%.64s: a path to write to has 1 to %zu bytes", path,
                       sizeof job->path - BESIDE_ROOM - 1);
    memcpy(job->path, path, length);
    job->path[length] = 0;
    memcpy(job->beside, job->path, length);
    snprintf(job->beside + length, BESIDE_ROOM, ".part-%ld", (long)getpid());
    return check_free(job, job->path, folder);
}

ll_status ll_export_check_room(const ll_export_job *job, uint64_t bytes) {
    char folder[PATH_MAX];
    const char *slash = strrchr(job->path, '/');
    const size_t length = slash ? (size_t)(slash - job->path) + 1 : 0;
    snprintf(folder, sizeof folder, "%.*s", length ? (int)length : 1, length ? job->path : ".");
    struct statvfs system;
    if (statvfs(folder, &system) != 0)
        return ll_fail(job->error, LL_BAD_INPUT, "%s: cannot be written: folder %s: %s", job->path, folder,
                       strerror(errno));
    uint64_t available;
    if (__builtin_mul_overflow((uint64_t)system.f_bavail, (uint64_t)system.f_frsize, &available) ||
        bytes <= available)
        return LL_OK;
    return ll_fail(job->error, LL_NO_RESOURCE,
                   "%s: needs %" PRIu64 " bytes of disk, %" PRIu64
                   " are available; make room or write elsewhere",
                   job->path, bytes, available);
}

/* The old folder stays until the new one is there. */
static ll_status replace_folder(const ll_export_job *job) {
    char old[PATH_MAX];
    snprintf(old, sizeof old, "%.*s.old-%ld", PATH_MAX - 32, job->path, (long)getpid());
    if (rename(job->path, old) != 0)
        return ll_export_failed(job->path, errno, job->error);
    if (rename(job->beside, job->path) != 0) {
        const int reason = errno;
        if (rename(old, job->path) != 0)
            return ll_fail(job->error, LL_BAD_INPUT, "%s: cannot be written: %s; what was there is now %s",
                           job->path, strerror(reason), old);
        return ll_export_failed(job->path, reason, job->error);
    }
    if (!remove_folder(old))
        return ll_fail(job->error, LL_BAD_INPUT,
                       "%s: is written, but what was there, now %s, cannot be removed", job->path, old);
    return LL_OK;
}

ll_status ll_export_place(const ll_export_job *job, bool folder) {
    if (folder && is_folder(job->path))
        return replace_folder(job);
    return rename(job->beside, job->path) == 0 ? LL_OK : ll_export_failed(job->path, errno, job->error);
}

void ll_export_discard(const ll_export_job *job) {
    if (is_folder(job->beside))
        remove_folder(job->beside);
    else
        unlink(job->beside);
}
