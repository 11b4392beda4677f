/* SentencePiece vocabularies: tokenizer.model written by hand, and GGUF files of the same kind broken in one place. */
#include "sampler.h"
#include "test.h"
#include "tokenizer_parts.h"
#include "toy_gguf.h"
#include <stdlib.h>
#include <time.h>

enum { ROWS = 1 << 20 };

/* ---- tokenizer.model ---- */

typedef struct {
    const char *text;
    float score;
    int type; /* 0: not written, normal */
} piece;

/* What is 0 is not written, but for the three that the format takes for set otherwise. */
typedef struct {
    const piece *pieces; /* up to a NULL text */
    int model_type;      /* 0: BPE */
    int bytes, suffix, unknown, bos, eos;
    bool collapses, no_prefix, no_marks;
    const char *characters;
} model;

static void put_varint(ll_bytes *out, uint64_t value) {
    for (; value >= 0x80; value >>= 7)
        ll_put(out, &(uint8_t){(uint8_t)(value | 0x80)}, 1);
    ll_put(out, &(uint8_t){(uint8_t)value}, 1);
}

static void put_number(ll_bytes *out, unsigned field, uint64_t value) {
    put_varint(out, field << 3);
    put_varint(out, value);
}

static void put_bytes(ll_bytes *out, unsigned field, const void *data, size_t length) {
    put_varint(out, field << 3 | 2);
    put_varint(out, length);
    ll_put(out, data, length);
}

static void put_message(ll_bytes *out, unsigned field, ll_bytes message) {
    put_bytes(out, field, message.data, message.length);
    free(message.data);
}

static ll_bytes model_file(const model *m) {
    ll_bytes out = {0}, trainer = {0}, normalizer = {0};
    for (const piece *p = m->pieces; p->text; p++) {
        ll_bytes one = {0};
        put_bytes(&one, 1, p->text, strlen(p->text));
        put_varint(&one, 2 << 3 | 5);
        ll_put(&one, &p->score, sizeof p->score);
        if (p->type)
            put_number(&one, 3, (uint64_t)p->type);
        put_message(&out, 1, one);
    }
    put_number(&trainer, 3, (uint64_t)(m->model_type ? m->model_type : 2));
    put_number(&trainer, 24, (uint64_t)m->suffix);
    put_number(&trainer, 35, (uint64_t)m->bytes);
    put_number(&trainer, 40, (uint64_t)m->unknown);
    put_number(&trainer, 41, (uint64_t)(int64_t)(m->bos ? m->bos : -1));
    put_number(&trainer, 42, (uint64_t)(int64_t)(m->eos ? m->eos : -1));
    put_bytes(&normalizer, 1, "nmt_nfkc", 8);
    if (m->characters)
        put_bytes(&normalizer, 2, m->characters, strlen(m->characters));
    put_number(&normalizer, 3, !m->no_prefix);
    put_number(&normalizer, 4, m->collapses);
    put_number(&normalizer, 5, !m->no_marks);
    put_message(&out, 2, trainer);
    put_message(&out, 3, normalizer);
    return out;
}

static ll_status load(ll_tokenizer **out, const model *m, size_t rows, ll_error *error) {
    const ll_bytes file = model_file(m);
    const ll_status status =
        ll_tokenizer_from_protobuf(out, (const char *)file.data, file.length, "tokenizer.model", rows, error);
    free(file.data);
    return status;
}

static ll_tokenizer *sound(const model *m) {
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    if (load(&tokenizer, m, ROWS, &error) != LL_OK)
        ll_test_fail(__FILE__, __LINE__, "%s", error.text);
    return tokenizer;
}

static void check_ids(const ll_tokenizer *tokenizer, const char *text, size_t length, const char *expected) {
    ll_ids ids = {0};
    char got[256] = "";
    if (!tokenizer)
        return;
    CHECK(ll_tokenizer_encode(tokenizer, text, length, &ids, NULL) == LL_OK);
    for (size_t i = 0; i < ids.count && i < 40; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", i ? " " : "", ids.data[i]);
    CHECK_MSG(strcmp(got, expected) == 0, "\"%s\" became %s, expected %s", text, got, expected);
    ll_ids_free(&ids);
}
#define CHECK_IDS(tokenizer, text, expected) check_ids(tokenizer, text, sizeof(text) - 1, expected)

#define UNK                                                                                                  \
    { "<unk>", 0, LL_TOKEN_UNKNOWN }
#define END                                                                                                  \
    { NULL, 0, 0 }
#define MARK LL_SPACE_MARK

/* The highest score first, whatever stands first in the file or the text; the leftmost of equals. */
static void test_score_order(void) {
    static const piece pieces[] = {UNK,          {"ab", -2, 0}, {"bc", -1, 0},  {"aa", -3, 0}, {"a", -9, 0},
                                   {"b", -9, 0}, {"c", -9, 0},  {"aaa", -4, 0}, {"cc", -3, 0}, {"dcc", -1, 0},
                                   END};
    ll_tokenizer *tokenizer = sound(&(model){.pieces = pieces, .no_prefix = true});
    CHECK_IDS(tokenizer, "abc", "4 2");
    CHECK_IDS(tokenizer, "aaa", "7");
    CHECK_IDS(tokenizer, "aaaa", "3 3");  /* not aaa a: the second aa comes before any aaa */
    CHECK_IDS(tokenizer, "aaaaa", "3 7"); /* aa aa a, then aa aaa: the only aaa left */
    CHECK_IDS(tokenizer, "ccaa", "8 3");
    CHECK_IDS(tokenizer, "dcc", "9"); /* d is no piece, dcc is */
    CHECK_IDS(tokenizer, "dc", "0 6");
    CHECK_IDS(tokenizer, "dda", "0 4"); /* neighbouring unknown ones are one */
    CHECK_IDS(tokenizer, "", "");
    CHECK(tokenizer && ll_tokenizer_bos(tokenizer) == -1 && !ll_tokenizer_adds_bos(tokenizer));
    ll_tokenizer_destroy(tokenizer);
    static const piece equals[] = {
        UNK, {"bc", -1, 0}, {"ab", -1, 0}, {"c", -2, 0}, {"a", -2, 0}, {"aa", -1, 0}, END};
    ll_tokenizer *equal = sound(&(model){.pieces = equals, .no_prefix = true});
    CHECK_IDS(equal, "abc", "2 3");
    CHECK_IDS(equal, "aaa", "5 4");
    CHECK_IDS(equal, "aabc", "5 1");
    ll_tokenizer_destroy(equal);
}

static void test_bytes(void) {
    static const char *const names[] = {"<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "<0x00>", "<0x0A>", "<0xFF>"};
    piece pieces[12] = {UNK, {MARK, -1, 0}, {"x", -2, 0}};
    for (size_t i = 0; i < 7; i++)
        pieces[3 + i] = (piece){names[i], 0, LL_TOKEN_BYTE};
    ll_tokenizer *tokenizer = sound(&(model){.pieces = pieces, .bytes = 1});
    CHECK_IDS(tokenizer, "x\xF0\x9F\x98\x80", "1 2 3 4 5 6");
    CHECK_IDS(tokenizer, "\0\n", "1 7 8");
    CHECK_IDS(tokenizer, "x\xFFx", "1 2 9 1 2");
    CHECK_IDS(tokenizer, "<0xFF>",
              "1 0 0 2 0 0 0"); /* spelled out it is no byte; these bytes have no piece */
    CHECK(tokenizer && ll_tokenizer_decode(tokenizer, 7).length == 1 &&
          ll_tokenizer_decode(tokenizer, 1).data[0] == ' ');
    ll_tokenizer_destroy(tokenizer);
    ll_tokenizer *without = sound(&(model){.pieces = (const piece[]){UNK, {MARK, -1, 0}, {"x", -2, 0}, END}});
    CHECK_IDS(without, "x\xF0\x9F\x98\x80x\xFF", "1 2 0 2 0");
    ll_tokenizer_destroy(without);
}

static void test_spaces(void) {
    static const piece pieces[] = {UNK, {MARK, -1, 0}, {"a", -2, 0}, {MARK "a", -3, 0}, {" ", -4, 0}, END};
    ll_tokenizer *plain = sound(&(model){.pieces = pieces}),
                 *bare = sound(&(model){.pieces = pieces, .no_prefix = true}),
                 *collapsing = sound(&(model){.pieces = pieces, .collapses = true}),
                 *unmarked = sound(&(model){.pieces = pieces, .no_marks = true});
    CHECK_IDS(plain, " a  a ", "1 3 1 3 1");
    CHECK_IDS(plain, "a", "3");
    CHECK_IDS(plain, " ", "1 1");
    CHECK_IDS(bare, " a", "3");
    CHECK_IDS(bare, "a", "2");
    CHECK_IDS(collapsing, "  a   a  ", "3 3");
    CHECK_IDS(collapsing, "   ", "");
    CHECK_IDS(collapsing, "a" MARK " ", "3");
    CHECK_IDS(unmarked, "a a", "4 2 4 2");
    ll_tokenizer_destroy(plain);
    ll_tokenizer_destroy(bare);
    ll_tokenizer_destroy(collapsing);
    ll_tokenizer_destroy(unmarked);
}

static void test_kinds(void) {
    static const piece pieces[] = {UNK,
                                   {"<s>", 0, LL_TOKEN_CONTROL},
                                   {"<u>", 0, LL_TOKEN_USER_DEFINED},
                                   {"ab", -1, LL_TOKEN_UNUSED},
                                   {"abc", -2, 0},
                                   {"a", -5, 0},
                                   {"b", -5, 0},
                                   {"c", -5, 0},
                                   {"<", -6, 0},
                                   {"s", -6, 0},
                                   {">", -6, 0},
                                   {"u", -6, 0},
                                   {"a<", -1, 0},
                                   END};
    ll_tokenizer *tokenizer = sound(&(model){.pieces = pieces, .no_prefix = true, .bos = 1});
    CHECK_IDS(tokenizer, "<s>", "8 9 10");  /* control pieces never come from a text */
    CHECK_IDS(tokenizer, "a<u>b", "5 2 6"); /* user-defined ones are never taken apart */
    CHECK_IDS(tokenizer, "a<", "12");
    CHECK_IDS(tokenizer, "abc", "4"); /* over an unused one */
    CHECK_IDS(tokenizer, "abab", "5 6 5 6");
    CHECK(tokenizer && ll_tokenizer_bos(tokenizer) == 1 && ll_tokenizer_adds_bos(tokenizer) &&
          ll_tokenizer_eos(tokenizer) == -1);
    ll_tokenizer_destroy(tokenizer);
}

/* ---- refusals ---- */

typedef struct {
    model model;
    size_t rows;
    const char *place, *what;
} refusal;

#define LONG_64 "----------------------------------------------------------------"
#define PIECES(...)                                                                                          \
    .pieces = (const piece[]) {                                                                              \
        UNK, {"a", 0, 0}, __VA_ARGS__, END                                                                   \
    }
static const refusal refusals[] = {
    {{PIECES({"b", 0, 0}), .model_type = 1}, ROWS, "model_type is unigram", "BPE"},
    {{PIECES({"b", 0, 0}), .model_type = 9}, ROWS, "model_type is unknown", "BPE"},
    {{PIECES({"b", 0, 0}), .characters = "x"},
     ROWS,
     "normalizer \"nmt_nfkc\" maps characters",
     "tokenizer.json"},
    {{PIECES({"b", 0, 0}), .suffix = 1}, ROWS, "treat_whitespace_as_suffix", ""},
    {{PIECES({"a", 0, 0})}, ROWS, "pieces[2] \"a\"", "same as token 1"},
    {{PIECES({"", 0, 0})}, ROWS, "pieces[2] \"\"", "empty"},
    {{PIECES({"b", 0, 7})}, ROWS, "type of pieces[2] is 7", "1 to 6"},
    {{PIECES({"b", __builtin_nanf(""), 0})}, ROWS, "score of pieces[2] \"b\"", "not a number"},
    {{PIECES({"b", 0, 0}), .unknown = 1}, ROWS, "unk_id is 1", "no unknown piece"},
    {{PIECES({"b", 0, 0}), .bos = 3}, ROWS, "bos_id is 3", "3 tokens"},
    {{PIECES({"b", 0, 0}), .eos = 4}, ROWS, "eos_id is 4", "3 tokens"},
    {{PIECES({"b", 0, 0})}, 2, "pieces[2] \"b\"", "2 rows for 3 tokens"},
    {{.pieces = (const piece[]){END}}, ROWS, "holds no pieces", "tokenizer.json"},
    {{PIECES({LONG_64 LONG_64 LONG_64 LONG_64 "-", 0, LL_TOKEN_USER_DEFINED})},
     ROWS,
     "pieces[2]",
     "256 bytes"},
    {{PIECES({"b c", 0, LL_TOKEN_USER_DEFINED}), .collapses = true},
     ROWS,
     "pieces[2] \"b c\"",
     "holds a space"},
    {{PIECES({"\x81", 0, LL_TOKEN_USER_DEFINED})}, ROWS, "pieces[2]", "is not UTF-8"}, /* the end of a mark */
};

static void test_refusals(void) {
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        ll_tokenizer *tokenizer = NULL;
        ll_error error = {{0}};
        const ll_status status = load(&tokenizer, &refusals[i].model, refusals[i].rows, &error);
        CHECK_MSG(status == LL_BAD_INPUT && !tokenizer, "case %zu (%s): status %d", i, refusals[i].place,
                  status);
        CHECK_CONTAINS(error.text, "tokenizer.model");
        CHECK_CONTAINS(error.text, refusals[i].place);
        CHECK_CONTAINS(error.text, refusals[i].what);
        ll_tokenizer_destroy(tokenizer);
    }
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    static const char text[] = "IQ== 0\nIg== 1\n"; /* a list of tokens in text form */
    CHECK(ll_tokenizer_from_protobuf(&tokenizer, text, sizeof text - 1, "tokenizer.model", ROWS, &error) ==
          LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "it is no SentencePiece model");
}

/* ---- GGUF ---- */

/* vocab-spm.gguf with the first bytes that are from made to. */
static ll_status load_changed(ll_tokenizer **out, const char *from, const char *to, size_t rows,
                              ll_error *error) {
    size_t length;
    char path[256], *file = ll_test_read("tests/golden/vocab-spm.gguf", &length);
    char *place = file ? memmem(file, length, from, strlen(from)) : NULL;
    if (!place) {
        ll_test_fail(__FILE__, __LINE__, "vocab-spm.gguf has no \"%s\"", from);
        free(file);
        return LL_OK;
    }
    memcpy(place, to, strlen(to));
    snprintf(path, sizeof path, "%s/changed.gguf", ll_test_folder());
    ll_test_write(path, file, length);
    free(file);
    ll_gguf *gguf = NULL;
    ll_status status = ll_gguf_open(&gguf, path, error);
    if (status == LL_OK)
        status = ll_tokenizer_from_gguf(out, gguf, rows, error);
    ll_gguf_close(gguf);
    return status;
}

static void test_gguf(void) {
    static const char *const changes[][4] = {
        {"tokenizer.ggml.scores", "tokenizer.ggml.scorez", "tokenizer.ggml.scores is missing",
         "700 f32 values"},
        {"tokenizer.ggml.token_type", "tokenizer.ggml.token_typo", "tokenizer.ggml.token_type", ""},
        {"tokenizer.ggml.model", "tokenizer.ggml.mode1", "tokenizer.ggml.model", ""},
        {"tokenizer.ggml.bos_token_id", "tokenizer.ggml.bos_token_di", "tokenizer.ggml.bos_token_id",
         "missing"},
        {"<0x0A>", "<0x0B>", "\"<0x0B>\"", "same as token"},
    };
    ll_tokenizer *tokenizer = NULL;
    ll_error error = {{0}};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        CHECK_MSG(load_changed(&tokenizer, changes[i][0], changes[i][1], ROWS, &error) == LL_BAD_INPUT &&
                      !tokenizer,
                  "case %zu", i);
        CHECK_CONTAINS(error.text, "changed.gguf");
        CHECK_CONTAINS(error.text, changes[i][2]);
        CHECK_CONTAINS(error.text, changes[i][3]);
    }
    CHECK(load_changed(&tokenizer, "GGUF", "GGUF", 699, &error) == LL_BAD_INPUT && !tokenizer);
    CHECK_CONTAINS(error.text, "699 rows for 700 tokens");
    CHECK(load_changed(&tokenizer, "GGUF", "GGUF", 700, &error) == LL_OK);
    ll_tokenizer_destroy(tokenizer);
}

/* ---- hostile files and long texts ---- */

static void test_damaged(void) {
    static const char text[] = "Hello world <tool> \xFF 1212 \xE2\x86\x92\n";
    ll_random random = {5};
    size_t loaded = 0;
    for (size_t i = 0; i < 1500; i++) {
        size_t length;
        char *file = ll_test_read("tests/golden/tokenizer-spm-unused/tokenizer.model", &length);
        REQUIRE(file);
        for (size_t j = 0; j <= i % 3; j++)
            file[ll_random_next(&random) % length] = (char)ll_random_next(&random);
        ll_tokenizer *tokenizer = NULL;
        ll_ids ids = {0};
        ll_error error = {{0}};
        const size_t cut = i % 7 ? length : (size_t)(ll_random_next(&random) % length);
        if (ll_tokenizer_from_protobuf(&tokenizer, file, cut, "tokenizer.model", ROWS, &error) == LL_OK) {
            CHECK(ll_tokenizer_encode(tokenizer, text, sizeof text, &ids, &error) == LL_OK);
            loaded++;
        } else {
            CHECK(error.text[0]);
        }
        ll_ids_free(&ids);
        ll_tokenizer_destroy(tokenizer);
        free(file);
    }
    CHECK_MSG(loaded > 10 && loaded < 1490, "%zu loaded", loaded);
}

static void test_long(void) {
    enum { LENGTH = 1 << 20 };
    static const char *const units[] = {"a", " ", "e ", "\n", "\xFF", "<tool>", "\xF0\x9F\x98\x80"};
    char *text = malloc(LENGTH);
    ll_tokenizer *tokenizer = NULL;
    CHECK(ll_tokenizer_from_folder(&tokenizer, "tests/golden/tokenizer-spm-unused", ROWS, NULL) == LL_OK);
    for (size_t i = 0; text && tokenizer && i < sizeof units / sizeof *units; i++) {
        for (size_t at = 0; at < LENGTH; at++)
            text[at] = units[i][at % strlen(units[i])];
        ll_ids ids = {0};
        const clock_t start = clock();
        CHECK(ll_tokenizer_encode(tokenizer, text, LENGTH, &ids, NULL) == LL_OK);
        const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        CHECK_MSG(seconds < 10, "1 MB of \"%s\" took %.1f s", units[i], seconds);
        ll_ids_free(&ids);
    }
    ll_tokenizer_destroy(tokenizer);
    free(text);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("sentencepiece/highest score, then leftmost", test_score_order);
    ll_test_run("sentencepiece/bytes of what is no piece", test_bytes);
    ll_test_run("sentencepiece/spaces", test_spaces);
    ll_test_run("sentencepiece/control, user-defined and unused pieces", test_kinds);
    ll_test_run("sentencepiece/refusals", test_refusals);
    ll_test_run("sentencepiece/GGUF refusals", test_gguf);
    ll_test_run("sentencepiece/damaged files", test_damaged);
    ll_test_run("sentencepiece/a megabyte without end", test_long);
    return ll_test_end();
}
