/* Toy vocabularies as GGUF files, sound or broken in one place: nothing but tokenizer keys and one small
 * tensor. */
#ifndef LL_TOY_VOCABULARY_H
#define LL_TOY_VOCABULARY_H
#include "tokenizer.h"
#include "toy_gguf.h"

enum { LL_TOY_CONTROL = 3, LL_TOY_USER = 4, LL_TOY_UNUSED = 5 };
enum { LL_TOY_TOKENS = 30, LL_TOY_UNUSED_ID = 21 }; /* of the sound vocabulary */

typedef struct {
    const char *text;
    uint32_t type; /* 0: normal */
} ll_toy_token;

/* What is absent is as in the sound vocabulary (toy_vocabulary.c). */
typedef struct {
    const char *model, *pre;
    const ll_toy_token *tokens; /* up to a NULL text */
    const char *const *merges;  /* up to NULL */
    const uint32_t *bos, *eos;  /* NULL: no such key */
    const bool *adds_bos;       /* NULL: no such key */
    const char *missing;        /* a key that is left out */
    size_t less_types;
} ll_toy_vocabulary;

ll_bytes ll_toy_vocabulary_file(const ll_toy_vocabulary *vocab);
/* Loads a file of these bytes; rows: of the embedding. The file is called vocabulary.gguf and is closed
 * again. */
ll_status ll_toy_vocabulary_load_bytes(ll_tokenizer **out, ll_bytes file, size_t rows, ll_error *error);
ll_status ll_toy_vocabulary_load(ll_tokenizer **out, const ll_toy_vocabulary *vocab, size_t rows,
                                 ll_error *error);
#endif
