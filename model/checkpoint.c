#include "checkpoint.h"
#include "config_hf.h"
#include "gguf_parts.h"
#include "path.h"
#include "safetensors.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct ll_checkpoint {
    char *path;
    char *config_path; /* config.json; NULL in GGUF form */
    ll_format format;
    ll_config config;
    ll_gguf_parts parts;
    ll_safetensors *files;
    const ll_tensor *outside[LL_ROLE_COUNT];
    const ll_tensor *(*in_block)[LL_ROLE_COUNT]; /* [layers] */
    const char **unused;
    size_t unused_count;
};

/* ---- tensors by role ---- */

static const ll_tensor *find_name(const ll_checkpoint *c, const char *name) {
    if (!*name)
        return NULL;
    return c->format == LL_FORMAT_GGUF ? ll_gguf_parts_find(&c->parts, name, NULL)
                                       : ll_safetensors_find(c->files, name);
}

const char *ll_checkpoint_file_of(const ll_checkpoint *c, const ll_tensor *tensor) {
    if (c->format == LL_FORMAT_HF)
        return ll_safetensors_file_of(c->files, tensor);
    const ll_gguf *part = c->parts.part[0];
    ll_gguf_parts_find(&c->parts, tensor->name, &part);
    return ll_gguf_path(part);
}

static ll_status check_shape(const ll_checkpoint *c, ll_role role, const ll_tensor *tensor, ll_error *error) {
    size_t row, rows;
    ll_role_shape(&c->config, role, &row, &rows);
    const uint64_t high = rows ? rows : 1;
    if (tensor->dims[0] == row && tensor->dims[1] == high && tensor->dims[2] == 1 && tensor->dims[3] == 1)
        return LL_OK;
    return ll_fail(error, LL_BAD_INPUT,
                   "%s: tensor %s has %" PRIu64 " rows of %" PRIu64 " values, expected %" PRIu64
                   " of %zu by the model's configuration",
                   ll_checkpoint_file_of(c, tensor), tensor->name,
                   tensor->dims[1] * tensor->dims[2] * tensor->dims[3], tensor->dims[0], high, row);
}

/* A head beside tied embeddings, which published checkpoints have, is nothing to the model, whatever its shape. */
static bool is_ignored(const ll_checkpoint *c, ll_role role) {
    return role == LL_ROLE_HEAD && c->config.tied;
}

static ll_status find_role(ll_checkpoint *c, ll_role role, size_t layer, ll_error *error) {
    char name[LL_TENSOR_NAME];
    ll_role_name(c->format, role, layer, name);
    const ll_tensor *tensor = is_ignored(c, role) ? NULL : find_name(c, name);
    if (!tensor && ll_role_needed(&c->config, role, layer))
        return ll_fail(error, LL_BAD_INPUT, "%s: tensor %s is missing; the model's configuration needs it",
                       c->path, name);
    if (tensor)
        LL_TRY(check_shape(c, role, tensor, error));
    if (ll_role_in_block(role))
        c->in_block[layer][role] = tensor;
    else
        c->outside[role] = tensor;
    return LL_OK;
}

static size_t tensor_count(const ll_checkpoint *c) {
    size_t count = 0;
    for (size_t i = 0; i < c->parts.count; i++)
        count += ll_gguf_tensor_count(c->parts.part[i]);
    return c->files ? ll_safetensors_count(c->files) : count;
}

static const ll_tensor *tensor_at(const ll_checkpoint *c, size_t index) {
    if (c->files)
        return ll_safetensors_at(c->files, index);
    size_t part = 0;
    while (index >= ll_gguf_tensor_count(c->parts.part[part]))
        index -= ll_gguf_tensor_count(c->parts.part[part++]);
    return ll_gguf_tensor_at(c->parts.part[part], index);
}

/* The block that a tensor's name puts it in; false: in none. */
static bool block_of(const ll_checkpoint *c, const char *name, size_t *layer) {
    const char *prefix = c->format == LL_FORMAT_GGUF ? "blk." : "model.layers.";
    const size_t length = strlen(prefix);
    char *end;
    if (strncmp(name, prefix, length) != 0 || name[length] < '0' || name[length] > '9')
        return false;
    *layer = (size_t)strtoull(name + length, &end, 10);
    return *end == '.' && *layer < c->config.layers;
}

/* Whether some role is called so, needed or not, but for an ignored one. */
static bool is_known(const ll_checkpoint *c, const char *name) {
    char known[LL_TENSOR_NAME];
    size_t layer = 0;
    const bool inside = block_of(c, name, &layer);
    for (int role = 0; role < LL_ROLE_COUNT; role++) {
        ll_role_name(c->format, (ll_role)role, layer, known);
        if (ll_role_in_block((ll_role)role) == inside && strcmp(known, name) == 0)
            return !is_ignored(c, (ll_role)role);
    }
    return false;
}

/* A bias that the configuration denies: in a block that is not dropped, since of those tensors are neither needed nor wrong. */
static bool is_superfluous(const ll_checkpoint *c, const char *name) {
    static const ll_role BIASES[] = {LL_ROLE_Q_BIAS,    LL_ROLE_K_BIAS,  LL_ROLE_V_BIAS,   LL_ROLE_O_BIAS,
                                     LL_ROLE_GATE_BIAS, LL_ROLE_UP_BIAS, LL_ROLE_DOWN_BIAS};
    char known[LL_TENSOR_NAME];
    size_t layer = 0;
    block_of(c, name, &layer);
    for (size_t i = 0; i < sizeof BIASES / sizeof *BIASES; i++) {
        ll_role_name(c->format, BIASES[i], layer, known);
        if (strcmp(known, name) == 0)
            return !ll_role_needed(&c->config, BIASES[i], layer) && !c->config.dropped.attn[layer] &&
                   !c->config.dropped.mlp[layer];
    }
    return false;
}

static ll_status list_unused(ll_checkpoint *c, ll_error *error) {
    const size_t count = tensor_count(c);
    c->unused = calloc(count + 1, sizeof *c->unused);
    if (!c->unused)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for the names of its tensors", c->path);
    for (size_t i = 0; i < count; i++) {
        const ll_tensor *tensor = tensor_at(c, i);
        size_t layer;
        const bool known = is_known(c, tensor->name);
        if (known && !is_superfluous(c, tensor->name))
            continue;
        if (!known && !block_of(c, tensor->name, &layer)) {
            c->unused[c->unused_count++] = tensor->name;
            continue;
        }
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: tensor %s is in a block but part of no layer that the model's configuration has: the model "
            "would be wrong without it",
            ll_checkpoint_file_of(c, tensor), tensor->name);
    }
    return LL_OK;
}

static ll_status find_tensors(ll_checkpoint *c, ll_error *error) {
    c->in_block = calloc(c->config.layers, sizeof *c->in_block);
    if (!c->in_block)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for the tensors of %zu blocks", c->path,
                       c->config.layers);
    for (int role = 0; role < LL_ROLE_COUNT; role++)
        for (size_t layer = 0; layer < (ll_role_in_block((ll_role)role) ? c->config.layers : 1); layer++)
            LL_TRY(find_role(c, (ll_role)role, layer, error));
    return list_unused(c, error);
}

/* ---- opening ---- */

/* Users give the file that they see: of a folder in Hugging Face form that may be any of its own, and *path (malloc'd)
 * becomes the folder's. */
static ll_status hf_folder_of(char **path, ll_error *error) {
    const char *name = ll_path_base(*path);
    const bool in_hf = ll_path_ends_with(name, ".safetensors") ||
                       ll_path_ends_with(name, ".safetensors.index.json") || strcmp(name, "config.json") == 0;
    if (!in_hf || ll_path_is_folder(*path))
        return LL_OK;
    const size_t length = (size_t)(name - *path); /* with its slash; 0: the present folder */
    char *folder = length ? strndup(*path, length > 1 ? length - 1 : length) : strdup(".");
    if (!folder)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to open it", *path);
    ll_status status = LL_OK;
    if (!ll_path_is_there(folder, "config.json"))
        status = ll_fail(error, LL_BAD_INPUT,
                         "%s: has no config.json beside %s, which tells the model's shape", folder, name);
    free(*path);
    *path = folder;
    return status;
}

/* Whether a folder is in Hugging Face form. A config.json alone does not tell: folders of GGUF files often have one. */
static bool is_hf_folder(const char *path) {
    if (!ll_path_is_folder(path))
        return false;
    if (ll_path_is_there(path, LL_SAFETENSORS_WHOLE) || ll_path_is_there(path, LL_SAFETENSORS_INDEX))
        return true;
    return !ll_path_holds(path, ".gguf") &&
           (ll_path_is_there(path, "config.json") || ll_path_holds(path, ".safetensors"));
}

static ll_status open_hf(ll_checkpoint *c, ll_error *error) {
    c->format = LL_FORMAT_HF;
    if (!(c->config_path = ll_path_in(c->path, "config.json")))
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to open it", c->path);
    if (!ll_path_is_there(c->path, "config.json"))
        return ll_fail(error, LL_BAD_INPUT, "%s: has no config.json, which tells the model's shape; fetch it",
                       c->path);
    LL_TRY(ll_config_from_hf(&c->config, c->path, error));
    return ll_safetensors_open(&c->files, c->path, error);
}

static ll_status open_any(ll_checkpoint *c, ll_error *error) {
    LL_TRY(hf_folder_of(&c->path, error));
    if (is_hf_folder(c->path)) {
        LL_TRY(open_hf(c, error));
    } else {
        c->format = LL_FORMAT_GGUF;
        LL_TRY(ll_gguf_parts_open(&c->parts, c->path, error));
        LL_TRY(ll_config_from_gguf(&c->config, &c->parts, error));
    }
    return find_tensors(c, error);
}

ll_status ll_checkpoint_open(ll_checkpoint **out, const char *path, ll_error *error) {
    *out = NULL;
    if (strlen(path) >= PATH_MAX - 64)
        return ll_fail(error, LL_BAD_INPUT, "%.64s...: the path is longer than %d bytes", path,
                       PATH_MAX - 65);
    ll_checkpoint *c = calloc(1, sizeof *c);
    ll_status status = LL_OK;
    if (!c || !(c->path = strdup(path)))
        status = ll_fail(error, LL_NO_RESOURCE, "%s: no memory to open it", path);
    if (status == LL_OK)
        status = open_any(c, error);
    if (status == LL_OK)
        *out = c;
    else
        ll_checkpoint_close(c);
    return status;
}

void ll_checkpoint_close(ll_checkpoint *c) {
    if (!c)
        return;
    ll_gguf_parts_close(&c->parts);
    ll_safetensors_close(c->files);
    free(c->unused);
    free(c->in_block);
    free(c->config_path);
    free(c->path);
    free(c);
}

ll_status ll_checkpoint_tokenizer(ll_tokenizer **out, const ll_checkpoint *c, ll_error *error) {
    return c->format == LL_FORMAT_GGUF ? ll_tokenizer_from_gguf(out, c->parts.part[0], c->config.vocab, error)
                                       : ll_tokenizer_from_folder(out, c->path, c->config.vocab, error);
}

static ll_status open_tokenizer(ll_tokenizer **out, const char *path, ll_error *error) {
    ll_config config;
    if (is_hf_folder(path)) {
        LL_TRY(ll_config_from_hf(&config, path, error));
        return ll_tokenizer_from_folder(out, path, config.vocab, error);
    }
    ll_gguf_parts parts;
    LL_TRY(ll_gguf_parts_open(&parts, path, error));
    ll_status status = ll_config_from_gguf(&config, &parts, error);
    if (status == LL_OK)
        status = ll_tokenizer_from_gguf(out, parts.part[0], config.vocab, error);
    ll_gguf_parts_close(&parts);
    return status;
}

ll_status ll_tokenizer_open(ll_tokenizer **out, const char *path, ll_error *error) {
    *out = NULL;
    char *place = strdup(path);
    if (!place)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory to open it", path);
    ll_status status = hf_folder_of(&place, error);
    if (status == LL_OK)
        status = open_tokenizer(out, place, error);
    free(place);
    return status;
}

/* ---- what it holds ---- */

const char *ll_checkpoint_path(const ll_checkpoint *c) {
    return c->path;
}
ll_format ll_checkpoint_format(const ll_checkpoint *c) {
    return c->format;
}
const ll_config *ll_checkpoint_config(const ll_checkpoint *c) {
    return &c->config;
}
const ll_gguf *ll_checkpoint_gguf(const ll_checkpoint *c) {
    return c->format == LL_FORMAT_GGUF ? c->parts.part[0] : NULL;
}
const ll_tensor *ll_checkpoint_tensor(const ll_checkpoint *c, ll_role role, size_t layer) {
    return ll_role_in_block(role) ? c->in_block[layer][role] : c->outside[role];
}
const char *ll_checkpoint_unused(const ll_checkpoint *c, size_t index) {
    return index < c->unused_count ? c->unused[index] : NULL;
}

static size_t weight_files(const ll_checkpoint *c) {
    return c->files ? ll_safetensors_file_count(c->files) : c->parts.count;
}

size_t ll_checkpoint_file_count(const ll_checkpoint *c) {
    return weight_files(c) + (c->config_path != NULL);
}

const char *ll_checkpoint_file(const ll_checkpoint *c, size_t index) {
    if (index == weight_files(c))
        return c->config_path;
    return c->files ? ll_safetensors_file_path(c->files, index) : ll_gguf_path(c->parts.part[index]);
}

uint64_t ll_checkpoint_bytes(const ll_checkpoint *c) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < c->parts.count; i++)
        bytes += ll_gguf_file_bytes(c->parts.part[i]);
    return c->files ? ll_safetensors_bytes(c->files) : bytes;
}

void ll_checkpoint_release(const ll_tensor *tensor, size_t first, size_t rows) {
    const uint64_t row = tensor->bytes / (tensor->values / tensor->dims[0]);
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = (uintptr_t)tensor->data + first * row, end = begin + rows * row;
    /* Pages at the ends are shared with neighbours that may be in use; they cost nothing but a fault if let go, so only
     * the whole ones are. A refusal costs memory, not results. */
    const uintptr_t whole = (begin + page - 1) / page * page, past = end / page * page;
    if (whole < past)
        (void)madvise((void *)whole, past - whole, MADV_DONTNEED);
}

/* ---- hashes ---- */

ll_status ll_checkpoint_sha256(const ll_checkpoint *c, const ll_hash_watch *watch, char hex[LL_SHA256_TEXT],
                               ll_error *error) {
    const size_t count = ll_checkpoint_file_count(c);
    if (count == 1)
        return ll_sha256_file(ll_checkpoint_file(c, 0), watch, hex, error);
    char *lines = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&lines, &length);
    if (!stream)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for the hashes of %zu files", c->path, count);
    ll_status status = LL_OK;
    for (size_t i = 0; i < count && status == LL_OK; i++) {
        status = ll_sha256_file(ll_checkpoint_file(c, i), watch, hex, error);
        fprintf(stream, "%s %s\n", hex, ll_path_base(ll_checkpoint_file(c, i)));
    }
    if (fclose(stream) != 0 && status == LL_OK)
        status = ll_fail(error, LL_NO_RESOURCE, "%s: no memory for the hashes of %zu files", c->path, count);
    if (status == LL_OK)
        ll_sha256_bytes(lines, length, hex);
    free(lines);
    return status;
}

ll_status ll_checkpoint_identity(const ll_checkpoint *c, char hex[LL_SHA256_TEXT], ll_error *error) {
    char *lines = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&lines, &length);
    if (!stream)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its identity", c->path);
    ll_status status = LL_OK;
    for (size_t i = 0; i < ll_checkpoint_file_count(c) && status == LL_OK; i++) {
        const char *file = ll_checkpoint_file(c, i);
        char real[PATH_MAX];
        struct stat info;
        if (!realpath(file, real) || stat(real, &info) != 0)
            status = ll_fail(error, LL_BAD_INPUT, "%s: cannot be looked at: %s", file, strerror(errno));
        else
            fprintf(stream, "%s %jd %jd.%09ld %ju %jd.%09ld\n", real, (intmax_t)info.st_size,
                    (intmax_t)info.st_mtim.tv_sec, info.st_mtim.tv_nsec, (uintmax_t)info.st_ino,
                    (intmax_t)info.st_ctim.tv_sec, info.st_ctim.tv_nsec);
    }
    if (fclose(stream) != 0 && status == LL_OK)
        status = ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its identity", c->path);
    if (status == LL_OK)
        ll_sha256_bytes(lines, length, hex);
    free(lines);
    return status;
}
