#include "export_parts.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { PIECE = 4 << 20 };

ll_status ll_export_failed(const char *path, int reason, ll_error *error) {
    const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG || reason == EIO;
    return ll_fail(error, full ? LL_NO_RESOURCE : LL_BAD_INPUT, "%s: cannot be written: %s%s", path,
                   strerror(reason), full ? "; make room and run again" : "");
}

ll_status ll_export_create(ll_export_file *out, const ll_export_job *job, const char *folder,
                           const char *name) {
    *out = (ll_export_file){.job = job};
    const int length =
        snprintf(out->path, sizeof out->path, "%s%s%s", folder, name ? "/" : "", name ? name : "");
    if (length < 0 || (size_t)length >= sizeof out->path)
        return ll_export_failed(folder, ENAMETOOLONG, job->error);
    out->stream = fopen(out->path, "wbxe");
    return out->stream ? LL_OK : ll_export_failed(out->path, errno, job->error);
}

ll_status ll_export_put(ll_export_file *file, const void *data, uint64_t bytes) {
    if (bytes && fwrite(data, 1, (size_t)bytes, file->stream) != bytes)
        return ll_export_failed(file->path, errno, file->job->error);
    file->bytes += bytes;
    return LL_OK;
}

ll_status ll_export_put_number(ll_export_file *file, uint64_t value, size_t bytes) {
    uint8_t little[sizeof value];
    for (size_t i = 0; i < sizeof value; i++)
        little[i] = (uint8_t)(value >> 8 * i);
    return ll_export_put(file, little, bytes);
}

ll_status ll_export_pad(ll_export_file *file, uint64_t bytes) {
    static const uint8_t ZEROS[4096];
    for (uint64_t left = bytes, step; left; left -= step) {
        step = left < sizeof ZEROS ? left : sizeof ZEROS;
        LL_TRY(ll_export_put(file, ZEROS, step));
    }
    return LL_OK;
}

ll_status ll_export_put_tensor(ll_export_file *file, const ll_tensor *tensor, uint64_t before) {
    if (tensor->bytes == 0)
        return LL_OK;
    const ll_export_options *options = file->job->options;
    const uint64_t rows = tensor->values / tensor->dims[0], row = tensor->bytes / rows;
    const uint64_t step = row < PIECE ? PIECE / row : 1;
    for (uint64_t first = 0, count; first < rows; first += count) {
        count = step < rows - first ? step : rows - first;
        LL_TRY(ll_export_put(file, (const uint8_t *)tensor->data + first * row, count * row));
        ll_checkpoint_release(tensor, (size_t)first, (size_t)count);
        if (options->progress &&
            !options->progress(options->context, before + (first + count) * row, file->job->bytes))
            return ll_fail(file->job->error, LL_NO_RESOURCE, "%s: stopped; nothing is kept of it",
                           file->job->path);
    }
    return LL_OK;
}

ll_status ll_export_finish(ll_export_file *file, ll_status status) {
    if (!file->stream)
        return status;
    if (status == LL_OK && (fflush(file->stream) != 0 || fsync(fileno(file->stream)) != 0))
        status = ll_export_failed(file->path, errno, file->job->error);
    if (fclose(file->stream) != 0 && status == LL_OK)
        status = ll_export_failed(file->path, errno, file->job->error);
    return status;
}

ll_status ll_export_put_file(const ll_export_job *job, const char *folder, const char *name, const char *text,
                             size_t length) {
    ll_export_file file;
    ll_status status = ll_export_create(&file, job, folder, name);
    if (status == LL_OK)
        status = ll_export_put(&file, text, length);
    return ll_export_finish(&file, status);
}
