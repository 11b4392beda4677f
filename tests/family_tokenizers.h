/* The tokenizer of a family, as both kinds of files have it: SentencePiece-like with byte fallback (Llama 2, Mistral),
 * byte-level with Llama 3's pattern, or with GPT-2's. A few letters and merges. */
#ifndef LL_FAMILY_TOKENIZERS_H
#define LL_FAMILY_TOKENIZERS_H
#include "families.h"
#include "toy_gguf.h"
#include <jansson.h>

json_t *ll_family_tokenizer_json(const ll_family *family); /* tokenizer.json */
json_t *ll_family_tokenizer_config(void);                  /* tokenizer_config.json */
/* Appends the metadata entries of GGUF, returns how many. */
uint64_t ll_family_tokenizer_keys(ll_bytes *out, const ll_family *family);
#endif
