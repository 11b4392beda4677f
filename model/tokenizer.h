/* BPE tokenizers: byte-level ones and SentencePiece's, by the model's own rules. */
#ifndef LL_TOKENIZER_H
#define LL_TOKENIZER_H
#include "gguf.h"

typedef struct ll_tokenizer ll_tokenizer;

/* Reads tokenizer.ggml.* : model gpt2 (byte-level BPE; pre smollm, gpt-2, llama-bpe, another is refused by name) and
 * llama (SentencePiece BPE: scores, add_space_prefix); tokens, merges, token_type, bos/eos ids, add_bos_token. vocab:
 * rows of the embedding; a token id at or beyond it is refused. */
ll_status ll_tokenizer_from_gguf(ll_tokenizer **out, const ll_gguf *gguf, size_t vocab, ll_error *error);
/* Reads the tokenizer of a folder in Hugging Face form: tokenizer.json (its own normalizer, pre-tokenizer, added tokens and
 * template), else tokenizer.model (SentencePiece BPE). A part that would change ids and is not supported is refused by
 * name. What goes around a text: a BOS where add_bos_token of tokenizer_config.json or else the template says so, never an
 * EOS. bos and eos: of tokenizer_config.json, else of config.json or generation_config.json (the first of a list). */
ll_status ll_tokenizer_from_folder(ll_tokenizer **out, const char *folder, size_t vocab, ll_error *error);
void ll_tokenizer_destroy(ll_tokenizer *tokenizer); /* NULL is fine */

size_t ll_tokenizer_size(const ll_tokenizer *tokenizer);
bool ll_tokenizer_adds_bos(const ll_tokenizer *tokenizer);
int32_t ll_tokenizer_bos(const ll_tokenizer *tokenizer); /* -1: none */
int32_t ll_tokenizer_eos(const ll_tokenizer *tokenizer); /* -1: none */

typedef struct {
    int32_t *data; /* malloc'd */
    size_t count, capacity;
} ll_ids;
void ll_ids_free(ll_ids *ids);
ll_status ll_ids_append(ll_ids *ids, int32_t id, ll_error *error);

/* Appends the ids of length bytes of text, any bytes at all: maximal runs of valid UTF-8 are encoded each as a text of its
 * own, and a byte outside them becomes the one token of that byte, else the unknown token. Decoding gives the bytes back,
 * but for bytes that a byte-level vocabulary has no token for (SmolLM2 lacks 21, such as 0x04), which yield none, for
 * what a normalizer changes, and for the space that SentencePiece puts before a text (the first token reads with it: taking
 * it off is up to who joins the texts). Control and user-defined tokens written out in the text are recognised, as
 * Hugging Face does; by tokenizer.model only user-defined ones, as SentencePiece does. No BOS is added here. Time is
 * O(n log n) in the text. */
ll_status ll_tokenizer_encode(const ll_tokenizer *tokenizer, const char *text, size_t length, ll_ids *ids,
                              ll_error *error);
/* The bytes of one token (inside the tokenizer); length 0 for an id without text or out of range. */
ll_text ll_tokenizer_decode(const ll_tokenizer *tokenizer, int32_t id);
/* Whether the token is one of control, which a text that was generated does not show. */
bool ll_tokenizer_is_control(const ll_tokenizer *tokenizer, int32_t id);
#endif
