#include "family_tokenizers.h"
#include "test.h"
#include <stdlib.h>
#include <string.h>

enum { NORMAL = 1, UNKNOWN = 2, CONTROL = 3, UNUSED = 5, BYTE = 6 }; /* tokenizer.ggml.token_type */
enum { KIND_I32 = 5, KIND_F32 = 6, KIND_TEXT = 8, KIND_ARRAY = 9 };  /* of GGUF metadata */
enum { BOS = 1, EOS = 2, MAX_TOKENS = 400, MERGES = 8 };

/* _ stands for a word's leading space, which each kind writes in its own way. Every piece comes of one merge only, so
 * that merges by rank and by score are the same. */
static const char *const merges[MERGES][2] = {{"_", "t"},  {"h", "e"},   {"_t", "he"}, {"a", "n"},
                                              {"an", "d"}, {"_", "and"}, {"i", "n"},   {"e", "r"}};

typedef struct {
    char text[16];
    uint32_t type;
} token;

typedef struct {
    bool scores; /* SentencePiece */
    const char *space;
    token tokens[MAX_TOKENS];
    size_t count, room; /* room: rows of the embedding */
    size_t first_merged, merge_count;
} vocabulary;

static void add_token(vocabulary *v, uint32_t type, const char *text) {
    if (v->count == v->room)
        return;
    token *t = &v->tokens[v->count++];
    t->type = type;
    snprintf(t->text, sizeof t->text, "%s", text);
}

/* _ becomes the kind's space. */
static void append(const vocabulary *v, char out[16], const char *part) {
    const bool spaced = *part == '_';
    strcat(out, spaced ? v->space : "");
    strcat(out, part + spaced);
}

static void add_letters(vocabulary *v) {
    for (char letter = '!'; letter <= '~'; letter++)
        if (!v->scores || (letter >= 'a' && letter <= 'z'))
            add_token(v, NORMAL, (char[]){letter, '\0'});
    add_token(v, NORMAL, v->space);
}

static void add_merged(vocabulary *v) {
    v->first_merged = v->count;
    for (size_t i = 0; i < MERGES; i++) {
        char text[16] = "";
        append(v, text, merges[i][0]);
        append(v, text, merges[i][1]);
        add_token(v, NORMAL, text);
    }
    v->merge_count = v->count - v->first_merged;
}

static vocabulary *make_vocabulary(const ll_family *f) {
    vocabulary *v = calloc(1, sizeof *v);
    if (!v) {
        perror("family_tokenizers");
        exit(1);
    }
    v->scores = strcmp(f->tokenizer, "llama") == 0;
    v->space = v->scores ? "\u2581" : "\u0120";
    v->room = f->config.vocab < MAX_TOKENS ? f->config.vocab : MAX_TOKENS;
    add_token(v, v->scores ? UNKNOWN : CONTROL, v->scores ? "<unk>" : "<pad>");
    add_token(v, CONTROL, "<s>");
    add_token(v, CONTROL, "</s>");
    for (unsigned byte = 0; v->scores && byte < 256; byte++) {
        char text[16];
        snprintf(text, sizeof text, "<0x%02X>", byte);
        add_token(v, BYTE, text);
    }
    if (v->scores) {
        add_merged(v);
        add_letters(v);
    } else {
        add_letters(v);
        add_merged(v);
    }
    return v;
}

/* ---- tokenizer.json ---- */

/* What files of the kind have, less vocabulary, merges and added tokens. */
static json_t *read_kind(const ll_family *f) {
    char path[128];
    snprintf(path, sizeof path, "tests/golden/families/tokenizers/%s.json", f->tokenizer);
    char *text = ll_test_read(path, NULL);
    json_t *json = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (!json)
        ll_test_fail(path, 0, "is not JSON");
    return json;
}

static json_t *added_token(const vocabulary *v, size_t id) {
    return json_pack("{s:I, s:s, s:b, s:b, s:b, s:b, s:b}", "id", (json_int_t)id, "content",
                     v->tokens[id].text, "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0,
                     "special", 1);
}

static void merge_text(const vocabulary *v, size_t i, char out[32]) {
    char left[16] = "", right[16] = "";
    append(v, left, merges[i][0]);
    append(v, right, merges[i][1]);
    snprintf(out, 32, "%s %s", left, right);
}

json_t *ll_family_tokenizer_json(const ll_family *f) {
    vocabulary *v = make_vocabulary(f);
    json_t *root = read_kind(f);
    json_t *added = json_array(), *ids = json_object(), *pairs = json_array();
    for (size_t id = 0; id < v->count; id++)
        json_object_set_new(ids, v->tokens[id].text, json_integer((json_int_t)id));
    for (size_t id = 0; id <= EOS; id++)
        json_array_append_new(added, added_token(v, id));
    for (size_t i = 0; i < v->merge_count; i++) {
        char text[32];
        merge_text(v, i, text);
        json_array_append_new(pairs, json_string(text));
    }
    json_object_set_new(root, "added_tokens", added);
    json_object_set_new(json_object_get(root, "model"), "vocab", ids);
    json_object_set_new(json_object_get(root, "model"), "merges", pairs);
    free(v);
    return root;
}

json_t *ll_family_tokenizer_config(void) {
    return json_pack("{s:s, s:s, s:s}", "bos_token", "<s>", "eos_token", "</s>", "tokenizer_class",
                     "PreTrainedTokenizerFast");
}

/* ---- GGUF ---- */

static void put_array(ll_bytes *out, const char *key, uint32_t kind, size_t count) {
    ll_put_text(out, key);
    ll_put_u32(out, KIND_ARRAY);
    ll_put_u32(out, kind);
    ll_put_u64(out, count);
}

/* Every row of the embedding has a token: the converter names those without words so. */
static void put_tokens(ll_bytes *out, const vocabulary *v, size_t rows) {
    put_array(out, "tokenizer.ggml.tokens", KIND_TEXT, rows);
    for (size_t id = 0; id < rows; id++) {
        char padding[32];
        snprintf(padding, sizeof padding, "[PAD%zu]", id);
        ll_put_text(out, id < v->count ? v->tokens[id].text : padding);
    }
    put_array(out, "tokenizer.ggml.token_type", KIND_I32, rows);
    for (size_t id = 0; id < rows; id++)
        ll_put_u32(out, id < v->count ? v->tokens[id].type : UNUSED);
}

/* Pieces in their order, later ones worse; special tokens and bytes have none. */
static void put_scores(ll_bytes *out, const vocabulary *v, size_t rows) {
    put_array(out, "tokenizer.ggml.scores", KIND_F32, rows);
    for (size_t id = 0; id < rows; id++) {
        const bool piece = id < v->count && v->tokens[id].type == NORMAL;
        const float score = id >= v->count ? -1000 : piece ? -(float)(id - v->first_merged) : 0;
        uint32_t bits;
        memcpy(&bits, &score, sizeof bits);
        ll_put_u32(out, bits);
    }
}

static void put_merges(ll_bytes *out, const vocabulary *v) {
    put_array(out, "tokenizer.ggml.merges", KIND_TEXT, v->merge_count);
    for (size_t i = 0; i < v->merge_count; i++) {
        char text[32];
        merge_text(v, i, text);
        ll_put_text(out, text);
    }
}

uint64_t ll_family_tokenizer_keys(ll_bytes *out, const ll_family *f) {
    vocabulary *v = make_vocabulary(f);
    uint64_t count = 7;
    ll_put_key_text(out, "tokenizer.ggml.model", v->scores ? "llama" : "gpt2");
    ll_put_key_text(out, "tokenizer.ggml.pre", v->scores ? "default" : f->tokenizer);
    put_tokens(out, v, f->config.vocab);
    if (v->scores) {
        put_scores(out, v, f->config.vocab);
        ll_put_key_u32(out, "tokenizer.ggml.unknown_token_id", 0);
        count++;
    } else {
        put_merges(out, v);
    }
    ll_put_key_u32(out, "tokenizer.ggml.bos_token_id", BOS);
    ll_put_key_u32(out, "tokenizer.ggml.eos_token_id", EOS);
    ll_put_key_bool(out, "tokenizer.ggml.add_bos_token", strcmp(f->tokenizer, "gpt-2") != 0);
    free(v);
    return count + 1;
}
