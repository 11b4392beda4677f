/* Readers of tests/golden/: values made by someone else's code (tests/golden/README.md says how). Paths are
 * relative to the repository's top folder. A load that returns false has marked the running test failed and
 * holds nothing to free; a free of a zeroed struct is fine. */
#ifndef LL_GOLDEN_H
#define LL_GOLDEN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- token ids of texts: tokens*.jsonl ---- */
typedef struct {
    char *bytes; /* any bytes; a NUL is appended */
    size_t length;
    int32_t *ids;
    size_t count;
    bool lossless; /* false: some byte has no token in this vocabulary (for one, 0x04), yields none, and
                      decoding lacks it */
} ll_golden_text;

typedef struct {
    ll_golden_text *texts;
    size_t count;
} ll_golden_tokens;

bool ll_golden_tokens_load(ll_golden_tokens *out); /* by the default model's vocabulary */
/* By a tokenizer of tests/golden/README.md: pre is gpt-2 or llama-bpe (vocab-<pre>.gguf, no embedding to speak of), a small
 * one's name (tokenizer-<pre>/) or a published one's (tokenizers.list). */
bool ll_golden_tokens_load_pre(ll_golden_tokens *out, const char *pre);
void ll_golden_tokens_free(ll_golden_tokens *tokens);

/* ---- dequantized blocks: dequant.json ---- */
typedef struct {
    char name[16];       /* "Q4_1" */
    uint32_t type;       /* the file format's number of the type */
    unsigned char *data; /* whole blocks */
    size_t bytes;
    float *values; /* compare bit for bit */
    size_t count;
} ll_golden_blocks;

typedef struct {
    ll_golden_blocks *types;
    size_t count;
} ll_golden_dequant;

bool ll_golden_dequant_load(ll_golden_dequant *out);
void ll_golden_dequant_free(ll_golden_dequant *dequant);

/* ---- f32 logits of prompts, full model and dropped: logits.json ---- */
typedef struct {
    size_t position; /* index into the prompt; the logits are those after that token */
    float *logits;   /* [index_count], at ll_golden_logits.indices */
    int32_t argmax;  /* over the whole vocabulary */
    double margin;   /* highest logit less the second highest: the argmax is only sure where this is above the
                        tolerance */
    double logsumexp; /* over the whole vocabulary */
} ll_golden_position;

typedef struct {
    char *drop; /* in the grammar of drop.h; "none": the full model */
    int32_t *ids;
    size_t id_count;
    ll_golden_position *positions; /* ascending; the last is id_count - 1 */
    size_t position_count;
} ll_golden_case;

typedef struct {
    int32_t *indices; /* vocabulary indices whose logits are kept, ascending */
    size_t index_count;
    ll_golden_case *cases;
    size_t count;
} ll_golden_logits;

bool ll_golden_logits_load(ll_golden_logits *out);
void ll_golden_logits_free(ll_golden_logits *logits);

/* ---- importance of every module: importance.csv ---- */
/* The calibration behind the values: the first documents of this file, each cut to so many tokens. */
#define LL_GOLDEN_CALIBRATION "harness/data/c4.jsonl"
enum { LL_GOLDEN_SAMPLES = 16, LL_GOLDEN_LENGTH = 512 };

typedef struct {
    char kind[8]; /* "attn", "mlp", "block" */
    size_t layer;
    double importance;
} ll_golden_module;

typedef struct {
    ll_golden_module *modules; /* attn 0.., then mlp 0.., then block 0.. */
    size_t count;
} ll_golden_importance;

bool ll_golden_importance_load(ll_golden_importance *out);
void ll_golden_importance_free(ll_golden_importance *importance);

/* ---- perplexity of WikiText-2: perplexity.json ---- */
#define LL_GOLDEN_TEST_TEXT "harness/data/wikitext2-test.txt"

typedef struct {
    char *drop;
    size_t window, first_window, max_windows;
    size_t tokens;   /* scored: max_windows x (window - 1) */
    double mean_nll; /* of a scored token, in nats */
    double perplexity;
    bool quick; /* small enough for every run of the tests */
} ll_golden_score;

typedef struct {
    ll_golden_score *scores;
    size_t count;
    size_t text_tokens; /* of the whole text */
} ll_golden_perplexity;

bool ll_golden_perplexity_load(ll_golden_perplexity *out);
void ll_golden_perplexity_free(ll_golden_perplexity *perplexity);
#endif
