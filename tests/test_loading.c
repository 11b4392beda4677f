/* Models as a user has them: parts that are missing or mixed up, tensors that are missing, misshapen or too many, and a
 * tokenizer that does not fit. Each is told in one line, before a weight is read. */
#include "checkpoint.h"
#include "families.h"
#include "test.h"
#include "toy_hf.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static ll_error error;

static void expect_refused(const char *path, const char *part) {
    ll_checkpoint *checkpoint = NULL;
    error.text[0] = 0;
    CHECK_MSG(ll_checkpoint_open(&checkpoint, path, &error) == LL_BAD_INPUT && !checkpoint, "%s is taken",
              path);
    CHECK_CONTAINS(error.text, part);
    ll_checkpoint_close(checkpoint);
}

static ll_checkpoint *open_sound(const char *path) {
    ll_checkpoint *checkpoint = NULL;
    if (ll_checkpoint_open(&checkpoint, path, &error) != LL_OK)
        ll_test_fail(path, 0, "%s", error.text);
    return checkpoint;
}

/* ---- a GGUF model in three parts ---- */

static char folder[LL_FAMILY_PATH];

static const char *part(int number) {
    static char path[4][LL_FAMILY_PATH + 40];
    snprintf(path[number], sizeof path[number], "%s/model-%05d-of-00003.gguf", folder, number);
    return path[number];
}

static bool write_parts(void) {
    ll_family family;
    if (!ll_family_load(&family, "llama2"))
        return false;
    const bool written = ll_family_write(&family, LL_FORM_GGUF_SPLIT, &(ll_family_change){0}, folder);
    *strrchr(folder, '/') = 0;
    ll_family_free(&family);
    ll_checkpoint *checkpoint = written ? open_sound(part(2)) : NULL;
    const bool sound = checkpoint && ll_checkpoint_file_count(checkpoint) == 3;
    ll_checkpoint_close(checkpoint);
    return sound;
}

/* Every part opened alone says which others are not there. */
static void test_missing_parts(void) {
    REQUIRE(write_parts());
    unlink(part(3));
    expect_refused(part(2), "1 of 3 parts missing: number 3; fetch them");
    expect_refused(part(1), "1 of 3 parts missing: number 3; fetch them");
    expect_refused(folder, "1 of 3 parts missing: number 3; fetch them");
    expect_refused(part(3), "cannot be opened: No such file");
    unlink(part(1));
    expect_refused(part(2), "2 of 3 parts missing: number 1, 3; fetch them");
    expect_refused(folder, "2 of 3 parts missing: number 1, 3; fetch them");
}

static void test_cut_parts(void) {
    struct stat info;
    REQUIRE(write_parts() && stat(part(2), &info) == 0);
    REQUIRE(truncate(part(2), info.st_size / 2) == 0);
    expect_refused(part(1), "model-00002-of-00003.gguf: ");
    CHECK_CONTAINS(error.text, "cut or damaged, fetch it again");
    REQUIRE(truncate(part(2), 0) == 0);
    expect_refused(part(3), "model-00002-of-00003.gguf: is empty");
}

/* Sets the number of four bytes that belongs to the key of a part. */
static bool set_key(int number, const char *key, uint32_t value) {
    size_t length;
    char *data = ll_test_read(part(number), &length);
    char *at = data ? memmem(data, length, key, strlen(key)) : NULL;
    if (at) {
        memcpy(at + strlen(key) + 4, &value, key[6] == 't' ? 4 : 2); /* the tensors' count is wider */
        ll_test_write(part(number), data, length);
    }
    free(data);
    return at != NULL;
}

static void test_mixed_up_parts(void) {
    REQUIRE(write_parts());
    char aside[LL_FAMILY_PATH + 16];
    snprintf(aside, sizeof aside, "%s/aside.bin", folder);
    CHECK(rename(part(2), aside) == 0 && rename(part(3), part(2)) == 0 && rename(aside, part(3)) == 0);
    expect_refused(part(1), "say part 2 (from 0) of 3, its name says part 1 of 3");
    /* Part 3 again, as if it were the second. */
    CHECK(set_key(2, "split.no", 1) && set_key(3, "split.no", 2));
    ll_checkpoint_close(open_sound(part(1)));
    size_t length;
    char *data = ll_test_read(part(2), &length);
    REQUIRE(data);
    ll_test_write(part(3), data, length);
    free(data);
    REQUIRE(set_key(3, "split.no", 2));
    expect_refused(part(1), "model-00002-of-00003.gguf too; fetch the model again");
    REQUIRE(write_parts() && set_key(1, "split.tensors.count", 99));
    expect_refused(part(1), "split.tensors.count says 99 tensors");
    REQUIRE(write_parts() && set_key(3, "split.count", 4));
    expect_refused(part(1), "say part 2 (from 0) of 4, its name says part 2 of 3");
    REQUIRE(write_parts());
    snprintf(aside, sizeof aside, "%s/renamed.gguf", folder);
    CHECK(rename(part(3), aside) == 0);
    expect_refused(aside, "one of 3 parts");
    CHECK_CONTAINS(error.text, "-of-00003.gguf tell where the others are; rename them");
    unlink(aside);
}

/* ---- Hugging Face folders ---- */

static const char *toy_folder(const ll_toy_hf *toy) {
    static char path[300];
    snprintf(path, sizeof path, "%s/toy", ll_test_folder());
    return ll_toy_hf_write(path, toy) ? path : "";
}

static const char *file_of(const char *path, const char *name) {
    static char file[400];
    snprintf(file, sizeof file, "%s/%s", path, name);
    return file;
}

/* What the configuration needs and no file has, or has in another shape: named, whole and in shards. */
static void test_hf_tensors(void) {
    for (size_t shards = 0; shards < 3; shards += 2) {
        ll_toy_hf toy = ll_toy_hf_default();
        toy.shards = shards;
        toy.missing_tensor = "model.layers.2.mlp.up_proj.weight";
        expect_refused(toy_folder(&toy), toy.missing_tensor);
        toy.missing_tensor = "lm_head.weight";
        expect_refused(toy_folder(&toy), toy.missing_tensor);
        toy.missing_tensor = NULL;
        toy.misshapen_tensor = "model.layers.1.self_attn.k_proj.weight";
        expect_refused(toy_folder(&toy), "k_proj.weight has 17 rows of 32 values, expected 16 of 32");
        toy.misshapen_tensor = "model.norm.weight";
        expect_refused(toy_folder(&toy), "model.norm.weight has 1 rows of 33 values, expected 1 of 32");
        toy.misshapen_tensor = NULL;
        toy.extra_tensor = "model.layers.1.self_attn.q_norm.weight";
        expect_refused(toy_folder(&toy), "q_norm.weight is in a block but part of no layer");
        toy.extra_tensor = "model.layers.1.mlp.up_proj.bias"; /* that config.json denies */
        expect_refused(toy_folder(&toy), "up_proj.bias");
        unlink(file_of(toy_folder(&toy), "model.safetensors"));
    }
}

/* config.json of a deeper, of a wider and of a shallower model than the weights'. */
static void test_another_config(void) {
    ll_toy_hf toy = ll_toy_hf_default(), other = ll_toy_hf_default();
    const char *config = file_of(toy_folder(&toy), "config.json");
    char *text[3];
    size_t length[3];
    for (int i = 0; i < 3; i++) {
        other = toy;
        other.config.layers += i == 0;
        other.config.heads *= i == 1 ? 2 : 1;
        other.config.layers -= i == 2;
        toy_folder(&other);
        text[i] = ll_test_read(config, &length[i]);
        REQUIRE(text[i]);
    }
    const char *path = toy_folder(&toy);
    ll_test_write(config, text[0], length[0]);
    expect_refused(path, "model.layers.3.input_layernorm.weight is missing");
    ll_test_write(config, text[1], length[1]);
    expect_refused(path, "q_proj.weight has 32 rows of 32 values, expected 64 of 32");
    /* What transformers does, too, but not in silence: the third block's tensors are listed. */
    ll_test_write(config, text[2], length[2]);
    ll_checkpoint *shallow = open_sound(path);
    REQUIRE(shallow);
    size_t unused = 0;
    while (ll_checkpoint_unused(shallow, unused))
        CHECK(strncmp(ll_checkpoint_unused(shallow, unused++), "model.layers.2.", 15) == 0);
    CHECK(unused == 9);
    ll_checkpoint_close(shallow);
    for (int i = 0; i < 3; i++)
        free(text[i]);
}

/* A tensor outside of every block changes nothing, but it is listed. */
static void test_unused_tensors(void) {
    ll_toy_hf toy = ll_toy_hf_default();
    toy.extra_tensor = "foo.bar";
    ll_toy gguf = ll_toy_default();
    gguf.extra_tensor = "foo.bar";
    char path[300];
    snprintf(path, sizeof path, "%s/extra.gguf", ll_test_folder());
    REQUIRE(ll_toy_write(path, &gguf, NULL));
    const char *const paths[] = {toy_folder(&toy), path};
    for (size_t i = 0; i < 2; i++) {
        ll_checkpoint *checkpoint = open_sound(paths[i]);
        REQUIRE(checkpoint);
        const char *unused = ll_checkpoint_unused(checkpoint, 0);
        CHECK_MSG(unused && strcmp(unused, "foo.bar") == 0 && !ll_checkpoint_unused(checkpoint, 1),
                  "%s lists %s", paths[i], unused ? unused : "nothing");
        ll_checkpoint_close(checkpoint);
    }
}

/* A token that the embedding has no row for is refused and named; a row without a token is fine. */
static void test_more_tokens_than_rows(void) {
    const ll_toy_hf toy = ll_toy_hf_default();
    const char *path = toy_folder(&toy), *file = file_of(path, "tokenizer.json");
    ll_checkpoint *checkpoint = open_sound(path);
    REQUIRE(checkpoint);
    for (size_t tokens = toy.config.vocab - 1; tokens <= toy.config.vocab + 1; tokens++) {
        char *text = NULL;
        size_t length;
        FILE *json = open_memstream(&text, &length);
        REQUIRE(json);
        fprintf(json, "{\"added_tokens\":[{\"id\":%zu,\"content\":\"[PAD]\",\"special\":true}],", tokens - 1);
        fprintf(json, "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{\"a\":0");
        for (size_t id = 1; id < tokens - 1; id++)
            fprintf(json, ",\"t%zu\":%zu", id, id);
        fprintf(json, "}}}");
        REQUIRE(fclose(json) == 0);
        ll_test_write(file, text, length);
        free(text);
        ll_tokenizer *tokenizer = NULL;
        const ll_status status = ll_checkpoint_tokenizer(&tokenizer, checkpoint, &error);
        CHECK_MSG(status == (tokens <= toy.config.vocab ? LL_OK : LL_BAD_INPUT), "%zu tokens: %s", tokens,
                  error.text);
        ll_tokenizer_destroy(tokenizer);
    }
    CHECK_CONTAINS(error.text, "tokenizer.json: ");
    CHECK_CONTAINS(error.text, "\"[PAD]\" has id 256");
    ll_checkpoint_close(checkpoint);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("loading/missing parts are named", test_missing_parts);
    ll_test_run("loading/cut parts", test_cut_parts);
    ll_test_run("loading/mixed up parts", test_mixed_up_parts);
    ll_test_run("loading/missing, misshapen and extra tensors", test_hf_tensors);
    ll_test_run("loading/the config of another model", test_another_config);
    ll_test_run("loading/unused tensors are listed", test_unused_tensors);
    ll_test_run("loading/more tokens than rows", test_more_tokens_than_rows);
    return ll_test_end();
}
