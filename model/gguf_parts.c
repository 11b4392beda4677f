#include "gguf_parts.h"
#include "path.h"
#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    MAX_PARTS = 9999,
    DIGITS = 5,
    SUFFIX_BYTES = 1 + DIGITS + 4 + DIGITS + 5
}; /* "-00001-of-00003.gguf" */

/* The number of DIGITS digits at text, 0 when it is none (parts count from 1). */
static size_t digits(const char *text) {
    size_t value = 0;
    for (int i = 0; i < DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 0;
        value = value * 10 + (size_t)(text[i] - '0');
    }
    return value;
}

/* Whether a file's name is that of a part; prefix: bytes before its suffix. */
static bool is_part_name(const char *name, size_t *prefix, size_t *number, size_t *count) {
    const size_t length = strlen(name);
    if (length <= SUFFIX_BYTES)
        return false;
    *prefix = length - SUFFIX_BYTES;
    const char *suffix = name + *prefix;
    if (suffix[0] != '-' || memcmp(suffix + 1 + DIGITS, "-of-", 4) != 0 ||
        strcmp(suffix + 1 + 2 * DIGITS + 4, ".gguf") != 0)
        return false;
    *number = digits(suffix + 1);
    *count = digits(suffix + 1 + DIGITS + 4);
    return *number && *number <= *count && *count <= MAX_PARTS;
}

static void part_path(char out[PATH_MAX], const char *path, size_t prefix, size_t number, size_t count) {
    snprintf(out, PATH_MAX, "%.*s-%05zu-of-%05zu.gguf", (int)prefix, path, number, count);
}

/* Every part that is not on disk, in one sentence. */
static ll_status check_there(const char *path, size_t prefix, size_t count, ll_error *error) {
    char missing[512] = "", name[PATH_MAX];
    size_t absent = 0;
    for (size_t i = 1; i <= count; i++) {
        struct stat info;
        part_path(name, path, prefix, i, count);
        if (stat(name, &info) == 0)
            continue;
        const size_t used = strlen(missing);
        if (absent++ < 5)
            snprintf(missing + used, sizeof missing - used, "%s%zu", absent > 1 ? ", " : "", i);
    }
    if (!absent)
        return LL_OK;
    return ll_fail(error, LL_BAD_INPUT,
                   "%.*s-*-of-%05zu.gguf: %zu of %zu parts missing: number %s%s; fetch them", (int)prefix,
                   path, count, absent, count, missing, absent > 5 ? ", ..." : "");
}

/* A part says which one it is (from 0), of how many, and how many tensors all have together. */
static ll_status check_part(const ll_gguf *gguf, size_t index, size_t count, uint64_t *tensors,
                            ll_error *error) {
    uint64_t number = 0, parts = 0;
    LL_TRY(ll_gguf_get_u64(gguf, "split.no", &number, NULL, error));
    LL_TRY(ll_gguf_get_u64(gguf, "split.count", &parts, NULL, error));
    LL_TRY(ll_gguf_get_u64(gguf, "split.tensors.count", tensors, NULL, error));
    if (number != index || parts != count)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: its keys split.no and split.count say part %" PRIu64 " (from 0) of %" PRIu64
                       ", its name says part %zu of %zu; fetch it again",
                       ll_gguf_path(gguf), number, parts, index, count);
    return LL_OK;
}

static ll_status check_tensors(const ll_gguf_parts *parts, uint64_t expected, ll_error *error) {
    uint64_t total = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const ll_gguf *gguf = parts->part[i];
        total += ll_gguf_tensor_count(gguf);
        for (size_t t = 0; t < ll_gguf_tensor_count(gguf); t++) {
            const ll_gguf *first = gguf;
            const char *name = ll_gguf_tensor_at(gguf, t)->name;
            ll_gguf_parts_find(parts, name, &first);
            if (first != gguf)
                return ll_fail(error, LL_BAD_INPUT, "%s: tensor %s is in %s too; fetch the model again",
                               ll_gguf_path(gguf), name, ll_gguf_path(first));
        }
    }
    if (total != expected)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: key split.tensors.count says %" PRIu64 " tensors, the %zu parts have %" PRIu64
                       "; fetch the model again",
                       ll_gguf_path(parts->part[0]), expected, parts->count, total);
    return LL_OK;
}

static ll_status open_split(ll_gguf_parts *out, const char *path, size_t prefix, size_t count,
                            ll_error *error) {
    LL_TRY(check_there(path, prefix, count, error));
    free(out->part);
    out->part = calloc(count, sizeof *out->part);
    if (!out->part)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for %zu parts", path, count);
    uint64_t tensors = 0, said;
    for (size_t i = 0; i < count; i++) {
        char name[PATH_MAX];
        part_path(name, path, prefix, i + 1, count);
        LL_TRY(ll_gguf_open(&out->part[i], name, error));
        out->count = i + 1;
        LL_TRY(check_part(out->part[i], i, count, &said, error));
        tensors = i ? tensors : said;
    }
    return check_tensors(out, tensors, error);
}

/* One file: whole, unless it says that it is a part. */
static ll_status open_file(ll_gguf_parts *out, const char *path, ll_error *error) {
    size_t prefix, number, count;
    if (strlen(path) >= PATH_MAX)
        return ll_fail(error, LL_BAD_INPUT, "%.64s...: the path is longer than %d bytes", path, PATH_MAX - 1);
    out->part = calloc(1, sizeof *out->part);
    if (!out->part)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to open it", path);
    LL_TRY(ll_gguf_open(&out->part[0], path, error));
    out->count = 1;
    uint64_t parts = 1;
    bool found;
    LL_TRY(ll_gguf_get_u64(out->part[0], "split.count", &parts, &found, error));
    if (parts <= 1)
        return LL_OK;
    if (!is_part_name(path, &prefix, &number, &count))
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: key split.count says it is one of %" PRIu64
                       " parts, but only names such as NAME-00001-of-%05" PRIu64
                       ".gguf tell where the others are; rename them",
                       path, parts, parts);
    ll_gguf_parts_close(out);
    return open_split(out, path, prefix, count, error);
}

/* The one model of a folder: the .gguf file or the parts that it holds. Where parts lie without their first one, any of them:
 * it tells which are missing. */
static ll_status find_in_folder(const char *folder, char out[PATH_MAX], ll_error *error) {
    DIR *entries = opendir(folder);
    if (!entries)
        return ll_fail(error, LL_BAD_INPUT, "%s: the folder cannot be read", folder);
    size_t models = 0, others = 0;
    const struct dirent *entry;
    while ((entry = readdir(entries))) {
        size_t prefix, number, count;
        if (!ll_path_ends_with(entry->d_name, ".gguf"))
            continue;
        const bool other = is_part_name(entry->d_name, &prefix, &number, &count) && number != 1;
        *(other ? &others : &models) += 1;
        if (!other || models == 0)
            snprintf(out, PATH_MAX, "%s/%s", folder, entry->d_name);
    }
    closedir(entries);
    if (models == 1 || (models == 0 && others > 0))
        return LL_OK;
    return ll_fail(
        error, LL_BAD_INPUT,
        "%s: holds %zu models (whole .gguf files or first parts), expected one; give the path of one file",
        folder, models);
}

ll_status ll_gguf_parts_open(ll_gguf_parts *out, const char *path, ll_error *error) {
    *out = (ll_gguf_parts){0};
    char file[PATH_MAX];
    if (ll_path_is_folder(path)) {
        LL_TRY(find_in_folder(path, file, error));
        path = file;
    }
    const ll_status status = open_file(out, path, error);
    if (status != LL_OK)
        ll_gguf_parts_close(out);
    return status;
}

void ll_gguf_parts_close(ll_gguf_parts *parts) {
    for (size_t i = 0; i < parts->count; i++)
        ll_gguf_close(parts->part[i]);
    free(parts->part);
    *parts = (ll_gguf_parts){0};
}

const ll_tensor *ll_gguf_parts_find(const ll_gguf_parts *parts, const char *name, const ll_gguf **part) {
    for (size_t i = 0; i < parts->count; i++) {
        const ll_tensor *tensor = ll_gguf_tensor_find(parts->part[i], name);
        if (!tensor)
            continue;
        if (part)
            *part = parts->part[i];
        return tensor;
    }
    return NULL;
}
