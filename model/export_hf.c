/* A folder in Hugging Face form without dropped modules. */
#include "export_parts.h"
#include "gguf_reader.h"
#include "path.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t SHARD_BYTES = 5000000000; /* as transformers writes them */

/* ---- what goes with the weights ---- */

/* Of the tokenizer, of generation, and the code that a config may name. */
static bool is_companion(const char *name) {
    static const char *const NAMES[] = {"tokenizer.json",
                                        "tokenizer.model",
                                        "tokenizer_config.json",
                                        "vocab.json",
                                        "special_tokens_map.json",
                                        "added_tokens.json",
                                        "merges.txt",
                                        "generation_config.json",
                                        "chat_template.json",
                                        "chat_template.jinja",
                                        "LICENSE",
                                        "LICENSE.txt"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (strcmp(name, NAMES[i]) == 0)
            return true;
    return ll_path_ends_with(name, ".py");
}

static ll_status copy_stream(ll_export_file *to, FILE *from, const char *path) {
    char piece[1 << 16];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, from)) > 0)
        LL_TRY(ll_export_put(to, piece, got));
    return ferror(from)
               ? ll_fail(to->job->error, LL_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno))
               : LL_OK;
}

static ll_status copy_file(const ll_export_job *job, const char *path, const char *name) {
    FILE *from = fopen(path, "rbe");
    if (!from)
        return ll_fail(job->error, LL_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    ll_export_file to;
    ll_status status = ll_export_create(&to, job, job->beside, name);
    if (status == LL_OK)
        status = copy_stream(&to, from, path);
    fclose(from);
    return ll_export_finish(&to, status);
}

static ll_status copy_companions(const ll_export_job *job) {
    const char *folder = ll_checkpoint_path(job->source);
    DIR *stream = opendir(folder);
    if (!stream)
        return ll_fail(job->error, LL_BAD_INPUT, "%s: cannot be read: %s", folder, strerror(errno));
    ll_status status = LL_OK;
    for (const struct dirent *item; status == LL_OK && (item = readdir(stream));) {
        char path[PATH_MAX];
        struct stat info;
        const int length = snprintf(path, sizeof path, "%s/%s", folder, item->d_name);
        if (is_companion(item->d_name) && length > 0 && (size_t)length < sizeof path &&
            stat(path, &info) == 0 && S_ISREG(info.st_mode))
            status = copy_file(job, path, item->d_name);
    }
    closedir(stream);
    return status;
}

static ll_status put_config(const ll_export_job *job) {
    char *text;
    size_t length;
    LL_TRY(ll_export_config(job, &text, &length));
    const ll_status status = ll_export_put_file(job, job->beside, "config.json", text, length);
    free(text);
    return status;
}

/* ---- weights ---- */

/* The tensors that one file takes. */
typedef struct {
    const ll_export_job *job;
    size_t first, count;
} shard;

/* From first on, out of one file of the source and of at most SHARD_BYTES; whole: all there are. */
static shard next_shard(const ll_export_job *job, size_t first, bool whole) {
    shard s = {job, first, 0};
    uint64_t bytes = 0;
    const char *file = ll_safetensors_file_of(job->files, job->kept[first].tensor);
    for (size_t i = first; i < job->count; i++, s.count++) {
        const ll_tensor *tensor = job->kept[i].tensor;
        bytes += tensor->bytes;
        if (!whole && i > first &&
            (bytes > SHARD_BYTES || strcmp(file, ll_safetensors_file_of(job->files, tensor)) != 0))
            break;
    }
    return s;
}

/* The header of the source's file that holds the shard's tensors. */
static ll_status source_header(const shard *s, json_t **out) {
    const ll_safetensors *files = s->job->files;
    const char *path = ll_safetensors_file_of(files, s->job->kept[s->first].tensor);
    size_t i = 0;
    while (files->files[i].path != path)
        i++;
    const uint8_t *data = files->files[i].map.data;
    return ll_json_parse(out, (const char *)data + sizeof(uint64_t), (size_t)ll_load_u64(data), path,
                         s->job->error);
}

/* The source's entries, their bytes elsewhere. NULL: no memory. */
static char *shard_header(const shard *s, const json_t *source) {
    json_t *header = json_object();
    uint64_t at = 0;
    if (json_object_get(source, "__metadata__"))
        json_object_set(header, "__metadata__", json_object_get(source, "__metadata__"));
    bool good = header != NULL;
    for (size_t i = s->first; good && i < s->first + s->count; i++) {
        const ll_tensor *tensor = s->job->kept[i].tensor;
        json_t *old = json_object_get(source, tensor->name);
        json_t *entry = json_pack("{s:O, s:O, s:[I, I]}", "dtype", json_object_get(old, "dtype"), "shape",
                                  json_object_get(old, "shape"), "data_offsets", (json_int_t)at,
                                  (json_int_t)(at + tensor->bytes));
        good = json_object_set_new(header, tensor->name, entry) == 0;
        at += tensor->bytes;
    }
    char *text = good ? json_dumps(header, JSON_COMPACT) : NULL;
    json_decref(header);
    return text;
}

static ll_status put_header(const shard *s, ll_export_file *file) {
    enum { ALIGNMENT = 8 };
    json_t *source;
    LL_TRY(source_header(s, &source));
    char *text = shard_header(s, source);
    json_decref(source);
    if (!text)
        return ll_fail(s->job->error, LL_NO_RESOURCE, "%s: no memory for its header", file->path);
    const size_t length = strlen(text), blanks = (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT;
    ll_status status = ll_export_put_number(file, length + blanks, sizeof(uint64_t));
    if (status == LL_OK)
        status = ll_export_put(file, text, length);
    if (status == LL_OK)
        status = ll_export_put(file, "        ", blanks);
    free(text);
    return status;
}

static ll_status put_shard(const shard *s, const char *name, uint64_t *before) {
    ll_export_file file;
    ll_status status = ll_export_create(&file, s->job, s->job->beside, name);
    if (status == LL_OK)
        status = put_header(s, &file);
    for (size_t i = s->first; i < s->first + s->count && status == LL_OK; i++) {
        status = ll_export_put_tensor(&file, s->job->kept[i].tensor, *before);
        *before += s->job->kept[i].tensor->bytes;
    }
    return ll_export_finish(&file, status);
}

static ll_status put_index(const ll_export_job *job, json_t *map) {
    json_t *index =
        json_pack("{s:{s:I}, s:O}", "metadata", "total_size", (json_int_t)job->bytes, "weight_map", map);
    char *text = json_dumps(index, JSON_INDENT(2));
    json_decref(index);
    if (!text)
        return ll_fail(job->error, LL_NO_RESOURCE, "%s: no memory for the index of shards", job->path);
    const ll_status status = ll_export_put_file(job, job->beside, LL_SAFETENSORS_INDEX, text, strlen(text));
    free(text);
    return status;
}

static size_t count_shards(const ll_export_job *job) {
    size_t count = 0;
    for (size_t at = 0; at < job->count; count++)
        at += next_shard(job, at, false).count;
    return count;
}

static ll_status put_shards(const ll_export_job *job) {
    const size_t shards = count_shards(job);
    json_t *map = json_object();
    uint64_t before = 0;
    ll_status status = LL_OK;
    for (size_t i = 0, at = 0; i < shards && status == LL_OK; i++) {
        char name[64];
        snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", i + 1, shards);
        const shard s = next_shard(job, at, false);
        for (size_t t = at; t < at + s.count; t++)
            json_object_set_new(map, job->kept[t].tensor->name, json_string(name));
        status = put_shard(&s, name, &before);
        at += s.count;
    }
    if (status == LL_OK)
        status = put_index(job, map);
    json_decref(map);
    return status;
}

static ll_status put_weights(const ll_export_job *job) {
    const char *first = ll_path_base(ll_safetensors_file_path(job->files, 0));
    if (strcmp(first, LL_SAFETENSORS_WHOLE) != 0)
        return put_shards(job);
    const shard all = next_shard(job, 0, true);
    uint64_t before = 0;
    return put_shard(&all, LL_SAFETENSORS_WHOLE, &before);
}

ll_status ll_export_hf(const ll_export_job *job) {
    if (mkdir(job->beside, 0777) != 0)
        return ll_export_failed(job->beside, errno, job->error);
    LL_TRY(put_config(job));
    LL_TRY(copy_companions(job));
    return put_weights(job);
}
