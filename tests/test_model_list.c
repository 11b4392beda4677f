/* The list of models, finding and checking their files, and SHA-256. */
#include "checkpoint.h"
#include "model_list.h"
#include "sha256.h"
#include "test.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_list(void) {
    size_t defaults = 0, count = 0;
    for (const ll_model_entry *entry; (entry = ll_model_list_at(count)) != NULL; count++) {
        CHECK(ll_model_list_find(entry->name) == entry);
        CHECK_MSG(!strchr(entry->name, '/'), "%s: a name with a slash would be taken for a path",
                  entry->name);
        CHECK(strcmp(entry->form, "safetensors") == 0 || strcmp(entry->form, "bin") == 0);
        CHECK(strchr(entry->source, '/') && *entry->family && *entry->licence);
        const bool carried = *entry->file != 0; /* by a package */
        CHECK((*entry->wheel != 0) == carried && (entry->bytes > 0) == carried);
        CHECK(strlen(entry->sha256) == (carried ? 64 : 0));
        ll_error error = {""};
        CHECK_MSG(ll_config_check(&entry->shape, entry->name, &error) == LL_OK, "%s", error.text);
        CHECK_MSG(entry->shape.heads * entry->shape.head_dim == entry->shape.hidden, "%s", entry->name);
        defaults += entry->is_default ? 1 : 0;
    }
    CHECK(count == 8 && defaults == 1);
    CHECK(ll_model_list_find("") == NULL && ll_model_list_find("smollm2") == NULL);
}

/* Parameters as counted in the published checkpoints. */
static void test_shapes(void) {
    static const struct {
        const char *name;
        uint64_t parameters;
    } published[] = {{"llama2-7b", 6738415616},   {"llama2-13b", 13015864320}, {"llama2-70b", 68976648192},
                     {"llama3-8b", 8030261248},   {"llama3-70b", 70553706496}, {"mistral-7b", 7241732096},
                     {"vicuna-13b", 13015864320}, {"smollm2-135m", 134515008}};
    for (size_t i = 0; i < sizeof published / sizeof *published; i++) {
        const ll_model_entry *entry = ll_model_list_find(published[i].name);
        REQUIRE(entry);
        const ll_config *c = &entry->shape;
        const uint64_t parameters =
            c->layers * (ll_config_attn_params(c) + ll_config_mlp_params(c)) + ll_config_other_params(c);
        CHECK_MSG(parameters == published[i].parameters, "%s: %ju", entry->name, (uintmax_t)parameters);
    }
    const ll_config *c = &ll_model_list_find("llama2-13b")->shape;
    CHECK(c->layers == 40 && c->hidden == 5120 && c->heads == 40 && c->kv_heads == 40 && c->mlp == 13824 &&
          c->vocab == 32000);
    CHECK(ll_model_list_find("mistral-7b")->shape.window == 4096);
}

/* A copy at any path is known by its shape alone; one of another size in any way is not. */
static void test_of_shape(void) {
    for (size_t i = 0; ll_model_list_at(i); i++) {
        const ll_model_entry *entry = ll_model_list_at(i);
        const bool shared = strcmp(entry->name, "vicuna-13b") == 0;
        const ll_model_entry *expected = shared ? ll_model_list_find("llama2-13b") : entry;
        ll_config shape = entry->shape;
        shape.context *= 2; /* what a shape is not */
        shape.eps = 1;
        CHECK_MSG(ll_model_list_of_shape(&shape) == expected, "%s", entry->name);
        size_t *const sizes[] = {&shape.layers,   &shape.hidden, &shape.heads, &shape.kv_heads,
                                 &shape.head_dim, &shape.mlp,    &shape.vocab};
        for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
            *sizes[size] += 1;
            CHECK_MSG(ll_model_list_of_shape(&shape) == NULL, "%s, size %zu", entry->name, size);
            *sizes[size] -= 1;
        }
    }
}

/* ---- locating ---- */

static ll_status locate(const char *name, const char *folder, char path[512], ll_error *error) {
    const ll_model_entry *entry;
    *error = (ll_error){""};
    return ll_model_locate(name, folder, path, 512, &entry, error);
}

static void test_paths(void) {
    char given[256], path[512];
    ll_error error;
    const ll_model_entry *entry;
    snprintf(given, sizeof given, "%s/any.gguf", ll_test_folder());
    CHECK(locate(given, NULL, path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "any.gguf: cannot be opened: No such file");
    ll_test_write(given, "x", 1);
    REQUIRE(ll_model_locate(given, NULL, path, sizeof path, &entry, &error) == LL_OK);
    CHECK(strcmp(path, given) == 0 && entry == NULL);
    CHECK(ll_model_locate(given, NULL, path, strlen(given), &entry, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text, "the path is longer than");
    CHECK(locate("gpt5", NULL, path, &error) == LL_BAD_USAGE);
    CHECK_CONTAINS(error.text,
                   "gpt5: neither a file nor a model of the list; the list has: llama2-7b, llama2-13b");
    CHECK_CONTAINS(error.text, "smollm2-135m");
}

static void test_listed_file(void) {
    const ll_model_entry *entry = ll_model_list_find("smollm2-135m");
    char file[256], path[512];
    ll_error error;
    REQUIRE(entry && *entry->file);
    snprintf(file, sizeof file, "%s/%s", ll_test_folder(), entry->file);
    CHECK(locate(entry->name, ll_test_folder(), path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "is not there");
    CHECK_CONTAINS(error.text, "run tools/fetch_model.sh smollm2-135m");
    ll_test_write(file, "GGUF", 4);
    CHECK(locate(entry->name, ll_test_folder(), path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "has 4 bytes, model smollm2-135m has 98362432; remove it");
    REQUIRE(truncate(file, (off_t)entry->bytes) == 0);
    CHECK(locate(entry->name, ll_test_folder(), path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "its SHA-256 is ");
    CHECK_CONTAINS(error.text, entry->sha256);
}

/* Weights that a user puts there: a folder of the name, or a GGUF file; neither is hashed. */
static void test_own_weights(void) {
    const ll_model_entry *entry = ll_model_list_find("llama2-13b");
    char models[256], folder[300], file[300], path[512];
    ll_error error;
    bool here;
    REQUIRE(entry);
    snprintf(models, sizeof models, "%s/models", ll_test_folder());
    snprintf(folder, sizeof folder, "%s/llama2-13b", models);
    snprintf(file, sizeof file, "%s/llama2-13b.gguf", models);
    REQUIRE(mkdir(models, 0777) == 0);
    REQUIRE(ll_model_place(entry, models, path, sizeof path, &here, &error) == LL_OK);
    CHECK(!here && strcmp(path, folder) == 0);
    CHECK(locate("llama2-13b", models, path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "/llama2-13b: model llama2-13b is not there");
    CHECK_CONTAINS(error.text, "https://huggingface.co/meta-llama/Llama-2-13b-hf (Llama 2 Community License, "
                               "to be accepted there first)");
    CHECK_CONTAINS(error.text, "hf download meta-llama/Llama-2-13b-hf --exclude \"*.[bp]*\" --local-dir ");
    CHECK_CONTAINS(error.text, "--synthetic measures speed and memory");
    CHECK(locate("mistral-7b", models, path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "mistralai/Mistral-7B-v0.1 (Apache-2.0): hf download");
    CHECK(locate("vicuna-13b", models, path, &error) == LL_BAD_INPUT); /* comes as PyTorch files alone */
    CHECK_CONTAINS(error.text, "n, to = \"lmsys/vicuna-13b-v1.3\", \"");
    CHECK_CONTAINS(error.text, "--synthetic measures speed and memory");
    CHECK_MSG(!strstr(error.text, "hf download"), "%s", error.text);
    ll_test_write(folder, "x", 1);
    CHECK(locate("llama2-13b", models, path, &error) == LL_BAD_INPUT); /* that is no folder */
    ll_test_write(file, "GGUF", 4);
    CHECK(locate("llama2-13b", models, path, &error) == LL_OK && strcmp(path, file) == 0);
    REQUIRE(remove(folder) == 0 && mkdir(folder, 0777) == 0);
    CHECK(locate("llama2-13b", models, path, &error) == LL_OK && strcmp(path, folder) == 0);
    CHECK(ll_model_place(entry, models, path, strlen(file), &here, &error) == LL_BAD_USAGE);
    CHECK(ll_model_place(entry, models, path, strlen(file) + 1, &here, &error) == LL_OK);
}

/* $LAYERLAB_MODELS is where to look, unless the caller says another folder; empty means unset. */
static void test_folder(void) {
    const char *before = getenv("LAYERLAB_MODELS");
    char *kept = before ? strdup(before) : NULL, path[512];
    ll_error error;
    setenv("LAYERLAB_MODELS", "/nowhere/models", 1);
    CHECK(locate("smollm2-135m", NULL, path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text,
                   "/nowhere/models/SmolLM2-135M-Instruct.Q4_1.gguf: model smollm2-135m is not there");
    CHECK(locate("smollm2-135m", "/elsewhere", path, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "/elsewhere/SmolLM2");
    setenv("LAYERLAB_MODELS", "", 1);
    (void)locate("smollm2-135m", NULL, path, &error);
    CHECK_MSG(strncmp(path, "models/", 7) == 0, "looked at %s", path);
    if (kept)
        setenv("LAYERLAB_MODELS", kept, 1);
    else
        unsetenv("LAYERLAB_MODELS");
    free(kept);
}

static void test_default_model(void) {
    const char *file = ll_test_model();
    if (!file)
        return;
    char path[512];
    ll_error error;
    CHECK_MSG(locate("smollm2-135m", NULL, path, &error) == LL_OK, "%s", error.text);
    CHECK(strcmp(path, file) == 0);
}

/* The list's shape is the file's. */
static void test_shape_of_file(void) {
    const char *file = ll_test_model();
    if (!file)
        return;
    ll_checkpoint *checkpoint;
    ll_error error = {""};
    CHECK_MSG(ll_checkpoint_open(&checkpoint, file, &error) == LL_OK, "%s", error.text);
    if (ll_test_failed())
        return;
    const ll_config *a = ll_checkpoint_config(checkpoint), *b = &ll_model_list_find("smollm2-135m")->shape;
    CHECK(a->layers == b->layers && a->hidden == b->hidden && a->heads == b->heads);
    CHECK(a->kv_heads == b->kv_heads && a->head_dim == b->head_dim && a->mlp == b->mlp);
    CHECK(a->vocab == b->vocab && a->context == b->context && a->window == b->window);
    CHECK_MSG(a->rope_theta <= b->rope_theta && a->rope_theta >= b->rope_theta, "theta %g", a->rope_theta);
    CHECK_MSG(a->eps <= b->eps && a->eps >= b->eps, "eps %g", (double)a->eps);
    CHECK(a->tied == b->tied);
    ll_checkpoint_close(checkpoint);
}

/* ---- SHA-256 ---- */

static void test_sha256(void) {
    char hex[LL_SHA256_TEXT];
    ll_sha256_bytes("", 0, hex);
    CHECK(strcmp(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855") == 0);
    ll_sha256_bytes("abc", 3, hex); /* FIPS 180-4 */
    CHECK(strcmp(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad") == 0);
    enum { MILLION = 1000000, BEYOND_A_CHUNK = 3 * MILLION };
    char *as = malloc(BEYOND_A_CHUNK), path[256], whole[LL_SHA256_TEXT];
    REQUIRE(as);
    memset(as, 'a', BEYOND_A_CHUNK);
    ll_sha256_bytes(as, MILLION, hex); /* FIPS 180-4 */
    CHECK(strcmp(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0") == 0);
    snprintf(path, sizeof path, "%s/as", ll_test_folder());
    ll_test_write(path, as, BEYOND_A_CHUNK);
    ll_sha256_bytes(as, BEYOND_A_CHUNK, whole);
    free(as);
    ll_error error = {""};
    CHECK(ll_sha256_file(path, NULL, hex, &error) == LL_OK && strcmp(hex, whole) == 0);
    CHECK(ll_sha256_file("/nowhere/file", NULL, hex, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "/nowhere/file: cannot be opened: No such file");
    CHECK(ll_sha256_file(ll_test_folder(), NULL, hex, &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "cannot be read: Is a directory");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("models/list", test_list);
    ll_test_run("models/paths", test_paths);
    ll_test_run("models/listed file", test_listed_file);
    ll_test_run("models/shapes", test_shapes);
    ll_test_run("models/of a shape", test_of_shape);
    ll_test_run("models/own weights", test_own_weights);
    ll_test_run("models/folder", test_folder);
    ll_test_run("models/default model", test_default_model);
    ll_test_run("models/shape of file", test_shape_of_file);
    ll_test_run("sha256/bytes and files", test_sha256);
    return ll_test_end();
}
