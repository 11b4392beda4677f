/* Importance by layer, a curve for each of the maps that are compared. */
#include "calibration.h"
#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL = 96, SUBTITLE = 256 };

typedef enum { BY_SAMPLES, BY_SET, BY_MODEL } comparison;

static const struct {
    const char *picture, *title;
} pictures[] = {
    [BY_SAMPLES] = {"calibration-samples", "Importance by number of calibration documents"},
    [BY_SET] = {"calibration-sets", "Importance by calibration set"},
    [BY_MODEL] = {"calibration-checkpoints", "Importance by checkpoint"},
};

/* Numbers of documents of the last model's first set; sets of the last model; models on the first set. */
static bool is_curve(const ll_calibration *c, size_t i, comparison what) {
    const ll_map *map = &c->maps[i];
    const bool last_model = map->model_number + 1 == c->models, first_set = map->set_number == 0;
    return what == BY_SAMPLES ? last_model && first_set
           : what == BY_SET   ? last_model && ll_map_is_largest(c, i)
                              : first_set && ll_map_is_largest(c, i);
}

static void describe(const ll_map *map, comparison what, char out[LABEL]) {
    if (what == BY_SAMPLES)
        snprintf(out, LABEL, "%zu", map->samples);
    else if (what == BY_SET)
        snprintf(out, LABEL, "%.26s (%zu)", map->data_file, map->samples);
    else
        snprintf(out, LABEL, "%.30s", map->model);
    ll_plot_make_plain(out);
    for (char *c = out; *c; c++)
        if (*c == '"' || *c == '\\')
            *c = '\''; /* no text of a file may end the quoted label */
}

/* A block a kind and curve: its label, then layer and importance. */
static void put_curve(FILE *stream, const ll_map *map, size_t number, comparison what) {
    char label[LABEL];
    describe(map, what, label);
    for (int kind = 0; kind < LL_MODULE_KINDS; kind++) {
        fprintf(stream, "# %s-%zu;\nNA NA \"%s\"\n", ll_drop_kind_name((ll_drop_kind)kind), number, label);
        for (size_t layer = 0; layer < map->layers; layer++) {
            const double value = map->importance[kind][layer];
            fprintf(stream, "%zu", layer);
            ll_plot_put_value(stream, value > 0 ? value : (double)NAN); /* the scale is logarithmic */
            fputs("\n", stream);
        }
        fputs("\n\n", stream);
    }
}

static ll_status draw(const ll_calibration *c, comparison what, const char *data, size_t length,
                      size_t curves, const char *folder, ll_error *error) {
    char subtitle[SUBTITLE], count[24];
    const ll_map *last = &c->maps[c->count - 1];
    const char *const model = what == BY_MODEL ? c->maps[0].data_file : last->model;
    snprintf(subtitle, sizeof subtitle, "%.100s%s%.100s, documents of up to %zu tokens, %s", model,
             what == BY_SAMPLES ? ", " : "", what == BY_SAMPLES ? c->maps[0].data_file : "", c->length,
             ll_metric_name(c->metric));
    ll_plot_make_plain(subtitle);
    snprintf(count, sizeof count, "%zu", curves);
    const ll_plot plot = {
        "calibration", pictures[what].picture, {pictures[what].title, subtitle, count, NULL}, data, length};
    return ll_plot_draw(&plot, folder, error);
}

static ll_status plot(const ll_calibration *c, comparison what, const char *folder, ll_error *error) {
    char *data = NULL;
    size_t length = 0, curves = 0;
    FILE *stream = open_memstream(&data, &length);
    for (size_t i = 0; stream && i < c->count; i++)
        if (is_curve(c, i, what))
            put_curve(stream, &c->maps[i], ++curves, what);
    const bool good = stream && fclose(stream) == 0;
    ll_status status = LL_OK;
    if (!good)
        status = ll_fail(error, LL_NO_RESOURCE, "no memory for a plot's numbers");
    else if (curves > 1)
        status = draw(c, what, data, length, curves, folder, error);
    free(data);
    return status;
}

ll_status ll_calibration_plot(const ll_calibration *calibration, const char *folder, ll_error *error) {
    for (int what = BY_SAMPLES; what <= BY_MODEL; what++)
        LL_TRY(plot(calibration, (comparison)what, folder, error));
    return LL_OK;
}
