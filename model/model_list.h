/* The one list of models (models.def) and where a model's file is. */
#ifndef LL_MODEL_LIST_H
#define LL_MODEL_LIST_H
#include "config.h"

typedef struct {
    const char *name;   /* "llama2-13b" */
    const char *family; /* "llama2" */
    const char *source; /* the Hugging Face repository that publishes the weights */
    const char *form;   /* in which it does so: "safetensors", or "bin", which has to be converted */
    const char *licence;
    bool gated;         /* the licence must be accepted there before a download */
    const char *file;   /* of the model that wheel carries, in the models folder; "": none does */
    const char *wheel;  /* PyPI requirement that holds the file, "" if none */
    uint64_t bytes;     /* of the file */
    const char *sha256; /* of the file, hex, "" without one */
    bool is_default;
    ll_config shape;
} ll_model_entry;

const ll_model_entry *ll_model_list_at(size_t index); /* NULL past the end */
const ll_model_entry *ll_model_list_find(const char *name);
/* The first entry of that shape: what a user's copy at some path is a copy of, or was trained from. Names are not told apart by
 * it: vicuna-13b has the shape of llama2-13b, which comes first. NULL: none has it. */
const ll_model_entry *ll_model_list_of_shape(const ll_config *shape);

/* Where the weights of a listed model lie: its file; for a model without one the folder NAME (in Hugging Face form
 * or holding the parts of a GGUF model), else NAME.gguf. In models_dir when not NULL, else $LAYERLAB_MODELS, else
 * models/. Where nothing lies, *here is false and path is where it would; nothing is looked at but its name. */
ll_status ll_model_place(const ll_model_entry *entry, const char *models_dir, char *path, size_t capacity,
                         bool *here, ll_error *error);

enum { LL_MODEL_TEXT = 768 };
/* Where its weights come from and under what licence; what a user does to have them at path (ll_model_place),
 * as tools/fetch_model.sh says it too. */
void ll_model_source(const ll_model_entry *entry, char out[LL_MODEL_TEXT]);
void ll_model_advice(const ll_model_entry *entry, const char *path, char out[LL_MODEL_TEXT]);

/* name_or_path: a name of the list (*entry is it), or a path (*entry is NULL). Writes the path of the file or folder.
 * A listed model that is absent is an error that says where it comes from; so is a file that the list has a size and
 * a SHA-256 for and that has others. */
ll_status ll_model_locate(const char *name_or_path, const char *models_dir, char *path, size_t capacity,
                          const ll_model_entry **entry, ll_error *error);
#endif
