/* Exports compute what their source computes with the mask, bit for bit, and hold its bytes. */
#include "export.h"
#include "families.h"
#include "model.h"
#include "test.h"
#include "toy_gguf.h"
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 16, PATH = 512 };

static ll_error error;

/* ---- helpers ---- */

static const char *new_path(const char *end) {
    static char path[PATH];
    static int number;
    snprintf(path, sizeof path, "%s/export%d%s", ll_test_folder(), number++, end);
    return path;
}

/* Logits of a few tokens, malloc'd; NULL after having failed the test. */
static float *logits_of(const char *path, ll_weights_kind weights, const ll_mask *mask, size_t *count) {
    ll_model *model = NULL;
    const ll_model_options options = {.weights = weights, .group = 128, .threads = 2};
    ll_status status = ll_model_load(&model, path, &options, &error);
    CHECK_MSG(status == LL_OK, "%s: %s", path, error.text);
    if (status != LL_OK)
        return NULL;
    const ll_config *c = ll_model_config(model);
    *count = TOKENS * c->vocab;
    float *residual = calloc(TOKENS * c->hidden, sizeof *residual), *logits = calloc(*count, sizeof *logits);
    ll_session *session = NULL;
    int32_t ids[TOKENS];
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)(i * i * 7 % c->vocab);
    status = ll_session_create(&session, model, mask, TOKENS, &error);
    if (status == LL_OK)
        status = ll_session_forward(session, ids, TOKENS, residual, NULL, &error);
    if (status == LL_OK)
        status = ll_session_logits(session, residual, TOKENS, logits, &error);
    CHECK_MSG(status == LL_OK, "%s: %s", path, error.text);
    ll_session_destroy(session);
    ll_model_destroy(model);
    free(residual);
    return logits;
}

static void expect_same_logits(const char *source, const ll_mask *mask, const char *export,
                               const char *what) {
    for (int kind = LL_WEIGHTS_INT8; kind <= LL_WEIGHTS_F32; kind++) {
        size_t expected_count = 0, count = 0;
        float *expected = logits_of(source, (ll_weights_kind)kind, mask, &expected_count);
        float *found = logits_of(export, (ll_weights_kind)kind, &(ll_mask){0}, &count);
        CHECK_MSG(expected && found && count == expected_count &&
                      memcmp(found, expected, count * sizeof *found) == 0,
                  "%s, %s weights: the logits differ", what, ll_weights_kind_name((ll_weights_kind)kind));
        free(expected);
        free(found);
    }
}

static bool is_attention(ll_role role) {
    return role >= LL_ROLE_ATTN_NORM && role <= LL_ROLE_O_BIAS;
}

static void expect_same_bytes(const ll_tensor *found, const ll_tensor *expected, const char *what) {
    CHECK_MSG(found && found->type == expected->type && found->bytes == expected->bytes &&
                  found->n_dims == expected->n_dims &&
                  memcmp(found->dims, expected->dims, sizeof found->dims) == 0 &&
                  memcmp(found->data, expected->data, expected->bytes) == 0,
              "%s: tensor %s is not the source's", what, expected->name);
}

/* Every tensor of the source that is not dropped is there, under its new number, and no other. */
static void expect_same_tensors(const ll_checkpoint *source, const ll_mask *dropped,
                                const ll_checkpoint *export, const char *what) {
    const ll_config *c = ll_checkpoint_config(source);
    const bool gguf = ll_checkpoint_format(source) == LL_FORMAT_GGUF;
    size_t number = 0;
    for (int role = 0; role < LL_ROLE_COUNT; role++)
        if (!ll_role_in_block((ll_role)role) && ll_checkpoint_tensor(source, (ll_role)role, 0))
            expect_same_bytes(ll_checkpoint_tensor(export, (ll_role)role, 0),
                              ll_checkpoint_tensor(source, (ll_role)role, 0), what);
    for (size_t layer = 0; layer < c->layers; layer++) {
        if (gguf && dropped->attn[layer] && dropped->mlp[layer])
            continue;
        for (int r = 0; r < LL_ROLE_COUNT; r++) {
            const ll_role role = (ll_role)r;
            const ll_tensor *tensor =
                ll_role_in_block(role) ? ll_checkpoint_tensor(source, role, layer) : NULL;
            const bool gone = is_attention(role) ? dropped->attn[layer] : dropped->mlp[layer];
            if (tensor && !gone)
                expect_same_bytes(ll_checkpoint_tensor(export, role, number), tensor, what);
            else if (tensor)
                CHECK_MSG(!ll_checkpoint_tensor(export, role, number), "%s: %s is still there", what,
                          tensor->name);
        }
        number++;
    }
    CHECK_MSG(ll_checkpoint_config(export)->layers == number, "%s: %zu blocks", what,
              ll_checkpoint_config(export)->layers);
}

static ll_mask parse(const char *drop, size_t layers) {
    ll_mask mask = {0};
    CHECK_MSG(ll_drop_parse(&mask, drop, layers, NULL, &error) == LL_OK, "%s", error.text);
    return mask;
}

/* The export's path; NULL after having failed the test. Static storage. */
static const char *export_to(const char *source_path, const char *path, const char *drop,
                             ll_export_result *result) {
    ll_checkpoint *source;
    ll_status status = ll_checkpoint_open(&source, source_path, &error);
    CHECK_MSG(status == LL_OK, "%s", error.text);
    if (status != LL_OK)
        return NULL;
    const ll_mask mask = parse(drop, ll_checkpoint_config(source)->layers);
    status = ll_export(result, source, path, &(ll_export_options){.drop = &mask}, &error);
    CHECK_MSG(status == LL_OK, "%s without %s: %s", source_path, drop, error.text);
    ll_checkpoint *export = NULL;
    if (status == LL_OK)
        status = ll_checkpoint_open(&export, path, &error);
    CHECK_MSG(status == LL_OK, "%s: %s", path, error.text);
    if (status == LL_OK)
        expect_same_tensors(source, &result->dropped, export, drop);
    ll_checkpoint_close(export);
    ll_checkpoint_close(source);
    return status == LL_OK ? path : NULL;
}

/* Exports, and compares with the source under the mask. */
static void check_export(const char *source, const char *end, const char *drop, size_t layers) {
    ll_export_result result;
    const char *path = export_to(source, new_path(end), drop, &result);
    const ll_mask mask = parse(drop, layers);
    if (path)
        expect_same_logits(source, &mask, path, drop);
}

/* ---- logits ---- */

static const char *const DROPS[] = {"attn:1",   "mlp:0,2", "block:1", "block:0,3", "attn:0+mlp:3+block:2",
                                    "attn:0-3", "mlp:0-3"};

static void check_family(const char *name, ll_form form, const char *drop) {
    ll_family f;
    char path[LL_FAMILY_PATH];
    REQUIRE(ll_family_load(&f, name));
    if (ll_family_write(&f, form, &(ll_family_change){0}, path))
        check_export(path, form == LL_FORM_GGUF || form == LL_FORM_GGUF_SPLIT ? ".gguf" : "", drop,
                     f.config.layers);
    ll_family_free(&f);
}

static void check_form(ll_form form) {
    for (size_t i = 0; i < sizeof DROPS / sizeof *DROPS; i++)
        check_family("drop", form, DROPS[i]);
    check_family("bias", form, "attn:1");
    check_family("bias", form, "block:0");
    check_family("attention-bias", form, "mlp:0");
    check_family("llama3", form, "block:1");
    check_family("llama2", form, "block:1+attn:2");
    check_family("mistral", form, "attn:0+mlp:1");
    check_family("tied", form, "attn:0");
}

static void test_gguf(void) {
    check_form(LL_FORM_GGUF);
}
static void test_gguf_split(void) {
    check_form(LL_FORM_GGUF_SPLIT);
}
static void test_hf(void) {
    check_form(LL_FORM_HF_F32);
}
static void test_hf_shards(void) {
    check_form(LL_FORM_HF_BF16);
}

/* Tied embeddings, and blocks of the packed formats. */
static void test_gguf_types(void) {
    static const uint32_t TYPES[] = {LL_TYPE_F16, LL_TYPE_BF16, LL_TYPE_Q8_0, LL_TYPE_Q4_1};
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        ll_toy toy = ll_toy_default();
        char path[PATH];
        toy.type = TYPES[i];
        toy.vocab = 257;                     /* of the packed formats, no multiple of the alignment */
        toy.extra_tensor = "something.else"; /* that no role uses; it stays */
        snprintf(path, sizeof path, "%s", new_path(".gguf"));
        REQUIRE(ll_toy_write(path, &toy, NULL));
        check_export(path, ".gguf", "block:0+mlp:2", toy.layers);
    }
}

/* More bytes than are written at a time. */
static void test_large_tensor(void) {
    ll_toy toy = ll_toy_default();
    char source[PATH];
    ll_export_result result;
    toy.vocab = 40001;
    snprintf(source, sizeof source, "%s", new_path(".gguf"));
    REQUIRE(ll_toy_write(source, &toy, NULL));
    export_to(source, new_path(".gguf"), "mlp:1", &result);
    CHECK(result.bytes > 5000000);
}

/* ---- what an export says ---- */

static size_t per_layer_keys(ll_bytes *out) {
    enum { TEXT = 8, ARRAY = 9, I32 = 5, BLOCKS = 4 };
    static const char *const TEXTS[BLOCKS] = {"", "one", "twotwo", "three three three"};
    ll_put_text(out, "llama.attention.some_numbers");
    ll_put_u32(out, ARRAY);
    ll_put_u32(out, I32);
    ll_put_u64(out, BLOCKS);
    for (uint32_t i = 0; i < BLOCKS; i++)
        ll_put_u32(out, 10 + i);
    ll_put_text(out, "llama.rope.dimension_sections");
    ll_put_u32(out, ARRAY);
    ll_put_u32(out, I32);
    ll_put_u64(out, BLOCKS);
    for (uint32_t i = 0; i < BLOCKS; i++)
        ll_put_u32(out, i);
    ll_put_key_text(out, "general.name", "Toy");
    ll_put_text(out, "llama.some_texts"); /* the last key: it ends where the tensors' table begins */
    ll_put_u32(out, ARRAY);
    ll_put_u32(out, TEXT);
    ll_put_u64(out, BLOCKS);
    for (size_t i = 0; i < BLOCKS; i++)
        ll_put_text(out, TEXTS[i]);
    return 4;
}

static void check_keys(const ll_gguf *gguf) {
    int64_t *numbers = NULL, *sections = NULL;
    ll_text *texts = NULL, name = {0};
    size_t count = 0, section_count = 0, text_count = 0;
    uint64_t blocks = 0, vocab = 0;
    bool found;
    CHECK(ll_gguf_get_u64(gguf, "llama.block_count", &blocks, NULL, &error) == LL_OK && blocks == 2);
    CHECK(ll_gguf_get_i64_array(gguf, "llama.attention.some_numbers", &numbers, &count, NULL, &error) ==
          LL_OK);
    CHECK(count == 2 && numbers && numbers[0] == 11 && numbers[1] == 12);
    CHECK(ll_gguf_get_i64_array(gguf, "llama.rope.dimension_sections", &sections, &section_count, NULL,
                                &error) == LL_OK &&
          section_count == 4 && sections[3] == 3);
    CHECK(ll_gguf_get_text_array(gguf, "llama.some_texts", &texts, &text_count, NULL, &error) == LL_OK);
    CHECK(text_count == 2 && texts && texts[0].length == 3 && texts[1].length == 6 &&
          memcmp(texts[1].data, "twotwo", 6) == 0);
    free(numbers);
    CHECK(ll_gguf_get_text(gguf, "general.name", &name, NULL, &error) == LL_OK && name.length == 3);
    CHECK(ll_gguf_get_i64_array(gguf, "layerlab.drop_attn_list", &numbers, &count, &found, &error) == LL_OK &&
          !found);
    CHECK(ll_gguf_get_u64(gguf, "split.count", &vocab, &found, &error) == LL_OK && !found);
    free(sections);
    free(texts);
}

/* Arrays of one item a block follow the blocks, the others stay. */
static void test_per_layer_arrays(void) {
    ll_toy toy = ll_toy_default();
    char source[PATH];
    ll_export_result result;
    toy.layers = 4;
    toy.more_keys = per_layer_keys;
    snprintf(source, sizeof source, "%s", new_path(".gguf"));
    REQUIRE(ll_toy_write(source, &toy, NULL));
    const char *path = export_to(source, new_path(".gguf"), "block:0,3", &result);
    ll_gguf *gguf = NULL;
    REQUIRE(path && ll_gguf_open(&gguf, path, &error) == LL_OK);
    CHECK(!result.listed && result.layers == 2);
    check_keys(gguf);
    ll_gguf_close(gguf);
}

static size_t filler; /* bytes of a key that moves what follows it */

static size_t alignment_keys(ll_bytes *out) {
    char text[64];
    memset(text, 'x', sizeof text);
    text[filler] = 0;
    ll_put_key_text(out, "general.description", text);
    ll_put_key_u32(out, "general.alignment", 64);
    return 2;
}

/* The toy writer aligns to 32: of two files whose tables' lengths differ by 32, one's data lie as a reader of 64 expects. */
static void test_alignment(void) {
    ll_toy toy = ll_toy_default();
    char source[PATH];
    ll_export_result result;
    ll_gguf *gguf = NULL;
    snprintf(source, sizeof source, "%s", new_path(".gguf"));
    toy.more_keys = alignment_keys;
    for (filler = 0; filler < 64 && !gguf; filler += 32) {
        REQUIRE(ll_toy_write(source, &toy, NULL));
        ll_gguf_open(&gguf, source, &error);
    }
    REQUIRE(gguf);
    ll_gguf_close(gguf);
    const char *path = export_to(source, new_path(".gguf"), "block:1", &result);
    REQUIRE(path && ll_gguf_open(&gguf, path, &error) == LL_OK);
    for (size_t i = 0; i < ll_gguf_tensor_count(gguf); i++)
        CHECK((uintptr_t)ll_gguf_tensor_at(gguf, i)->data % 64 == 0);
    CHECK(ll_gguf_file_bytes(gguf) % 64 == 0);
    ll_gguf_close(gguf);
}

/* An export of an export drops what both drop, and its lists count the blocks that are left. */
static void test_twice(void) {
    ll_toy toy = ll_toy_default();
    char source[PATH], once[PATH];
    ll_export_result result;
    toy.layers = 4;
    snprintf(source, sizeof source, "%s", new_path(".gguf"));
    snprintf(once, sizeof once, "%s", new_path(".gguf"));
    REQUIRE(ll_toy_write(source, &toy, NULL) && export_to(source, once, "attn:2+mlp:1", &result));
    CHECK(result.listed && result.layers == 4);
    const char *twice = export_to(once, new_path(".gguf"), "block:0+mlp:2", &result);
    REQUIRE(twice);
    CHECK(result.listed && result.layers == 2 && result.dropped.attn[2] && result.dropped.mlp[1]);
    const ll_mask mask = parse("block:0,2+mlp:1", toy.layers);
    expect_same_logits(source, &mask, twice, "twice");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("export/gguf", test_gguf);
    ll_test_run("export/gguf in parts", test_gguf_split);
    ll_test_run("export/hf", test_hf);
    ll_test_run("export/hf shards", test_hf_shards);
    ll_test_run("export/gguf types", test_gguf_types);
    ll_test_run("export/large tensor", test_large_tensor);
    ll_test_run("export/arrays of one item a block", test_per_layer_arrays);
    ll_test_run("export/alignment", test_alignment);
    ll_test_run("export/twice", test_twice);
    return ll_test_end();
}
