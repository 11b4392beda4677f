#include "quality_tally.h"
#include "documents.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 1, NUMBERS = sizeof(ll_quality_sums) / sizeof(double) };
_Static_assert(sizeof(ll_quality_sums) == NUMBERS * sizeof(double), "sums are doubles and nothing else");

static bool read_sums(const json_t *numbers, ll_quality_sums *out) {
    double found[NUMBERS];
    if (json_array_size(numbers) != NUMBERS)
        return false;
    for (size_t i = 0; i < NUMBERS; i++) {
        const json_t *number = json_array_get(numbers, i);
        found[i] = json_number_value(number);
        if (!json_is_number(number) || !isfinite(found[i]))
            return false;
    }
    memcpy(out, found, sizeof found);
    return true;
}

static bool is_among(const ll_quality_part *part, const char *drop) {
    size_t i = 0;
    while (i < part->count && strcmp(part->drops[i], drop) != 0)
        i++;
    return i < part->count;
}

/* False: damaged; what was taken by then is in out. */
static bool read_drops(const json_t *drops, const json_t *sums, ll_quality_part *out) {
    const size_t count = json_array_size(drops);
    if (json_array_size(sums) != count)
        return false;
    out->drops = calloc(count + 1, sizeof *out->drops);
    out->tally.sums = calloc(count + 1, sizeof *out->tally.sums);
    if (!out->drops || !out->tally.sums)
        return false;
    for (; out->count < count; out->count++) {
        const char *drop = json_string_value(json_array_get(drops, out->count));
        if (!drop || is_among(out, drop) ||
            !read_sums(json_array_get(sums, out->count), &out->tally.sums[out->count]))
            return false;
        out->drops[out->count] = strdup(drop);
        if (!out->drops[out->count])
            return false;
    }
    return true;
}

static bool read_part(json_t *root, ll_quality_part *out, size_t passages, const char *key) {
    json_int_t version, done;
    const char *theirs;
    json_t *drops, *sums;
    if (json_unpack(root, "{s:I, s:s, s:I, s:o, s:o}", "layerlab quality tally", &version, "key", &theirs,
                    "passages", &done, "drops", &drops, "sums", &sums) != 0)
        return false;
    if (version != VERSION || strcmp(theirs, key) != 0 || done < 0 || (json_int_t)passages < done)
        return false;
    out->tally.passages = (size_t)done;
    return read_drops(drops, sums, out);
}

void ll_quality_part_read(ll_quality_part *out, size_t passages, const char *key, const char *path) {
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    *out = (ll_quality_part){0};
    if (!root || !read_part(root, out, passages, key))
        ll_quality_part_free(out);
    json_decref(root);
}

void ll_quality_part_free(ll_quality_part *part) {
    for (size_t i = 0; i < part->count; i++)
        free(part->drops[i]);
    free(part->drops);
    free(part->tally.sums);
    *part = (ll_quality_part){0};
}

/* Doubles are written with 17 digits, which give the same bits back. */
static char *text_of(const char *const *drops, size_t count, const ll_quality_tally *tally, const char *key) {
    json_t *names = json_array(), *all = json_array();
    for (size_t i = 0; i < count; i++) {
        double numbers[NUMBERS];
        memcpy(numbers, &tally->sums[i], sizeof numbers);
        json_t *one = json_array();
        for (size_t n = 0; n < NUMBERS; n++)
            json_array_append_new(one, json_real(numbers[n]));
        json_array_append_new(all, one);
        json_array_append_new(names, json_string(drops[i]));
    }
    json_t *root = json_pack("{s:i, s:s, s:I, s:o, s:o}", "layerlab quality tally", VERSION, "key", key,
                             "passages", (json_int_t)tally->passages, "drops", names, "sums", all);
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    return text;
}

ll_status ll_quality_part_write(const char *const *drops, size_t count, const ll_quality_tally *tally,
                                const char *key, const char *path, ll_error *error) {
    char *text = text_of(drops, count, tally, key);
    if (!text)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its text", path);
    const ll_status status = ll_file_write(path, text, strlen(text), error);
    free(text);
    return status;
}
