/* Toy models of every family with transformers' logits (tests/golden/families/), and the same model as files of four
 * forms. Weights and ids come from the formulas of tests/golden/make_families.py.
 *
 *   ll_family family;
 *   if (!ll_family_load(&family, "llama3")) return;
 *   ll_family_write(&family, LL_FORM_GGUF_SPLIT, &(ll_family_change){0}, path); // path: what to open
 *   ll_family_free(&family);
 */
#ifndef LL_FAMILIES_H
#define LL_FAMILIES_H
#include "config.h"

typedef struct {
    char name[96], gguf_name[64]; /* as Hugging Face files and GGUF files have it */
    size_t rows, cols;            /* a vector has 0 rows */
    float *values;                /* [rows][cols], rows in the order of Hugging Face files */
    bool dropped;                 /* belongs to a module that the config drops */
} ll_family_tensor;

typedef struct {
    char name[32];
    char tokenizer[16]; /* its kind: "llama", "llama-bpe", "gpt-2" */
    uint64_t seed;
    ll_config config; /* as this reader understands the first of configs, the drop lists in dropped */
    char **configs;   /* texts of config.json that mean the same; the first as transformers writes it */
    size_t config_count;
    int32_t *ids; /* [tokens] */
    size_t tokens, first;
    size_t *columns; /* vocabulary indices */
    size_t column_count;
    double *logits; /* [tokens - first][column_count], of the positions from first on */
    ll_family_tensor *tensors;
    size_t tensor_count;
} ll_family;

/* False after having failed the running test. */
bool ll_family_load(ll_family *out, const char *name);
void ll_family_free(ll_family *family);

typedef enum {
    LL_FORM_HF_F32,     /* config.json, tokenizer.json, model.safetensors */
    LL_FORM_HF_BF16,    /* the same in 2 shards with an index */
    LL_FORM_GGUF,       /* one file */
    LL_FORM_GGUF_SPLIT, /* 3 parts; the first holds the metadata */
    LL_FORMS
} ll_form;
extern const char *const ll_form_names[LL_FORMS];

enum { LL_FAMILY_PATH = 256 };

/* What is written otherwise. */
typedef struct {
    size_t config;        /* which of configs (Hugging Face forms) */
    bool without_dropped; /* leaves out the weights of dropped modules */
    bool other_head;      /* adds a head of other numbers than the embedding's (Hugging Face forms) */
} ll_family_change;

/* Writes the model below the test program's folder. path: what to open, the folder or the file; of a split model its
 * second part. False after having failed the running test. */
bool ll_family_write(const ll_family *family, ll_form form, const ll_family_change *change,
                     char path[LL_FAMILY_PATH]);
#endif
