#include "file.h"
#include "documents.h"
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ll_status ll_file_read_open(int descriptor, const char *path, char **data, size_t *length, ll_error *error) {
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return ll_fail(error, LL_BAD_INPUT, "%s: is %s; expected a file", path,
                       S_ISDIR(info.st_mode) ? "a folder" : "no regular file");
    LL_TRY(ll_memory_require((uint64_t)info.st_size + 1, path, error));
    const size_t size = (size_t)info.st_size;
    char *bytes = malloc(size + 1);
    if (!bytes)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its %zu bytes", path, size);
    size_t used = 0;
    while (used < size) {
        const ssize_t got = pread(descriptor, bytes + used, size - used, (off_t)used);
        if (got == 0)
            break;
        if (got > 0) {
            used += (size_t)got;
        } else if (errno != EINTR) {
            const int reason = errno;
            free(bytes);
            return ll_fail(error, LL_BAD_INPUT, "%s: reading failed at byte %zu: %s", path, used,
                           strerror(reason));
        }
    }
    bytes[used] = 0;
    *data = bytes;
    *length = used;
    return LL_OK;
}

bool ll_file_write_all(int descriptor, const char *data, size_t length) {
    while (length) {
        const ssize_t put = write(descriptor, data, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        data += put;
        length -= (size_t)put;
    }
    return true;
}

ll_status ll_file_read(const char *path, char **data, size_t *length, ll_error *error) {
    /* Not blocking: a pipe without a writer would hold the open for ever. */
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    const ll_status status = ll_file_read_open(descriptor, path, data, length, error);
    close(descriptor);
    return status;
}

static ll_status write_failed(const char *path, const char *beside, int reason, ll_error *error) {
    if (beside)
        unlink(beside);
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG || reason == EIO;
    return ll_fail(error, full ? LL_NO_RESOURCE : LL_BAD_INPUT, "%s: cannot be written: %s%s", path,
                   strerror(reason), full ? "; make room and run again" : "");
}

ll_status ll_file_write(const char *path, const char *data, size_t length, ll_error *error) {
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return ll_fail(error, LL_BAD_INPUT, "%s: is %s; expected a file that can be replaced", path,
                       S_ISDIR(info.st_mode) ? "a folder" : "no regular file");
    char beside[4096];
    const int size = snprintf(beside, sizeof beside, "%s.part-%ld", path, (long)getpid());
    if (size < 0 || (size_t)size >= sizeof beside)
        return ll_fail(error, LL_BAD_USAGE, "%.200s...: the path is longer than %zu bytes", path,
                       sizeof beside - 32);
    const int descriptor = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0)
        return write_failed(path, NULL, errno, error);
    bool good = ll_file_write_all(descriptor, data, length) && fsync(descriptor) == 0;
    int reason = errno;
    if (close(descriptor) != 0 && good) {
        good = false;
        reason = errno;
    }
    if (good && rename(beside, path) != 0) {
        good = false;
        reason = errno;
    }
    return good ? LL_OK : write_failed(path, beside, reason, error);
}

ll_status ll_folder_make(const char *path, ll_error *error) {
    char part[4096];
    const size_t length = strlen(path);
    if (length == 0 || length >= sizeof part)
        return ll_fail(error, LL_BAD_USAGE, "a folder's path has %zu bytes; expected 1 to %zu", length,
                       sizeof part - 1);
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != 0)
            continue;
        memcpy(part, path, i);
        part[i] = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            return write_failed(part, NULL, errno, error);
    }
    struct stat info;
    if (stat(path, &info) != 0)
        return write_failed(path, NULL, errno, error);
    if (!S_ISDIR(info.st_mode))
        return ll_fail(error, LL_BAD_INPUT, "%s: is a file; expected a folder, or a name that is free", path);
    return LL_OK;
}
