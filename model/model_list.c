#include "model_list.h"
#include "sha256.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SHAPE(layers_, hidden_, heads_, kv_heads_, head_dim_, mlp_, vocab_, context_, window_, theta_, eps_, \
              tied_)                                                                                         \
    {                                                                                                        \
        .layers = (layers_), .hidden = (hidden_), .heads = (heads_), .kv_heads = (kv_heads_),                \
        .head_dim = (head_dim_), .mlp = (mlp_), .vocab = (vocab_), .context = (context_),                    \
        .window = (window_), .rope_theta = (theta_), .eps = (eps_), .tied = (tied_)                          \
    }
#define MODEL(name_, family_, source_, form_, licence_, gated_, file_, wheel_, bytes_, sha256_, is_default_, \
              ...)                                                                                           \
    {.name = (name_),                                                                                        \
     .family = (family_),                                                                                    \
     .source = (source_),                                                                                    \
     .form = (form_),                                                                                        \
     .licence = (licence_),                                                                                  \
     .gated = (gated_),                                                                                      \
     .file = (file_),                                                                                        \
     .wheel = (wheel_),                                                                                      \
     .bytes = (bytes_),                                                                                      \
     .sha256 = (sha256_),                                                                                    \
     .is_default = (is_default_),                                                                            \
     .shape = __VA_ARGS__},
static const ll_model_entry MODELS[] = {
#include "models.def"
};
#undef MODEL
#undef SHAPE

const ll_model_entry *ll_model_list_at(size_t index) {
    return index < sizeof MODELS / sizeof MODELS[0] ? &MODELS[index] : NULL;
}

const ll_model_entry *ll_model_list_find(const char *name) {
    for (size_t i = 0; ll_model_list_at(i); i++)
        if (strcmp(ll_model_list_at(i)->name, name) == 0)
            return ll_model_list_at(i);
    return NULL;
}

const ll_model_entry *ll_model_list_of_shape(const ll_config *shape) {
    for (size_t i = 0; ll_model_list_at(i); i++) {
        const ll_config *listed = &ll_model_list_at(i)->shape;
        if (listed->layers == shape->layers && listed->hidden == shape->hidden &&
            listed->heads == shape->heads && listed->kv_heads == shape->kv_heads &&
            listed->head_dim == shape->head_dim && listed->mlp == shape->mlp && listed->vocab == shape->vocab)
            return ll_model_list_at(i);
    }
    return NULL;
}

static ll_status put_path(char *path, size_t capacity, const char *folder, const char *name,
                          const char *ending, ll_error *error) {
    if ((size_t)snprintf(path, capacity, "%s/%s%s", folder, name, ending) < capacity)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "%.64s...: the path is longer than %zu bytes", folder, capacity - 1);
}

ll_status ll_model_place(const ll_model_entry *entry, const char *models_dir, char *path, size_t capacity,
                         bool *here, ll_error *error) {
    struct stat info;
    const char *folder = models_dir ? models_dir : getenv("LAYERLAB_MODELS");
    if (!folder || !*folder)
        folder = "models";
    if (*entry->file) {
        LL_TRY(put_path(path, capacity, folder, entry->file, "", error));
        *here = stat(path, &info) == 0;
        return LL_OK;
    }
    LL_TRY(put_path(path, capacity, folder, entry->name, ".gguf", error));
    *here = stat(path, &info) == 0;
    char file[] = ".gguf";
    char *end = path + strlen(path) - strlen(file);
    *end = 0;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        *here = true;
    else if (*here)
        *end = '.';
    return LL_OK;
}

void ll_model_source(const ll_model_entry *entry, char out[LL_MODEL_TEXT]) {
    snprintf(out, LL_MODEL_TEXT, "https://huggingface.co/%s (%s%s)", entry->source, entry->licence,
             entry->gated ? ", to be accepted there first" : "");
}

void ll_model_advice(const ll_model_entry *entry, const char *path, char out[LL_MODEL_TEXT]) {
    if (*entry->file)
        snprintf(out, LL_MODEL_TEXT, "run tools/fetch_model.sh %s", entry->name);
    else if (strcmp(entry->form, "bin") == 0)
        snprintf(out, LL_MODEL_TEXT,
                 "they are PyTorch files, which python3 with transformers, torch and sentencepiece converts: "
                 "python3 -c 'import transformers as t; n, to = \"%s\", \"%s\"; "
                 "t.AutoModelForCausalLM.from_pretrained(n, torch_dtype=\"auto\").save_pretrained(to); "
                 "t.AutoTokenizer.from_pretrained(n).save_pretrained(to)' (or put a GGUF at %s.gguf)",
                 entry->source, path, path);
    else
        snprintf(
            out, LL_MODEL_TEXT,
            "hf download %s --exclude \"*.[bp]*\" --local-dir %s (without the PyTorch files, .bin and .pth, "
            "which hold the same weights again; or put a GGUF at %s.gguf)",
            entry->source, path, path);
}

/* A file that the list knows the bytes of. */
static ll_status check_listed(const ll_model_entry *entry, const char *path, ll_error *error) {
    struct stat info;
    if (stat(path, &info) != 0)
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    if ((uint64_t)info.st_size != entry->bytes)
        return ll_fail(error, LL_BAD_INPUT,
                       "%s: has %jd bytes, model %s has %" PRIu64
                       "; remove it and run tools/fetch_model.sh %s",
                       path, (intmax_t)info.st_size, entry->name, entry->bytes, entry->name);
    char hex[LL_SHA256_TEXT];
    LL_TRY(ll_sha256_file(path, NULL, hex, error));
    if (strcmp(hex, entry->sha256) != 0)
        return ll_fail(
            error, LL_BAD_INPUT,
            "%s: its SHA-256 is %s, that of model %s is %s; remove it and run tools/fetch_model.sh %s", path,
            hex, entry->name, entry->sha256, entry->name);
    return LL_OK;
}

/* The names of the list, for a user who typed another. */
static void list_names(char *text, size_t capacity) {
    text[0] = 0;
    for (size_t i = 0, used = 0; ll_model_list_at(i) && used < capacity; i++)
        used +=
            (size_t)snprintf(text + used, capacity - used, "%s%s", i ? ", " : "", ll_model_list_at(i)->name);
}

static ll_status locate_path(const char *given, char *path, size_t capacity, ll_error *error) {
    struct stat info;
    if (stat(given, &info) != 0) {
        char names[256];
        list_names(names, sizeof names);
        return strchr(given, '/')
                   ? ll_fail(error, LL_BAD_INPUT, "%s: cannot be opened: %s", given, strerror(errno))
                   : ll_fail(error, LL_BAD_USAGE,
                             "%s: neither a file nor a model of the list; the list has: %s", given, names);
    }
    if ((size_t)snprintf(path, capacity, "%s", given) >= capacity)
        return ll_fail(error, LL_BAD_USAGE, "%.64s...: the path is longer than %zu bytes", given,
                       capacity - 1);
    return LL_OK;
}

ll_status ll_model_locate(const char *name_or_path, const char *models_dir, char *path, size_t capacity,
                          const ll_model_entry **entry, ll_error *error) {
    *entry = ll_model_list_find(name_or_path);
    if (!*entry)
        return locate_path(name_or_path, path, capacity, error);
    bool here;
    LL_TRY(ll_model_place(*entry, models_dir, path, capacity, &here, error));
    if (here)
        return *(*entry)->sha256 ? check_listed(*entry, path, error) : LL_OK;
    char source[LL_MODEL_TEXT], advice[LL_MODEL_TEXT];
    ll_model_source(*entry, source);
    ll_model_advice(*entry, path, advice);
    return ll_fail(error, LL_BAD_INPUT,
                   "%s: model %s is not there; its weights come from %s: %s; --synthetic measures speed and "
                   "memory without them",
                   path, (*entry)->name, source, advice);
}
