#include "calibration.h"
#include "cmd.h"
#include "importance_rows.h"
#include "order.h"

#include <stdlib.h>
#include <string.h>

/* One model of the run; loaded only where rows are missing. */
typedef struct {
    ll_calibration *out;
    const ll_options *options; /* with this model in it */
    ll_csv *csv;
    ll_documents *sets; /* [options->calib_count] */
    char path[LL_CMD_PATH], name[LL_CSV_CELL], sha256[LL_SHA256_TEXT];
    size_t number, layers;
    ll_model *model;
    size_t *computed;
    ll_error *error;
} subject;

/* A set on its way: at which numbers of documents rows are written. */
typedef struct {
    subject *s;
    size_t set;
    size_t counts[LL_MAX_COUNTS], total;
} measurement;

/* ---- numbers of documents ---- */
/* Those asked for, ascending, as far as the set reaches: what is beyond it is all of it. */
static void take_counts(measurement *m) {
    const ll_options *options = m->s->options;
    const size_t there = m->s->sets[m->set].count;
    size_t asked[LL_MAX_COUNTS];
    memcpy(asked, options->counts, sizeof asked);
    qsort(asked, options->count_total, sizeof *asked, ll_order_sizes);
    for (size_t i = 0; i < options->count_total; i++) {
        const size_t used = asked[i] < there ? asked[i] : there;
        if (m->total == 0 || m->counts[m->total - 1] != used)
            m->counts[m->total++] = used;
    }
    if (m->s->number == 0)
        ll_cmd_say_fewer(options, options->calibs[m->set], there, asked[options->count_total - 1]);
}

static ll_importance_key key_of(const measurement *m, size_t samples) {
    const subject *s = m->s;
    return (ll_importance_key){s->sha256, s->out->weights, s->out->group, s->sets[m->set].sha256,
                               samples,   s->out->length,  s->layers};
}

/* ---- measuring ---- */
static ll_status save(void *context, const ll_tally *tally, ll_error *error) {
    const measurement *m = context;
    for (size_t i = 0; i < m->total; i++)
        if (m->counts[i] == tally->documents) {
            const ll_importance_key key = key_of(m, tally->documents);
            const ll_importance_source source = {ll_file_name(m->s->options->calibs[m->set]), m->s->name,
                                                 m->s->model, m->s->options->seed};
            return ll_importance_rows_append(m->s->csv, &key, tally, &source, m->s->computed, error);
        }
    return LL_OK;
}

static ll_status measure(measurement *m, size_t samples) {
    subject *s = m->s;
    char path[LL_CMD_PATH], label[LL_CSV_CELL + 64];
    ll_plan plan = {.metric = s->out->metric};
    ll_tally *tally = calloc(1, sizeof *tally);
    ll_progress progress;
    if (!tally)
        return ll_fail(s->error, LL_NO_RESOURCE, "no memory for a calibration set's sums");
    ll_status status = s->model ? LL_OK : ll_cmd_load(s->options, s->out->weights, &s->model, path, s->error);
    snprintf(label, sizeof label, "%.40s, %.40s", s->name, ll_file_name(s->options->calibs[m->set]));
    ll_progress_begin(&progress, label, (double)samples, s->options->quiet);
    if (status == LL_OK)
        status = ll_importance_run(&plan, s->model, &s->sets[m->set], samples, s->out->length, tally,
                                   &(ll_tally_keeper){save, m}, &progress, s->error);
    ll_progress_end(&progress);
    free(tally);
    return status;
}

/* ---- maps ---- */
static ll_map *add_map(subject *s) {
    ll_calibration *out = s->out;
    if (out->count == out->capacity) {
        const size_t capacity = out->capacity ? 2 * out->capacity : 16;
        ll_map *maps = realloc(out->maps, capacity * sizeof *maps);
        if (!maps)
            return NULL;
        out->maps = maps;
        out->capacity = capacity;
    }
    out->maps[out->count] = (ll_map){.model_number = s->number, .layers = s->layers};
    return &out->maps[out->count++];
}

static bool read_map(const measurement *m, size_t samples, ll_map *map) {
    const ll_importance_key key = key_of(m, samples);
    return ll_importance_rows_read(m->s->csv, &key, m->s->out->metric, map->importance, &map->tokens);
}

static ll_status read_maps(const measurement *m) {
    subject *s = m->s;
    for (size_t i = 0; i < m->total; i++) {
        ll_map *map = add_map(s);
        if (!map)
            return ll_fail(s->error, LL_NO_RESOURCE, "no memory for importance maps");
        map->set_number = m->set;
        map->samples = m->counts[i];
        memcpy(map->model, s->name, sizeof map->model);
        memcpy(map->model_sha256, s->sha256, sizeof map->model_sha256);
        memcpy(map->data_sha256, s->sets[m->set].sha256, sizeof map->data_sha256);
        snprintf(map->data_file, sizeof map->data_file, "%s", ll_file_name(s->options->calibs[m->set]));
        if (!read_map(m, m->counts[i], map))
            return ll_fail(s->error, LL_BAD_INPUT, "%s: rows of %s, %zu documents are not there",
                           ll_csv_path(s->csv), map->data_file, map->samples);
    }
    return LL_OK;
}

static ll_status run_set(subject *s, size_t set) {
    measurement m = {.s = s, .set = set};
    size_t missing = 0;
    take_counts(&m);
    ll_map *map = malloc(sizeof *map);
    if (!map)
        return ll_fail(s->error, LL_NO_RESOURCE, "no memory for importance maps");
    for (size_t i = 0; i < m.total; i++)
        if (!read_map(&m, m.counts[i], map))
            missing = m.counts[i];
    free(map);
    if (missing)
        LL_TRY(measure(&m, missing));
    return read_maps(&m);
}

/* ---- models ---- */
static ll_status look_at(subject *s) {
    ll_config config;
    ll_calibration *out = s->out;
    LL_TRY(ll_cmd_locate(s->options, s->path, s->error));
    LL_TRY(ll_cmd_config(s->options, &config, s->error));
    LL_TRY(ll_cmd_sha256(s->path, s->options->quiet, s->sha256, s->error));
    ll_model_label(s->options->model, s->name);
    s->layers = config.layers;
    if (out->count && out->maps[0].layers != s->layers)
        return ll_fail(s->error, LL_BAD_INPUT,
                       "%s has %zu blocks, %s %zu: checkpoints of one model are compared", s->options->model,
                       s->layers, s->options->folders[0], out->maps[0].layers);
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->maps[i].model_sha256, s->sha256) == 0)
            return ll_fail(s->error, LL_BAD_INPUT, "%s holds the same weights as %s", s->options->model,
                           s->options->folders[out->maps[i].model_number]);
    const size_t length = s->options->length ? s->options->length : LL_DEFAULT_LENGTH;
    if (s->options->length > config.context)
        return ll_fail(s->error, LL_BAD_USAGE, "--length %zu is more than the context of %s, %zu tokens",
                       length, s->options->model, config.context);
    if (out->count == 0)
        out->length = length < config.context ? length : config.context;
    return LL_OK;
}

static ll_status run_model(ll_calibration *out, const ll_options *options, size_t number, ll_csv *csv,
                           ll_documents *sets, size_t *computed, ll_error *error) {
    ll_options own = *options;
    own.model = options->folders[number];
    subject *s = calloc(1, sizeof *s);
    if (!s)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a model");
    *s = (subject){.out = out, .options = &own, .csv = csv, .sets = sets, .number = number};
    s->computed = computed;
    s->error = error;
    ll_status status = look_at(s);
    for (size_t set = 0; set < options->calib_count && status == LL_OK; set++)
        status = run_set(s, set);
    ll_model_destroy(s->model);
    free(s);
    return status;
}

static ll_status load_sets(const ll_options *options, ll_documents *sets, ll_error *error) {
    for (size_t i = 0; i < options->calib_count; i++) {
        LL_TRY(ll_documents_load(&sets[i], options->calibs[i], error));
        for (size_t k = 0; k < i; k++)
            if (strcmp(sets[k].sha256, sets[i].sha256) == 0)
                return ll_fail(error, LL_BAD_INPUT, "%s and %s hold the same text; give each set once",
                               options->calibs[k], options->calibs[i]);
    }
    return LL_OK;
}

static ll_status run_all(ll_calibration *out, const ll_options *options, const char *folder,
                         ll_documents *sets, size_t *computed, ll_error *error) {
    char path[LL_CMD_PATH];
    bool recovered;
    ll_csv *csv;
    LL_TRY(load_sets(options, sets, error));
    LL_TRY(ll_folder_make(folder, error));
    snprintf(path, sizeof path, "%s/%s.csv", folder, ll_importance_schema.name);
    LL_TRY(ll_csv_open(&csv, path, &ll_importance_schema, &recovered, error));
    if (recovered && !options->quiet)
        fprintf(stderr, "%s: the last row was cut; it is computed again\n", path);
    ll_status status = LL_OK;
    for (size_t i = 0; i < options->folder_count && status == LL_OK; i++)
        status = run_model(out, options, i, csv, sets, computed, error);
    ll_csv_close(csv);
    return status;
}

ll_status ll_calibration_run(ll_calibration *out, const ll_options *options, const char *folder,
                             size_t *computed, ll_error *error) {
    *out = (ll_calibration){.models = options->folder_count,
                            .sets = options->calib_count,
                            .lowest = options->lowest,
                            .metric = options->metric,
                            .weights = options->weights,
                            .group = options->group};
    ll_documents *sets = calloc(options->calib_count, sizeof *sets);
    if (!sets)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu calibration sets", options->calib_count);
    const ll_status status = run_all(out, options, folder, sets, computed, error);
    for (size_t i = 0; i < options->calib_count; i++)
        ll_documents_free(&sets[i]);
    free(sets);
    if (status != LL_OK)
        ll_calibration_free(out);
    return status;
}

void ll_calibration_free(ll_calibration *calibration) {
    free(calibration->maps);
    *calibration = (ll_calibration){0};
}
