/* Models on disk: which file or folder is meant, parts of split models, tensors that are too many or too few, hashes. */
#include "checkpoint.h"
#include "families.h"
#include "test.h"
#include "toy_gguf.h"
#include "toy_hf.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH = 512, PARTS = 3 };

static ll_error error;

static ll_checkpoint *open_sound(const char *path) {
    ll_checkpoint *checkpoint = NULL;
    const ll_status status = ll_checkpoint_open(&checkpoint, path, &error);
    CHECK_MSG(status == LL_OK && checkpoint, "%s: %s", path, error.text);
    return status == LL_OK ? checkpoint : NULL;
}

static void expect_refused(const char *path, const char *part, const char *second) {
    ll_checkpoint *checkpoint = NULL;
    error.text[0] = 0;
    CHECK_MSG(ll_checkpoint_open(&checkpoint, path, &error) == LL_BAD_INPUT && !checkpoint,
              "%s: not refused, expected \"%s\"", path, part);
    CHECK_CONTAINS(error.text, part);
    CHECK_CONTAINS(error.text, second);
    CHECK_MSG(!strchr(error.text, '\n'), "more than one line: %s", error.text);
    ll_checkpoint_close(checkpoint);
}

/* A new folder for each call; static storage. */
static const char *new_folder(void) {
    static char folder[PATH];
    static int number;
    snprintf(folder, sizeof folder, "%s/checkpoint%d", ll_test_folder(), number++);
    CHECK_MSG(mkdir(folder, 0777) == 0, "%s cannot be made", folder);
    return folder;
}

static const char *path_in(const char *folder, const char *name) {
    static char path[4][2 * PATH];
    static size_t next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static void copy(const char *from, const char *to) {
    size_t length = 0;
    char *data = ll_test_read(from, &length);
    if (data)
        ll_test_write(to, data, length);
    free(data);
}

/* ---- whole files and folders ---- */

static void test_folder_of_gguf(void) {
    const char *folder = new_folder();
    const ll_toy toy = ll_toy_default();
    expect_refused(folder, "holds 0 models", folder);
    REQUIRE(ll_toy_write(path_in(folder, "one.gguf"), &toy, NULL));
    ll_test_write(path_in(folder, "README.md"), "x", 1);
    ll_checkpoint *checkpoint = open_sound(folder);
    if (checkpoint) {
        CHECK(ll_checkpoint_format(checkpoint) == LL_FORMAT_GGUF && ll_checkpoint_gguf(checkpoint));
        CHECK(ll_checkpoint_file_count(checkpoint) == 1);
        CHECK(strcmp(ll_checkpoint_file(checkpoint, 0), path_in(folder, "one.gguf")) == 0);
    }
    ll_checkpoint_close(checkpoint);
    copy(path_in(folder, "one.gguf"), path_in(folder, "two.gguf"));
    expect_refused(folder, "holds 2 models", "give the path of one file");
    expect_refused(path_in(folder, "three.gguf"), "three.gguf", "No such file");
    char longer[5000];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = 0;
    expect_refused(longer, "aaaa...", "the path is longer than");
}

/* Any file of a folder in Hugging Face form stands for the folder. */
static void expect_folder(const char *path, const char *folder, size_t files) {
    ll_checkpoint *checkpoint = open_sound(path);
    if (!checkpoint)
        return;
    CHECK_MSG(strcmp(ll_checkpoint_path(checkpoint), folder) == 0, "%s is opened as %s", path,
              ll_checkpoint_path(checkpoint));
    CHECK(ll_checkpoint_format(checkpoint) == LL_FORMAT_HF && !ll_checkpoint_gguf(checkpoint));
    CHECK(ll_checkpoint_file_count(checkpoint) == files);
    uint64_t bytes = 0;
    for (size_t i = 0; i < files; i++) {
        struct stat info = {0};
        const char *file = ll_checkpoint_file(checkpoint, i), *name = strrchr(file, '/');
        CHECK_MSG(stat(file, &info) == 0, "%s is not there", file);
        bytes += name && strcmp(name, "/config.json") == 0 ? 0 : (uint64_t)info.st_size;
    }
    CHECK(ll_checkpoint_bytes(checkpoint) == bytes);
    ll_checkpoint_close(checkpoint);
}

static void test_file_of_a_folder(void) {
    const char *folder = new_folder();
    ll_toy_hf toy = ll_toy_hf_default();
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_folder(folder, folder, 2);
    expect_folder(path_in(folder, "config.json"), folder, 2);
    expect_folder(path_in(folder, "model.safetensors"), folder, 2);
    char here[PATH];
    REQUIRE(getcwd(here, sizeof here) && chdir(folder) == 0);
    expect_folder("config.json", ".", 2);
    expect_folder("model.safetensors", ".", 2);
    expect_folder(".", ".", 2);
    REQUIRE(chdir(here) == 0);
    folder = new_folder();
    toy.shards = 3;
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_folder(folder, folder, 4);
    expect_folder(path_in(folder, "model-2.safetensors"), folder, 4);
    expect_folder(path_in(folder, "model.safetensors.index.json"), folder, 4);
    CHECK(remove(path_in(folder, "config.json")) == 0);
    expect_refused(path_in(folder, "model-2.safetensors"), "no config.json beside model-2.safetensors",
                   folder);
    expect_refused(folder, "config.json", folder);
}

/* Folders of GGUF files come with a config.json; folders in Hugging Face form may hold a GGUF file too. */
static void test_mixed_folders(void) {
    const char *folder = new_folder();
    const ll_toy gguf = ll_toy_default();
    ll_toy_hf hf = ll_toy_hf_default();
    REQUIRE(ll_toy_hf_write(folder, &hf) && ll_toy_write(path_in(folder, "toy.gguf"), &gguf, NULL));
    expect_folder(folder, folder, 2);
    CHECK(remove(path_in(folder, "model.safetensors")) == 0);
    const char *const paths[] = {folder, path_in(folder, "config.json")};
    for (size_t i = 0; i < 2; i++) {
        ll_checkpoint *checkpoint = open_sound(paths[i]);
        CHECK(checkpoint && ll_checkpoint_format(checkpoint) == LL_FORMAT_GGUF);
        ll_checkpoint_close(checkpoint);
        ll_tokenizer *tokenizer = NULL;
        CHECK_MSG(ll_tokenizer_open(&tokenizer, paths[i], &error) == LL_OK, "%s", error.text);
        ll_tokenizer_destroy(tokenizer);
    }
    folder = new_folder();
    ll_test_write(path_in(folder, "model-1.safetensors"), "x", 1);
    expect_refused(folder, "has no config.json", folder);
    ll_test_write(path_in(folder, "config.json"), "{}", 2);
    expect_refused(folder, "config.json", folder);
}

/* ---- split models ---- */

/* The family llama2 in three parts: the embedding and block 0; block 1 and a norm; the rest. Its folder, static storage. */
static const char *split_model(void) {
    static char folder[LL_FAMILY_PATH];
    ll_family family;
    folder[0] = 0;
    if (!ll_family_load(&family, "llama2"))
        return NULL;
    const bool good = ll_family_write(&family, LL_FORM_GGUF_SPLIT, &(ll_family_change){0}, folder);
    ll_family_free(&family);
    *strrchr(folder, '/') = 0;
    return good ? folder : NULL;
}

static const char *part_in(const char *folder, int part) {
    char name[64];
    snprintf(name, sizeof name, "model-%05d-of-%05d.gguf", part, PARTS);
    return path_in(folder, name);
}

/* The byte `beyond` bytes after the first place of the text is increased by one. */
static void change_byte(const char *path, const char *text, size_t beyond) {
    size_t length = 0;
    char *data = ll_test_read(path, &length);
    char *at = data ? memmem(data, length, text, strlen(text)) : NULL;
    CHECK_MSG(at, "%s holds no %s", path, text);
    if (at) {
        at[strlen(text) + beyond]++;
        ll_test_write(path, data, length);
    }
    free(data);
}

enum { AFTER_KIND = 4 }; /* a key's value comes after its kind */

static void test_any_part(void) {
    const char *folder = split_model();
    REQUIRE(folder);
    char first[LL_SHA256_TEXT], again[LL_SHA256_TEXT];
    for (int part = 0; part <= PARTS; part++) {
        ll_checkpoint *c = open_sound(part ? part_in(folder, part) : folder);
        REQUIRE(c);
        CHECK(ll_checkpoint_file_count(c) == PARTS && ll_checkpoint_config(c)->layers == 3);
        CHECK(strcmp(ll_checkpoint_file(c, 1), part_in(folder, 2)) == 0);
        const ll_tensor *up = ll_checkpoint_tensor(c, LL_ROLE_UP, 1);
        CHECK(up && strcmp(ll_checkpoint_file_of(c, up), part_in(folder, 2)) == 0);
        CHECK(strcmp(ll_gguf_path(ll_checkpoint_gguf(c)), part_in(folder, 1)) == 0);
        CHECK(ll_checkpoint_identity(c, part ? again : first, &error) == LL_OK);
        CHECK(!part || strcmp(first, again) == 0);
        ll_checkpoint_close(c);
    }
}

static void test_missing_parts(void) {
    const char *folder = split_model();
    REQUIRE(folder);
    CHECK(rename(part_in(folder, 3), path_in(folder, "away")) == 0);
    expect_refused(part_in(folder, 1), "1 of 3 parts missing: number 3;", folder);
    expect_refused(part_in(folder, 2), "1 of 3 parts missing: number 3;", "fetch");
    expect_refused(folder, "number 3;", "model-*-of-00003.gguf");
    expect_refused(part_in(folder, 3), "model-00003-of-00003.gguf", "No such file");
    CHECK(rename(part_in(folder, 1), path_in(folder, "away too")) == 0);
    expect_refused(part_in(folder, 2), "2 of 3 parts missing: number 1, 3;", folder);
    copy(part_in(folder, 2), path_in(folder, "part.gguf"));
    expect_refused(path_in(folder, "part.gguf"), "one of 3 parts", "rename them");
    CHECK(remove(path_in(folder, "part.gguf")) == 0);
}

static void test_wrong_parts(void) {
    const char *folder = split_model();
    REQUIRE(folder);
    change_byte(part_in(folder, 2), "split.no", AFTER_KIND);
    expect_refused(folder, part_in(folder, 2), "part 2 (from 0) of 3, its name says part 1 of 3");
    REQUIRE(split_model()); /* sound again */
    CHECK(rename(part_in(folder, 2), path_in(folder, "away")) == 0);
    CHECK(rename(part_in(folder, 3), part_in(folder, 2)) == 0);
    CHECK(rename(path_in(folder, "away"), part_in(folder, 3)) == 0);
    expect_refused(part_in(folder, 3), part_in(folder, 2), "part 2 (from 0) of 3, its name says part 1 of 3");
    REQUIRE(split_model());
    change_byte(part_in(folder, 3), "split.count", AFTER_KIND);
    expect_refused(part_in(folder, 1), part_in(folder, 3), "part 2 (from 0) of 4");
    REQUIRE(split_model());
    change_byte(part_in(folder, 1), "split.tensors.count", AFTER_KIND);
    expect_refused(folder, part_in(folder, 1), "split.tensors.count says 31 tensors, the 3 parts have 30");
}

/* Over parts as within one: no tensor twice. */
static void test_twice(void) {
    const char *folder = split_model();
    REQUIRE(folder);
    size_t length = 0;
    char *data = ll_test_read(part_in(folder, 2), &length);
    char *at = data ? memmem(data, length, "blk.1.attn_q.weight", 19) : NULL;
    if (at) {
        at[4] = '0';
        ll_test_write(part_in(folder, 2), data, length);
    }
    free(data);
    REQUIRE(at);
    expect_refused(folder, "tensor blk.0.attn_q.weight is in", part_in(folder, 1));
    CHECK_CONTAINS(error.text, part_in(folder, 2));
}

/* ---- tensors ---- */

static void expect_unused(const char *path, const char *name) {
    ll_checkpoint *c = open_sound(path);
    if (!c)
        return;
    const char *found = ll_checkpoint_unused(c, 0);
    CHECK_MSG(name ? found && strcmp(found, name) == 0 : !found, "%s: %s is unused, expected %s", path,
              found ? found : "nothing", name ? name : "nothing");
    CHECK(!found || !ll_checkpoint_unused(c, 1));
    ll_checkpoint_close(c);
}

static void test_more_tensors(void) {
    const char *folder = new_folder();
    ll_toy_hf hf = ll_toy_hf_default();
    ll_toy gguf = ll_toy_default();
    REQUIRE(ll_toy_hf_write(folder, &hf));
    expect_unused(folder, NULL);
    hf.extra_tensor = "vision.patch.weight";
    REQUIRE(ll_toy_hf_write(folder, &hf));
    expect_unused(folder, "vision.patch.weight");
    hf.shards = 2;
    CHECK(remove(path_in(folder, "model.safetensors")) == 0);
    REQUIRE(ll_toy_hf_write(folder, &hf));
    expect_unused(folder, "vision.patch.weight");
    hf.extra_tensor = "model.layers.1.self_attn.q_norm.weight";
    REQUIRE(ll_toy_hf_write(folder, &hf));
    expect_refused(folder, "model.layers.1.self_attn.q_norm.weight is in a block", "model-1.safetensors");
    hf.extra_tensor = "model.layers.2.mlp.down_proj.bias"; /* which the configuration denies */
    REQUIRE(ll_toy_hf_write(folder, &hf));
    expect_refused(folder, "model.layers.2.mlp.down_proj.bias", "model-1.safetensors");
    gguf.extra_tensor = "cls.output.weight";
    REQUIRE(ll_toy_write(path_in(folder, "toy.gguf"), &gguf, NULL));
    expect_unused(path_in(folder, "toy.gguf"), "cls.output.weight");
    gguf.extra_tensor = "blk.0.post_attention_norm.weight";
    REQUIRE(ll_toy_write(path_in(folder, "toy.gguf"), &gguf, NULL));
    expect_refused(path_in(folder, "toy.gguf"), "blk.0.post_attention_norm.weight is in a block", "toy.gguf");
}

static void test_wrong_tensors(void) {
    const char *folder = new_folder();
    ll_toy_hf toy = ll_toy_hf_default();
    toy.missing_tensor = "model.layers.1.mlp.up_proj.weight";
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_refused(folder, "tensor model.layers.1.mlp.up_proj.weight is missing", folder);
    toy.missing_tensor = "lm_head.weight";
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_refused(folder, "tensor lm_head.weight is missing", folder);
    toy = ll_toy_hf_default();
    toy.misshapen_tensor = "model.layers.1.self_attn.k_proj.weight";
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_refused(folder, "k_proj.weight has 17 rows of 32 values, expected 16 of 32", "model.safetensors");
    toy.misshapen_tensor = "model.norm.weight";
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_refused(folder, "model.norm.weight has 1 rows of 33 values, expected 1 of 32",
                   "model.safetensors");
    toy = ll_toy_hf_default();
    toy.config.bias_qkv = toy.config.bias_o = true;
    toy.missing_tensor = "model.layers.2.self_attn.v_proj.bias";
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_refused(folder, "tensor model.layers.2.self_attn.v_proj.bias is missing", folder);
}

/* Published checkpoints have that: a head beside tied embeddings is not the model's, and is listed as unused. */
static void test_tied_with_head(void) {
    ll_family family;
    char path[LL_FAMILY_PATH];
    REQUIRE(ll_family_load(&family, "tied"));
    for (int head = 0; head < 2; head++) {
        const ll_family_change change = {.other_head = head};
        ll_checkpoint *c = ll_family_write(&family, LL_FORM_HF_BF16, &change, path) ? open_sound(path) : NULL;
        if (!c)
            continue;
        CHECK(ll_checkpoint_config(c)->tied && !ll_role_needed(ll_checkpoint_config(c), LL_ROLE_HEAD, 0));
        CHECK(!ll_checkpoint_tensor(c, LL_ROLE_HEAD, 0));
        const char *unused = ll_checkpoint_unused(c, 0);
        CHECK_MSG(head ? unused && strcmp(unused, "lm_head.weight") == 0 : !unused, "unused: %s",
                  unused ? unused : "nothing");
        ll_checkpoint_close(c);
    }
    ll_family_free(&family);
    const char *folder = new_folder();
    ll_toy_hf toy = ll_toy_hf_default();
    toy.config.tied = true;
    toy.extra_tensor = "lm_head.weight"; /* a vector, which is no head's shape */
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_unused(folder, "lm_head.weight");
}

/* ---- hashes ---- */

typedef struct {
    char identity[LL_SHA256_TEXT], content[LL_SHA256_TEXT];
} hashes;

static hashes hashes_of(const char *path) {
    hashes out = {"", ""};
    ll_checkpoint *c = open_sound(path);
    CHECK_MSG(c && ll_checkpoint_identity(c, out.identity, &error) == LL_OK &&
                  ll_checkpoint_sha256(c, NULL, out.content, &error) == LL_OK,
              "%s", error.text);
    ll_checkpoint_close(c);
    return out;
}

/* Compares with the hashes of before: whether identity and contents changed. */
static void expect_change(const char *path, hashes *before, bool identity, bool content, const char *what) {
    const hashes now = hashes_of(path);
    CHECK_MSG((strcmp(now.identity, before->identity) != 0) == identity, "%s: identity %s", what,
              identity ? "is the same" : "changed");
    CHECK_MSG((strcmp(now.content, before->content) != 0) == content, "%s: SHA-256 %s", what,
              content ? "is the same" : "changed");
    *before = now;
}

/* One nanosecond later or earlier. */
static void touch(const char *path) {
    struct stat info;
    REQUIRE(stat(path, &info) == 0);
    const struct timespec times[2] = {info.st_atim, {info.st_mtim.tv_sec, info.st_mtim.tv_nsec ^ 1}};
    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static void test_hashes_of_folder(void) {
    const char *folder = new_folder();
    ll_toy_hf toy = ll_toy_hf_default();
    toy.shards = 2;
    REQUIRE(ll_toy_hf_write(folder, &toy));
    hashes seen = hashes_of(folder);
    expect_change(folder, &seen, false, false, "again");
    expect_change(path_in(folder, "config.json"), &seen, false, false, "by its config.json");
    touch(path_in(folder, "model-2.safetensors"));
    expect_change(folder, &seen, true, false, "a shard's time");
    touch(path_in(folder, "config.json"));
    expect_change(folder, &seen, true, false, "config.json's time");
    toy.more_keys = ", \"pad_token_id\": 0";
    REQUIRE(ll_toy_hf_write(folder, &toy));
    expect_change(folder, &seen, true, true, "another config.json");
    char moved[PATH];
    snprintf(moved, sizeof moved, "%.400s.moved", folder);
    CHECK(rename(folder, moved) == 0);
    expect_change(moved, &seen, true, false, "another path");
    CHECK(symlink(moved, folder) == 0);
    expect_change(folder, &seen, false, false, "by a link");
}

static void test_hashes_of_file(void) {
    const char *folder = new_folder(), *path = path_in(folder, "toy.gguf");
    ll_toy toy = ll_toy_default();
    char own[LL_SHA256_TEXT];
    REQUIRE(ll_toy_write(path, &toy, NULL));
    hashes seen = hashes_of(path);
    CHECK(ll_sha256_file(path, NULL, own, &error) == LL_OK && strcmp(own, seen.content) == 0);
    touch(path);
    expect_change(path, &seen, true, false, "another time");
    toy.seed = 2;
    REQUIRE(ll_toy_write(path, &toy, NULL));
    expect_change(path, &seen, true, true, "other weights");
}

/* ---- tokenizers without weights ---- */

static void test_tokenizer_alone(void) {
    ll_family family;
    char path[LL_FAMILY_PATH];
    ll_tokenizer *tokenizer = NULL;
    REQUIRE(ll_family_load(&family, "llama3"));
    const bool written = ll_family_write(&family, LL_FORM_HF_F32, &(ll_family_change){0}, path);
    ll_family_free(&family);
    REQUIRE(written);
    CHECK(remove(path_in(path, "model.safetensors")) == 0);
    CHECK_MSG(ll_tokenizer_open(&tokenizer, path, &error) == LL_OK && tokenizer, "%s", error.text);
    ll_ids ids = {0};
    CHECK(tokenizer && ll_tokenizer_encode(tokenizer, "the man", 7, &ids, &error) == LL_OK && ids.count > 0);
    ll_ids_free(&ids);
    ll_tokenizer_destroy(tokenizer);
    CHECK(ll_tokenizer_open(&tokenizer, path_in(path, "config.json"), &error) == LL_OK && tokenizer);
    ll_tokenizer_destroy(tokenizer);
    expect_refused(path, "model.safetensors", path);
    CHECK(remove(path_in(path, "tokenizer.json")) == 0);
    CHECK(ll_tokenizer_open(&tokenizer, path, &error) == LL_BAD_INPUT && !tokenizer);
    CHECK_CONTAINS(error.text, path);
    CHECK_CONTAINS(error.text, "tokenizer.json");
    const char *folder = new_folder();
    CHECK(ll_tokenizer_open(&tokenizer, folder, &error) == LL_BAD_INPUT && !tokenizer);
    CHECK_CONTAINS(error.text, folder);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("checkpoint/folders of GGUF files", test_folder_of_gguf);
    ll_test_run("checkpoint/a file of a folder", test_file_of_a_folder);
    ll_test_run("checkpoint/folders of both forms", test_mixed_folders);
    ll_test_run("checkpoint/split, through any part", test_any_part);
    ll_test_run("checkpoint/split, parts missing", test_missing_parts);
    ll_test_run("checkpoint/split, wrong keys", test_wrong_parts);
    ll_test_run("checkpoint/split, a tensor twice", test_twice);
    ll_test_run("checkpoint/more tensors than needed", test_more_tensors);
    ll_test_run("checkpoint/missing and misshapen tensors", test_wrong_tensors);
    ll_test_run("checkpoint/tied with a head", test_tied_with_head);
    ll_test_run("checkpoint/hashes of a folder", test_hashes_of_folder);
    ll_test_run("checkpoint/hashes of a file", test_hashes_of_file);
    ll_test_run("checkpoint/a tokenizer without weights", test_tokenizer_alone);
    return ll_test_end();
}
