/* Exports as files: their config.json and shards, what they may replace, and what is left when writing fails. */
#include "config_hf.h"
#include "drop.h"
#include "export.h"
#include "test.h"
#include "toy_gguf.h"
#include "toy_hf.h"
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { PATH = 512 };

static ll_error error;

/* ---- helpers ---- */

/* A folder of its own for each test. */
static char base[PATH];
static void new_base(void) {
    static int number;
    snprintf(base, sizeof base, "%s/files%d", ll_test_folder(), number++);
    CHECK(mkdir(base, 0777) == 0);
}

/* A few of these are in use at a time. */
static const char *in_base(const char *name) {
    static char paths[8][2 * PATH];
    static int next;
    next = (next + 1) % 8;
    snprintf(paths[next], sizeof paths[next], "%s/%s", base, name);
    return paths[next];
}

static bool is_there(const char *name) {
    struct stat info;
    return lstat(in_base(name), &info) == 0;
}

static size_t entries(const char *folder) {
    DIR *stream = opendir(folder);
    size_t count = 0;
    for (const struct dirent *item; stream && (item = readdir(stream));)
        count += item->d_name[0] != '.';
    if (stream)
        closedir(stream);
    return count;
}

static void put(const char *name, const char *text) {
    ll_test_write(in_base(name), text, strlen(text));
}

static void expect_text(const char *name, const char *expected) {
    char *text = ll_test_read(in_base(name), NULL);
    CHECK_MSG(text && strcmp(text, expected) == 0, "%s is\n%s\nexpected\n%s", name, text ? text : "not there",
              expected);
    free(text);
}

/* Exports source to out, both in base. */
static ll_status export(const char *source, const char *out, const char *drop, ll_export_options options,
                        ll_export_result *result) {
    ll_checkpoint *checkpoint;
    ll_export_result ignored;
    ll_mask mask;
    error = (ll_error){0};
    ll_status status = ll_checkpoint_open(&checkpoint, in_base(source), &error);
    CHECK_MSG(status == LL_OK, "%s", error.text);
    if (status != LL_OK)
        return status;
    CHECK(ll_drop_parse(&mask, drop, ll_checkpoint_config(checkpoint)->layers, NULL, &error) == LL_OK);
    options.drop = &mask;
    status = ll_export(result ? result : &ignored, checkpoint, in_base(out), &options, &error);
    ll_checkpoint_close(checkpoint);
    return status;
}

static void works(const char *source, const char *out, const char *drop, ll_export_options options) {
    const ll_status status = export(source, out, drop, options, NULL);
    CHECK_MSG(status == LL_OK, "%s to %s: %s", source, out, error.text);
}

/* Refused with the part, and no entry of base is more or less than before. */
static void refused(const char *source, const char *out, const char *drop, ll_export_options options,
                    ll_status expected, const char *part) {
    const size_t before = entries(base);
    const ll_status status = export(source, out, drop, options, NULL);
    CHECK_MSG(status == expected, "%s to %s: status %d", source, out, (int)status);
    CHECK_CONTAINS(error.text, part);
    CHECK_MSG(entries(base) == before, "%s to %s: %zu entries, before %zu", source, out, entries(base),
              before);
}

static const ll_export_options plain, replacing = {.replace = true}, lists = {.lists_only = true};

static void make_gguf(const char *name) {
    const ll_toy toy = ll_toy_default();
    ll_toy_write(in_base(name), &toy, NULL);
}

static void make_hf(const char *name, size_t shards) {
    ll_toy_hf toy = ll_toy_hf_default();
    toy.shards = shards;
    ll_toy_hf_write(in_base(name), &toy);
}

/* ---- config.json ---- */

static const char CONFIG[] =
    "{\n  \"model_type\": \"llama\", \"hidden_size\": 32,\n  \"intermediate_size\": 64,\n"
    "  \"num_attention_heads\": 4, \"num_key_value_heads\": 2,\n  \"num_hidden_layers\": 3,\n"
    "  \"nested\": {\"drop_attn_list\": \"}\\\"]\", \"x\": [[1.50], {}]},\n"
    "  \"max_position_embeddings\": 256, \"rms_norm_eps\": 1e-05,\n%s  \"vocab_size\": 256%s\n}\n";

/* more: keys before the last one, last: behind it. Expected the same of the export's text. */
static void check_config(const char *more, const char *last, const char *expected_more,
                         const char *expected_last) {
    char text[1024], expected[1024];
    new_base();
    make_hf("source", 0);
    snprintf(text, sizeof text, CONFIG, more, last);
    put("source/config.json", text);
    works("source", "out", "attn:2+mlp:0", plain);
    snprintf(expected, sizeof expected, CONFIG, expected_more, expected_last);
    expect_text("out/config.json", expected);
    works("source", "lists.json", "attn:2+mlp:0", lists);
    expect_text("lists.json", expected);
}

/* Everything else stays as it is, to the byte. */
static void test_config(void) {
    check_config("", "", "", ",\n  \"drop_attn_list\": [2],\n  \"drop_mlp_list\": [0]");
    check_config("  \"drop_attn_list\": null,\n", "", "  \"drop_attn_list\": [2],\n",
                 ",\n  \"drop_mlp_list\": [0]");
    check_config("  \"drop_mlp_list\":[false, true,false] ,\n", ", \"drop_attn_list\" : [1]",
                 "  \"drop_mlp_list\":[0, 1] ,\n", ", \"drop_attn_list\" : [1, 2]");
    check_config("  \"drop_mlp_list\": [],\n", ", \"drop_attn_list\": [1, 0]", "  \"drop_mlp_list\": [0],\n",
                 ", \"drop_attn_list\": [0, 1, 2]");
}

static void test_escaped_key(void) {
    char text[1024];
    new_base();
    make_hf("source", 0);
    snprintf(text, sizeof text, CONFIG, "  \"drop\\u005fattn_list\": [1],\n", "");
    put("source/config.json", text);
    refused("source", "out", "attn:2", plain, LL_BAD_INPUT, "drop_attn_list");
}

static void test_lists_of_gguf(void) {
    new_base();
    make_gguf("source.gguf");
    works("source.gguf", "lists.json", "attn:2+block:0,1", lists);
    expect_text(
        "lists.json",
        "{\n  \"num_hidden_layers\": 3,\n  \"drop_attn_list\": [0, 1, 2],\n  \"drop_mlp_list\": [0, 1]\n}\n");
}

/* ---- folders ---- */

static void test_companions(void) {
    new_base();
    make_hf("source", 0);
    put("source/tokenizer.json", "{\"a tokenizer\": 1}");
    put("source/merges.txt", "");
    put("source/modeling_dropped.py", "pass\n");
    put("source/pytorch_model.bin", "another copy of the weights");
    works("source", "out/", "block:1", plain);
    expect_text("out/tokenizer.json", "{\"a tokenizer\": 1}");
    expect_text("out/merges.txt", "");
    expect_text("out/modeling_dropped.py", "pass\n");
    CHECK(!is_there("out/pytorch_model.bin"));
    char *weights = ll_test_read(in_base("out/model.safetensors"), NULL);
    CHECK(weights &&
          strstr(weights + 8, "\"__metadata__\":{\"format\":\"pt\"}")); /* transformers asks for it */
    free(weights);
}

/* A shard of which nothing is left is not written, the others are numbered anew. */
static void test_shards(void) {
    ll_checkpoint *checkpoint = NULL;
    ll_export_result result = {0};
    new_base();
    make_hf("source", 3);
    CHECK(export("source", "out", "block:1", plain, &result) == LL_OK);
    CHECK(is_there("out/model-00001-of-00002.safetensors") &&
          is_there("out/model-00002-of-00002.safetensors") && is_there("out/model.safetensors.index.json") &&
          !is_there("out/model.safetensors"));
    REQUIRE(ll_checkpoint_open(&checkpoint, in_base("out"), &error) == LL_OK);
    const ll_config *config = ll_checkpoint_config(checkpoint);
    CHECK(config->layers == 3 && config->dropped.attn[1] && config->dropped.mlp[1] &&
          !config->dropped.attn[2]);
    CHECK(result.layers == 3 && result.listed && result.source_tensors - result.tensors == 9);
    CHECK(result.bytes == ll_checkpoint_bytes(checkpoint));
    ll_checkpoint_close(checkpoint);
}

/* ---- what may be written where ---- */

static void test_nothing_to_drop(void) {
    new_base();
    make_gguf("source.gguf");
    make_hf("source", 0);
    refused("source.gguf", "out.gguf", "none", plain, LL_BAD_USAGE, "nothing to drop;");
    refused("source", "out", "", plain, LL_BAD_USAGE, "nothing to drop;");
    refused("source", "out.json", "", lists, LL_BAD_USAGE, "nothing to drop;");
    refused("source.gguf", "out.gguf", "block:0-2", plain, LL_BAD_USAGE, "all 3 blocks");
    works("source", "once", "attn:1", plain);
    refused("once", "out", "none", plain, LL_BAD_USAGE, "does not drop already");
    works("once", "lists.json", "none", lists);
}

static void test_source_is_target(void) {
    new_base();
    make_gguf("source.gguf");
    make_hf("source", 2);
    CHECK(symlink("source.gguf", in_base("link.gguf")) == 0 &&
          link(in_base("source.gguf"), in_base("hard.gguf")) == 0);
    refused("source.gguf", "source.gguf", "attn:1", replacing, LL_BAD_USAGE, "is the source itself");
    refused("source.gguf", "link.gguf", "attn:1", replacing, LL_BAD_USAGE, "is the source itself");
    refused("source.gguf", "hard.gguf", "attn:1", replacing, LL_BAD_USAGE, "is the source itself");
    refused("source", "source/", "attn:1", replacing, LL_BAD_USAGE, "is the source itself");
    refused("source", "source/config.json", "attn:1",
            (ll_export_options){.replace = true, .lists_only = true}, LL_BAD_USAGE, "is the source itself");
    refused("source", "source/model-2.safetensors", "attn:1",
            (ll_export_options){.replace = true, .lists_only = true}, LL_BAD_USAGE, "is the source itself");
    refused("source", ".", "attn:1", replacing, LL_BAD_INPUT, "no earlier export"); /* it holds the source */
}

static void test_taken(void) {
    new_base();
    make_gguf("source.gguf");
    make_hf("source", 0);
    put("taken", "mine");
    CHECK(mkdir(in_base("folder"), 0777) == 0 && mkdir(in_base("folder/more"), 0777) == 0);
    put("folder/config.json", "{}");
    refused("source.gguf", "taken", "attn:1", plain, LL_BAD_INPUT, "is there already");
    refused("source", "taken", "attn:1", replacing, LL_BAD_USAGE, "expected the name of a folder");
    refused("source.gguf", "folder", "attn:1", replacing, LL_BAD_USAGE, "expected the name of a file");
    refused("source", "folder", "attn:1", plain, LL_BAD_INPUT, "is there already");
    refused("source", "folder", "attn:1", replacing, LL_BAD_INPUT, "no earlier export");
    refused("source.gguf", "nowhere/out.gguf", "attn:1", plain, LL_BAD_INPUT, "nowhere");
    expect_text("taken", "mine");
    works("source.gguf", "taken", "attn:1", replacing);
    works("source", "out", "attn:1", plain);
    put("out/old.txt", "of before");
    works("source", "out", "attn:0,1", replacing);
    CHECK(!is_there("out/old.txt") && is_there("out/model.safetensors"));
    CHECK(entries(base) == 5);
}

/* ---- failures ---- */

/* The file system takes no more than so many bytes a file. */
static void limit_files(rlim_t bytes) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
    limit.rlim_cur = bytes;
    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
}

static void test_failing_writes(void) {
    new_base();
    make_gguf("source.gguf");
    make_hf("source", 2);
    put("old.gguf", "old");
    works("source", "old", "attn:1", plain);
    const size_t files = entries(in_base("old"));
    signal(SIGXFSZ, SIG_IGN);
    /* Inside the metadata, the tensors' table, the tensors; config.json, the first and the second shard. */
    static const rlim_t LIMITS[] = {0, 10, 5000, 20000, 60000};
    for (size_t i = 0; i < sizeof LIMITS / sizeof *LIMITS; i++) {
        limit_files(LIMITS[i]);
        refused("source.gguf", "out.gguf", "attn:1", plain, LL_NO_RESOURCE, "make room");
        refused("source.gguf", "old.gguf", "attn:1", replacing, LL_NO_RESOURCE, "make room");
        if (LIMITS[i] < 50000) {
            refused("source", "out", "attn:1", plain, LL_NO_RESOURCE, "make room");
            refused("source", "old", "attn:2", replacing, LL_NO_RESOURCE, "make room");
        }
        if (LIMITS[i] < 100)
            refused("source", "out.json", "attn:1", lists, LL_NO_RESOURCE, "make room");
        limit_files(RLIM_INFINITY);
    }
    expect_text("old.gguf", "old");
    CHECK(entries(in_base("old")) == files);
}

static bool stop_halfway(void *context, uint64_t bytes, uint64_t total) {
    size_t *calls = context;
    CHECK(bytes <= total);
    ++*calls;
    return bytes < total / 2;
}

static void test_stopped(void) {
    size_t calls = 0;
    const ll_export_options options = {.progress = stop_halfway, .context = &calls};
    new_base();
    make_gguf("source.gguf");
    make_hf("source", 2);
    refused("source.gguf", "out.gguf", "attn:1", options, LL_NO_RESOURCE, "stopped");
    refused("source", "out", "attn:1", options, LL_NO_RESOURCE, "stopped");
    CHECK(calls > 2);
}

/* Widens the only shard by one tensor of as many bytes as the disk has. */
static void add_huge_tensor(const char *name) {
    struct statvfs system;
    size_t length = 0;
    char *old = ll_test_read(in_base(name), &length), *text = NULL;
    REQUIRE(old && statvfs(base, &system) == 0);
    uint64_t header = 0;
    memcpy(&header, old, sizeof header);
    const uint64_t data = length - 8 - header, huge = (system.f_bavail * system.f_frsize / 4 + 1) * 4;
    while (old[8 + header - 1] != '}')
        header--;
    const int size = asprintf(
        &text, "%.*s, \"huge\": {\"dtype\": \"F32\", \"shape\": [%llu], \"data_offsets\": [%llu, %llu]}}",
        (int)header - 1, old + 8, (unsigned long long)huge / 4, (unsigned long long)data,
        (unsigned long long)(data + huge));
    FILE *file = fopen(in_base(name), "wb");
    REQUIRE(size > 0 && file);
    CHECK(fwrite(&(uint64_t){(uint64_t)size}, 8, 1, file) == 1 && fwrite(text, (size_t)size, 1, file) == 1);
    CHECK(fclose(file) == 0);
    CHECK(truncate(in_base(name), (off_t)(8 + (uint64_t)size + data + huge)) == 0);
    free(old);
    free(text);
}

static void test_no_room(void) {
    new_base();
    make_hf("source", 0);
    add_huge_tensor("source/model.safetensors");
    if (!ll_test_failed())
        refused("source", "out", "attn:1", plain, LL_NO_RESOURCE, "bytes of disk");
    unlink(in_base("source/model.safetensors"));
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("export/config", test_config);
    ll_test_run("export/escaped key", test_escaped_key);
    ll_test_run("export/lists of gguf", test_lists_of_gguf);
    ll_test_run("export/companions", test_companions);
    ll_test_run("export/shards", test_shards);
    ll_test_run("export/nothing to drop", test_nothing_to_drop);
    ll_test_run("export/source is target", test_source_is_target);
    ll_test_run("export/taken", test_taken);
    ll_test_run("export/failing writes", test_failing_writes);
    ll_test_run("export/stopped", test_stopped);
    ll_test_run("export/no room", test_no_room);
    return ll_test_end();
}
