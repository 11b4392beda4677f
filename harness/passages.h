/* A text as what is scored of it: token sequences, and which of their tokens count. */
#ifndef LL_PASSAGES_H
#define LL_PASSAGES_H
#include "documents.h"
#include "model.h"

/* How perplexity is counted. The same model and text give other numbers by each, so rows name theirs.
 * whole-windows (GPTQ's way): all documents joined by two newlines, cut into windows that do not overlap; all tokens of a window
 *   are scored but its first. A BOS goes before each window where the model adds one, and is not scored.
 * second-half (llama.cpp's perplexity): the same cut, after one BOS before the whole text where the model adds one; of each window the tokens
 *   after its position window / 2 are scored. A window's first token becomes BOS where the model adds one. The text must have two windows.
 * rolling (lm-evaluation-harness's loglikelihood_rolling): each document alone, all of its tokens scored once. The first window has
 *   BOS (or else EOS) before it; later ones hold window tokens that end where the next tokens end. Perplexity is also given by words
 *   (runs of white space + 1) and by bytes of the documents.
 * In the first two what does not fill a window at the text's end is left out; in the third nothing is. */
typedef enum { LL_RECIPE_WHOLE, LL_RECIPE_SECOND_HALF, LL_RECIPE_ROLLING, LL_RECIPE_COUNT } ll_recipe;
const char *ll_recipe_name(ll_recipe recipe); /* "whole-windows", "second-half", "rolling" */

/* ids [begin, begin + count) of the passages': all but the last go through the model, and the last scored ones are scored, each
 * after all before it. */
typedef struct {
    size_t begin, count, scored;
} ll_passage;

typedef struct {
    ll_recipe recipe;
    size_t window, first; /* as asked */
    ll_ids ids;
    ll_passage *passage;
    size_t count;
    size_t longest;      /* ids of a passage, at most */
    size_t words, bytes; /* rolling: of the documents; else 0 */
} ll_passages;

/* Windows (rolling: documents) from first on, max of them at most (0: all). LL_BAD_USAGE: a window below 2 (second-half: 4) tokens.
 * LL_BAD_INPUT: a text too short for one. */
ll_status ll_passages_cut(ll_passages *out, ll_recipe recipe, const ll_tokenizer *tokenizer,
                          const ll_documents *documents, size_t window, size_t first, size_t max,
                          ll_error *error);
/* Tokens that are scored, and tokens that go through the model. */
size_t ll_passages_scored(const ll_passages *passages);
size_t ll_passages_run(const ll_passages *passages);
void ll_passages_free(ll_passages *passages);
#endif
