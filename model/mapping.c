#include "mapping.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static ll_status map_descriptor(ll_mapping *out, int file, const char *path, ll_error *error) {
    struct stat info;
    if (fstat(file, &info) != 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode))
        return ll_fail(error, LL_BAD_INPUT, "%s: is not a file", path);
    if (info.st_size == 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: is empty; fetch it again", path);
    void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED)
        return ll_fail(error, LL_NO_RESOURCE, "%s: its %jd bytes cannot be mapped: %s", path,
                       (intmax_t)info.st_size, strerror(errno));
    *out = (ll_mapping){.data = data, .bytes = (uint64_t)info.st_size};
    return LL_OK;
}

ll_status ll_mapping_open(ll_mapping *out, const char *path, ll_error *error) {
    *out = (ll_mapping){0};
    /* Without blocking: a pipe in a model's place must not hang the program. */
    const int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    ll_status status = map_descriptor(out, file, path, error);
    close(file);
    if (status == LL_OK && ll_mapping_starts_with(out, "version https://git-lfs")) {
        status =
            ll_fail(error, LL_BAD_INPUT,
                    "%s: is a Git LFS pointer of %" PRIu64 " bytes, not the file itself; run git lfs pull",
                    path, out->bytes);
        ll_mapping_close(out);
    }
    return status;
}

void ll_mapping_close(ll_mapping *mapping) {
    if (mapping->data)
        munmap((void *)(uintptr_t)mapping->data, (size_t)mapping->bytes);
    *mapping = (ll_mapping){0};
}

bool ll_mapping_starts_with(const ll_mapping *mapping, const char *text) {
    const size_t length = strlen(text);
    return mapping->bytes >= length && memcmp(mapping->data, text, length) == 0;
}
