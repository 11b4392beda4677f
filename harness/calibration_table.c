/* calibration.csv and calibration.md: what the maps have in common. */
#include "calibration.h"
#include "documents.h"
#include "drop_orders.h"
#include "rank.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- pairs ---- */
bool ll_map_is_largest(const ll_calibration *calibration, size_t i) {
    const ll_calibration *c = calibration;
    return i + 1 == c->count || c->maps[i + 1].set_number != c->maps[i].set_number ||
           c->maps[i + 1].model_number != c->maps[i].model_number;
}

static const ll_map *last_of_set(const ll_calibration *c, size_t i) {
    while (!ll_map_is_largest(c, i))
        i++;
    return &c->maps[i];
}

/* The model's map of the set at its largest number of documents. */
static const ll_map *largest(const ll_calibration *c, size_t model, size_t set) {
    for (size_t i = 0; i < c->count; i++)
        if (c->maps[i].model_number == model && c->maps[i].set_number == set)
            return last_of_set(c, i);
    return NULL;
}

static void add_samples(const ll_calibration *c, ll_map_pair *out, size_t *count) {
    for (size_t i = 0; i < c->count; i++)
        if (!ll_map_is_largest(c, i))
            out[(*count)++] = (ll_map_pair){"samples", &c->maps[i], last_of_set(c, i)};
}

static void add_sets(const ll_calibration *c, ll_map_pair *out, size_t *count) {
    for (size_t model = 0; model < c->models; model++)
        for (size_t a = 0; a < c->sets; a++)
            for (size_t b = a + 1; b < c->sets; b++)
                out[(*count)++] = (ll_map_pair){"set", largest(c, model, a), largest(c, model, b)};
}

static void add_models(const ll_calibration *c, ll_map_pair *out, size_t *count) {
    for (size_t model = 0; model + 1 < c->models; model++)
        for (size_t set = 0; set < c->sets; set++)
            out[(*count)++] = (ll_map_pair){"model", largest(c, model, set), largest(c, c->models - 1, set)};
}

ll_status ll_calibration_pairs(const ll_calibration *calibration, ll_map_pair **out, size_t *count,
                               ll_error *error) {
    const ll_calibration *c = calibration;
    const size_t most = c->count + c->models * c->sets * c->sets + c->models * c->sets;
    *count = 0;
    *out = malloc(most * sizeof **out);
    if (!*out)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu pairs of importance maps", most);
    add_samples(c, *out, count);
    add_sets(c, *out, count);
    add_models(c, *out, count);
    return LL_OK;
}

static void take_kind(const ll_map *map, ll_drop_kind kind, double *out) {
    for (size_t i = 0; i < ll_kind_modules(kind, map->layers); i++) {
        const ll_module module = ll_kind_module(kind, i);
        out[i] = map->importance[module.kind][module.layer];
    }
}

ll_likeness ll_map_compare(const ll_calibration *calibration, const ll_map_pair *pair, ll_drop_kind kind) {
    double a[2 * LL_MAX_LAYERS], b[2 * LL_MAX_LAYERS];
    const size_t modules = ll_kind_modules(kind, pair->map->layers);
    const size_t lowest = calibration->lowest < modules ? calibration->lowest : modules;
    take_kind(pair->map, kind, a);
    take_kind(pair->other, kind, b);
    return (ll_likeness){modules, lowest, ll_rank_overlap(a, b, modules, lowest),
                         ll_rank_correlation(a, b, modules)};
}

/* ---- calibration.csv ---- */
static void fill_row(ll_row *row, const ll_calibration *c, const ll_map_pair *pair, ll_drop_kind kind) {
    const ll_likeness likeness = ll_map_compare(c, pair, kind);
    ll_row_begin(row, &ll_calibration_schema);
    ll_row_text(row, "compared", pair->compared);
    ll_row_weights(row, c->weights, c->group);
    ll_row_int(row, "length", c->length);
    ll_row_text(row, "metric", ll_metric_name(c->metric));
    ll_row_text(row, "kind", ll_drop_kind_name(kind));
    ll_row_text(row, "model_sha256", pair->map->model_sha256);
    ll_row_text(row, "data_sha256", pair->map->data_sha256);
    ll_row_int(row, "samples", pair->map->samples);
    ll_row_text(row, "other_model_sha256", pair->other->model_sha256);
    ll_row_text(row, "other_data_sha256", pair->other->data_sha256);
    ll_row_int(row, "other_samples", pair->other->samples);
    ll_row_int(row, "lowest", likeness.lowest);
    ll_row_int(row, "overlap", likeness.overlap);
    ll_row_real(row, "rank_correlation", likeness.correlation, 7);
    ll_row_text(row, "model", pair->map->model);
    ll_row_text(row, "data_file", pair->map->data_file);
    ll_row_text(row, "other_model", pair->other->model);
    ll_row_text(row, "other_data_file", pair->other->data_file);
}

static void put_csv(FILE *stream, const ll_calibration *c, const ll_map_pair *pairs, size_t count) {
    ll_row row;
    ll_csv_print_header(stream, &ll_calibration_schema);
    for (size_t i = 0; i < count; i++)
        for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
            fill_row(&row, c, &pairs[i], (ll_drop_kind)kind);
            ll_csv_print_row(stream, &row);
        }
}

/* ---- calibration.md ---- */
/* Names of files may hold what Markdown takes for its own. */
static void put_escaped(FILE *stream, const char *text) {
    for (; *text; text++) {
        if (strchr("\\|*_`<>[]&", *text))
            putc('\\', stream);
        putc(*text, stream);
    }
}

static void put_map(FILE *stream, const ll_calibration *c, const ll_map *map) {
    if (c->models > 1) {
        put_escaped(stream, map->model);
        fputs(", ", stream);
    }
    put_escaped(stream, map->data_file);
    fprintf(stream, ", %zu", map->samples);
}

static void put_likeness(FILE *stream, const ll_likeness *likeness) {
    if (isfinite(likeness->correlation))
        fprintf(stream, " %.3f, %zu/%zu |", likeness->correlation, likeness->overlap, likeness->lowest);
    else
        fprintf(stream, " NA, %zu/%zu |", likeness->overlap, likeness->lowest);
}

static void put_table(FILE *stream, const ll_calibration *c, const ll_map_pair *pairs, size_t count,
                      const char *compared, const char *title) {
    bool begun = false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(pairs[i].compared, compared) != 0)
            continue;
        if (!begun)
            fprintf(stream,
                    "\n## %s\n\n| documents of | and of | attn | mlp | block | joint |\n"
                    "|:-|:-|-:|-:|-:|-:|\n",
                    title);
        begun = true;
        fputs("| ", stream);
        put_map(stream, c, pairs[i].map);
        fputs(" | ", stream);
        put_map(stream, c, pairs[i].other);
        fputs(" |", stream);
        for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
            const ll_likeness likeness = ll_map_compare(c, &pairs[i], (ll_drop_kind)kind);
            put_likeness(stream, &likeness);
        }
        fputs("\n", stream);
    }
}

static void put_page(FILE *stream, const ll_calibration *c, const ll_map_pair *pairs, size_t count) {
    fputs("# Importance by calibration\n\n", stream);
    put_escaped(stream, c->maps[0].model);
    fprintf(
        stream,
        ": importance by %s, documents of up to %zu tokens. Each cell: rank correlation (Spearman) of the "
        "importance of all modules of the kind, and how many of the %zu least important the two plans have "
        "in common. joint: attention and MLP layers in one list.\n",
        ll_metric_name(c->metric), c->length, c->lowest);
    put_table(stream, c, pairs, count, "samples", "Numbers of documents, against the largest");
    put_table(stream, c, pairs, count, "set", "Sets, at their largest numbers");
    put_table(stream, c, pairs, count, "model", "Checkpoints, against the last");
}

/* ---- files ---- */
typedef void putter(FILE *stream, const ll_calibration *c, const ll_map_pair *pairs, size_t count);

static ll_status write_file(const ll_calibration *c, const ll_map_pair *pairs, size_t count, putter *put,
                            const char *folder, const char *name, FILE *copy, ll_error *error) {
    char path[4096], *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    if (stream)
        put(stream, c, pairs, count);
    const bool good = stream && fclose(stream) == 0;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const ll_status status = good ? ll_file_write(path, text, length, error)
                                  : ll_fail(error, LL_NO_RESOURCE, "%s: no memory for its text", path);
    if (status == LL_OK && copy)
        fputs(text, copy);
    free(text);
    return status;
}

ll_status ll_calibration_write(const ll_calibration *calibration, const char *folder, FILE *stream,
                               ll_error *error) {
    ll_map_pair *pairs;
    size_t count;
    LL_TRY(ll_calibration_pairs(calibration, &pairs, &count, error));
    ll_status status = write_file(calibration, pairs, count, put_csv, folder, "calibration.csv", NULL, error);
    if (status == LL_OK)
        status = write_file(calibration, pairs, count, put_page, folder, "calibration.md", stream, error);
    free(pairs);
    return status == LL_OK ? ll_calibration_plot(calibration, folder, error) : status;
}
