/* A list of ranks ("base64 rank" a line), as Llama 3's makers publish its tokenizer, made into a tokenizer.json the way
 * transformers does: every way to make a token of two others is a merge, in the order of the ranks. */
#ifndef LL_RANKS_H
#define LL_RANKS_H

/* malloc'd; NULL and a failed test where the file cannot be read or is no such list. */
char *ll_ranks_to_json(const char *path);
#endif
