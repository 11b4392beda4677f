/* The safetensors files of a folder: whole, in shards, incomplete, and something else in their place. */
#include "safetensors.h"
#include "test.h"
#include "toy_hf.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char LFS_POINTER[] =
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
    "size 12345\n";

/* ---- helpers ---- */

/* A new folder for each test; static storage. */
static const char *new_folder(void) {
    static char folder[256];
    static int number;
    snprintf(folder, sizeof folder, "%s/hf%d", ll_test_folder(), number++);
    if (mkdir(folder, 0777) != 0)
        ll_test_fail(folder, 0, "cannot be made");
    return folder;
}

static const char *path_in(const char *folder, const char *name) {
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put_file(const char *folder, const char *name, const char *text) {
    ll_test_write(path_in(folder, name), text, strlen(text));
}

static const char *toy_folder(size_t shards) {
    const char *folder = new_folder();
    ll_toy_hf toy = ll_toy_hf_default();
    toy.shards = shards;
    ll_toy_hf_write(folder, &toy);
    return folder;
}

static ll_safetensors *open_sound(const char *folder) {
    ll_safetensors *files;
    ll_error error = {""};
    CHECK_MSG(ll_safetensors_open(&files, folder, &error) == LL_OK, "%s", error.text);
    return files;
}

/* Refused with the name of the file or folder and both parts. */
static void expect_refused(const char *folder, const char *file, const char *part, const char *second) {
    ll_safetensors *files;
    ll_error error = {""};
    const ll_status status = ll_safetensors_open(&files, folder, &error);
    CHECK_MSG(status == LL_BAD_INPUT && !files, "status %d, expected a refusal with \"%s\"", status, part);
    CHECK_CONTAINS(error.text, *file ? path_in(folder, file) : folder);
    CHECK_CONTAINS(error.text, part);
    CHECK_CONTAINS(error.text, second);
    CHECK(strchr(error.text, '\n') == NULL);
    ll_safetensors_close(files);
}

/* ---- sound folders ---- */

static void check_tensors(const ll_safetensors *whole, const ll_safetensors *shards) {
    CHECK(ll_safetensors_count(whole) == 3 * 9 + 3);
    CHECK(ll_safetensors_count(shards) == ll_safetensors_count(whole));
    for (size_t i = 0; i < ll_safetensors_count(whole); i++) {
        const ll_tensor *one = ll_safetensors_at(whole, i), *other = ll_safetensors_find(shards, one->name);
        CHECK_MSG(other && other->bytes == one->bytes &&
                      memcmp(other->dims, one->dims, sizeof one->dims) == 0 && other->type == one->type,
                  "%s differs", one->name);
    }
}

static void test_whole_and_shards(void) {
    ll_safetensors *whole = open_sound(toy_folder(0));
    const char *folder = toy_folder(3);
    ll_safetensors *shards = open_sound(folder);
    if (!whole || !shards)
        return;
    check_tensors(whole, shards);
    CHECK(ll_safetensors_file_count(whole) == 1 && ll_safetensors_file_count(shards) == 3);
    CHECK(strcmp(ll_safetensors_file_path(shards, 1), path_in(folder, "model-2.safetensors")) == 0);
    uint64_t bytes = 0;
    for (size_t i = 0; i < 3; i++) {
        struct stat info = {0};
        CHECK(stat(ll_safetensors_file_path(shards, i), &info) == 0);
        bytes += (uint64_t)info.st_size;
    }
    CHECK(ll_safetensors_bytes(shards) == bytes);
    const ll_tensor *embedding = ll_safetensors_find(shards, "model.embed_tokens.weight"),
                    *down = ll_safetensors_find(shards, "model.layers.2.mlp.down_proj.weight");
    CHECK(embedding &&
          strcmp(ll_safetensors_file_of(shards, embedding), path_in(folder, "model-1.safetensors")) == 0);
    CHECK(down && strcmp(ll_safetensors_file_of(shards, down), path_in(folder, "model-3.safetensors")) == 0);
    CHECK(down && down->dims[0] == 64 && down->dims[1] == 32);
    ll_safetensors_close(whole);
    ll_safetensors_close(shards);
}

/* transformers takes the whole file where both are there. */
static void test_whole_before_index(void) {
    const char *folder = toy_folder(0);
    put_file(folder, "model.safetensors.index.json", "{\"weight_map\": {\"a\": \"not-there.safetensors\"}}");
    ll_safetensors *files = open_sound(folder);
    CHECK(files && ll_safetensors_file_count(files) == 1);
    ll_safetensors_close(files);
}

/* A tensor that only its shard knows is there to be listed. */
static void test_tensor_without_index(void) {
    const char *folder = toy_folder(2);
    ll_bytes extra =
        ll_toy_safetensors("{\"foo.bar\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4]},"
                           " \"listed\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [4, 8]}}",
                           8);
    ll_test_write(path_in(folder, "more.safetensors"), extra.data, extra.length);
    free(extra.data);
    ll_toy_hf toy = ll_toy_hf_default();
    toy.shards = 2;
    toy.more_index = ", \"listed\": \"more.safetensors\"";
    if (!ll_toy_hf_write(folder, &toy))
        return;
    ll_safetensors *files = open_sound(folder);
    CHECK(files && ll_safetensors_file_count(files) == 3);
    CHECK(files && ll_safetensors_find(files, "foo.bar") && ll_safetensors_find(files, "listed"));
    ll_safetensors_close(files);
}

/* ---- incomplete folders ---- */

static void test_cut_files(void) {
    const char *folder = toy_folder(0);
    size_t length;
    char *data = ll_test_read(path_in(folder, "model.safetensors"), &length);
    if (!data)
        return;
    const size_t cuts[] = {length - 1, length / 2, 100, 8, 7};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        ll_test_write(path_in(folder, "model.safetensors"), data, cuts[i]);
        char found[64];
        snprintf(found, sizeof found, "has %zu bytes", cuts[i]);
        expect_refused(folder, "model.safetensors", found, "it is cut, fetch it again");
    }
    char needed[64];
    snprintf(needed, sizeof needed, "its header needs %zu:", length);
    ll_test_write(path_in(folder, "model.safetensors"), data, length - 1);
    expect_refused(folder, "model.safetensors", needed, "it is cut");
    ll_test_write(path_in(folder, "model.safetensors"), data, 0);
    expect_refused(folder, "model.safetensors", "is empty", "fetch it again");
    free(data);
}

static void test_cut_shard(void) {
    const char *folder = toy_folder(2);
    CHECK(truncate(path_in(folder, "model-2.safetensors"), 5000) == 0);
    expect_refused(folder, "model-2.safetensors", "has 5000 bytes", "it is cut");
}

static void test_lfs_pointers(void) {
    const char *folder = toy_folder(0);
    put_file(folder, "model.safetensors", LFS_POINTER);
    expect_refused(folder, "model.safetensors", "is a Git LFS pointer", "git lfs pull");
    folder = toy_folder(2);
    put_file(folder, "model-2.safetensors", LFS_POINTER);
    expect_refused(folder, "model-2.safetensors", "is a Git LFS pointer", "git lfs pull");
    put_file(folder, "model.safetensors.index.json", LFS_POINTER);
    expect_refused(folder, "model.safetensors.index.json", "is a Git LFS pointer", "git lfs pull");
}

static void test_missing_shards(void) {
    const char *folder = toy_folder(3);
    CHECK(unlink(path_in(folder, "model-2.safetensors")) == 0);
    expect_refused(folder, "", "1 of the 3 files that model.safetensors.index.json names are missing",
                   "missing: model-2.safetensors; fetch");
    /* said before any other file is looked into */
    put_file(folder, "model-1.safetensors", "damaged");
    expect_refused(folder, "", "are missing", "model-2.safetensors");
    CHECK(unlink(path_in(folder, "model-3.safetensors")) == 0);
    expect_refused(folder, "", "2 of the 3 files",
                   "missing: model-2.safetensors, model-3.safetensors; fetch");
    /* a link into a cache whose file is gone */
    CHECK(symlink("../blobs/gone", path_in(folder, "model-2.safetensors")) == 0);
    expect_refused(folder, "", "2 of the 3 files", "model-2.safetensors");
}

/* More than a sentence holds. */
static void test_many_missing_shards(void) {
    const char *folder = new_folder();
    ll_bytes text = {0};
    ll_put(&text, "{\"weight_map\": {", 16);
    for (int i = 1; i <= 200; i++) {
        char entry[80];
        ll_put(
            &text, entry,
            (size_t)sprintf(entry, "%s\"t%d\": \"model-%05d-of-00200.safetensors\"", i > 1 ? "," : "", i, i));
    }
    ll_put(&text, "}}", 2);
    ll_test_write(path_in(folder, "model.safetensors.index.json"), text.data, text.length);
    free(text.data);
    expect_refused(folder, "", "200 of the 200 files",
                   "model-00001-of-00200.safetensors, model-00002-of-00200");
    expect_refused(folder, "", "more; fetch them", " and 18");
}

static void test_missing_tensor(void) {
    const char *folder = new_folder();
    ll_toy_hf toy = ll_toy_hf_default();
    toy.shards = 2;
    toy.missing_tensor = "model.layers.1.mlp.up_proj.weight";
    if (ll_toy_hf_write(folder, &toy))
        expect_refused(folder, "",
                       "model.safetensors.index.json places 1 of its tensors in files that lack them: ",
                       "model.layers.1.mlp.up_proj.weight (model-2.safetensors)");
    toy.missing_tensor = NULL;
    toy.more_index = ", \"foo.one\": \"model-1.safetensors\", \"foo.two\": \"model-2.safetensors\"";
    if (ll_toy_hf_write(folder, &toy))
        expect_refused(folder, "", "places 2 of its tensors",
                       "foo.one (model-1.safetensors), foo.two (model-2.safetensors)");
    toy.more_index = ", \"model.layers.0.self_attn.rotary_emb.inv_freq\": \"model-1.safetensors\"";
    if (ll_toy_hf_write(folder, &toy))
        ll_safetensors_close(open_sound(folder));
}

/* ---- an index that is wrong ---- */

static void put_index(const char *folder, const char *text) {
    put_file(folder, "model.safetensors.index.json", text);
}

static void put_one_tensor(const char *folder, const char *name) {
    ll_bytes file =
        ll_toy_safetensors("{\"t\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4]}}", 4);
    ll_test_write(path_in(folder, name), file.data, file.length);
    free(file.data);
}

static void test_index_of_another_file(void) {
    const char *folder = new_folder();
    put_one_tensor(folder, "a.safetensors");
    ll_bytes other =
        ll_toy_safetensors("{\"u\": {\"dtype\": \"F32\", \"shape\": [1], \"data_offsets\": [0, 4]}}", 4);
    ll_test_write(path_in(folder, "b.safetensors"), other.data, other.length);
    free(other.data);
    put_index(folder, "{\"weight_map\": {\"t\": \"b.safetensors\", \"u\": \"a.safetensors\"}}");
    expect_refused(folder, "", "places 2 of its tensors in files that lack them", "t (b.safetensors)");
    put_one_tensor(folder, "b.safetensors");
    put_index(folder, "{\"weight_map\": {\"t\": \"b.safetensors\", \"u\": \"a.safetensors\"}}");
    expect_refused(folder, "", "tensor t is in", "a.safetensors");
    expect_refused(folder, "", "tensor t is in", "b.safetensors");
}

static void test_paths_in_index(void) {
    static const char *const NAMES[] = {"\"../a.safetensors\"",   "\"..\"", "\"/etc/passwd\"",
                                        "\"x/a.safetensors\"",    "\"\"",   "\"a..safetensors\"",
                                        "\"x\\\\a.safetensors\"", "7",      "null",
                                        "[\"a.safetensors\"]"};
    const char *folder = new_folder();
    put_one_tensor(folder, "a.safetensors");
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char text[128];
        snprintf(text, sizeof text, "{\"weight_map\": {\"t\": %s}}", NAMES[i]);
        put_index(folder, text);
        expect_refused(folder, "model.safetensors.index.json", "tensor t is said to be in ",
                       "expected the name of a file in the same folder");
    }
}

static void test_index_kinds(void) {
    static const struct {
        const char *text, *part;
    } INDEXES[] = {{"{}", "weight_map is absent"},
                   {"{\"weight_map\": {}}", "weight_map is an object; expected"},
                   {"{\"weight_map\": [\"a\"]}", "weight_map is a list of 1"},
                   {"{\"weight_map\": null}", "weight_map is null"},
                   {"[]", "its JSON is no object"},
                   {"7", "no sound JSON"},
                   {"{\"weight_map\": {\"t\": \"a.safetensors\"", "no sound JSON at line 1"},
                   {"{\"weight_map\": {\"t\": \"a\", \"t\": \"a\"}}", "the key \"t\" is there twice"},
                   {"{\"weight_map\": {\"t\": \"a\\u0000b\"}}", "no sound JSON"},
                   {"{\"weight_map\": {\"t\": \"\xff\"}}", "no sound JSON"}};
    const char *folder = new_folder();
    for (size_t i = 0; i < sizeof INDEXES / sizeof *INDEXES; i++) {
        put_index(folder, INDEXES[i].text);
        expect_refused(folder, "model.safetensors.index.json", INDEXES[i].part, "");
    }
    put_index(folder, "");
    expect_refused(folder, "model.safetensors.index.json", "is empty", "fetch it again");
}

/* ---- something else in their place ---- */

static void test_other_things(void) {
    const char *folder = new_folder();
    expect_refused(folder, "", "has neither model.safetensors nor model.safetensors.index.json", "");
    put_file(folder, "pytorch_model-00001-of-00002.bin", "PK");
    expect_refused(folder, "", "PyTorch files (pytorch_model-00001-of-00002.bin)",
                   "convert them to safetensors: in Python, AutoModelForCausalLM.from_pretrained");
    folder = new_folder();
    put_file(folder, "consolidated.00.pth", "PK");
    expect_refused(folder, "", "PyTorch files (consolidated.00.pth)", "convert them");
    folder = new_folder();
    put_one_tensor(folder, "model-00001-of-00002.safetensors");
    put_file(folder, "pytorch_model.bin", "PK");
    expect_refused(folder, "", "has model-00001-of-00002.safetensors, but neither model.safetensors nor",
                   "fetch it");
    CHECK(mkdir(path_in(folder, "model.safetensors"), 0777) == 0);
    expect_refused(folder, "model.safetensors", "is not a file", "");
    expect_refused(path_in(folder, "nowhere"), "", "cannot be opened as a folder: No such file", "");
    put_file(folder, "plain", "x");
    expect_refused(path_in(folder, "plain"), "", "cannot be opened as a folder: Not a directory", "");
}

static void test_pipe(void) {
    const char *folder = new_folder();
    CHECK(mkfifo(path_in(folder, "model.safetensors"), 0666) == 0);
    expect_refused(folder, "model.safetensors", "is not a file", "");
}

/* 520 MB of header that the file has room for (it is sparse): refused by the cap, not read. The same of an index. */
static void test_header_cap(void) {
    const char *folder = new_folder();
    const uint64_t length = 520ull << 20;
    ll_bytes start = {0};
    ll_put_u64(&start, length);
    ll_put(&start, "{", 1);
    const char *path = path_in(folder, "model.safetensors");
    ll_test_write(path, start.data, start.length);
    free(start.data);
    CHECK(truncate(path, 600 << 20) == 0);
    expect_refused(folder, "model.safetensors", "its header has 545259520 bytes",
                   "at most 536870912 (512 MB)");
    CHECK(unlink(path_in(folder, "model.safetensors")) == 0);
    put_index(folder, "{");
    CHECK(truncate(path_in(folder, "model.safetensors.index.json"), (64 << 20) + 1) == 0);
    expect_refused(folder, "model.safetensors.index.json", "has 67108865 bytes", "at most 67108864");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("hf folder/whole and in shards", test_whole_and_shards);
    ll_test_run("hf folder/the whole file before an index", test_whole_before_index);
    ll_test_run("hf folder/a tensor the index lacks", test_tensor_without_index);
    ll_test_run("hf folder/cut files", test_cut_files);
    ll_test_run("hf folder/cut shard", test_cut_shard);
    ll_test_run("hf folder/Git LFS pointers", test_lfs_pointers);
    ll_test_run("hf folder/missing shards", test_missing_shards);
    ll_test_run("hf folder/many missing shards", test_many_missing_shards);
    ll_test_run("hf folder/missing tensors", test_missing_tensor);
    ll_test_run("hf folder/tensors in other files", test_index_of_another_file);
    ll_test_run("hf folder/paths in the index", test_paths_in_index);
    ll_test_run("hf folder/kinds of the index's values", test_index_kinds);
    ll_test_run("hf folder/something else", test_other_things);
    ll_test_run("hf folder/a pipe", test_pipe);
    ll_test_run("hf folder/a header or an index over the cap", test_header_cap);
    return ll_test_end();
}
