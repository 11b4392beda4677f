#include "compare_private.h"
#include "plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers for gnuplot: a block machine-N for each curve, then a block KIND-N for each of its kinds ---- */
static void put_machine(FILE *data, const ll_curve *curve, size_t number) {
    const ll_report_entry *full = ll_report_full(&curve->data);
    const ll_report_row none = {NULL, NULL, 0};
    fprintf(data, "# machine-%zu;\n0 %zu", number, number);
    ll_plot_put_value(data, ll_report_number(full ? &full->speed : &none, "int8_share"));
    ll_plot_put_value(data, ll_report_number(full ? &full->speed : &none, "bandwidth_share"));
    fputs(" \"", data);
    for (const char *c = curve->label; *c; c++)
        putc(*c == '"' ? '\'' : *c, data); /* no text of a file may end the quoted label */
    fputs("\"\n\n\n", data);
}

static void put_point(FILE *data, const ll_report_entry *entry) {
    static const char *const columns[][4] = {
        {"speedup", "speedup_q1", "speedup_q3", "speedup_predicted"},
        {"speedup_prefill", "speedup_prefill_q1", "speedup_prefill_q3", "predicted_prefill"},
        {"speedup_decode", "speedup_decode_q1", "speedup_decode_q3", "predicted_decode"}};
    fprintf(data, "%zu", entry->dropped);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        ll_plot_put_bar(data, ll_report_number(&entry->speed, columns[i][0]),
                        ll_report_number(&entry->speed, columns[i][1]),
                        ll_report_number(&entry->speed, columns[i][2]));
        ll_plot_put_value(data, ll_report_number(&entry->speed, columns[i][3]));
    }
    putc('\n', data);
}

/* Every kind's curve begins at the full model; a kind without one speedup is no curve. */
static bool put_kind(FILE *data, const ll_curve *curve, size_t number, const char *kind) {
    const ll_report_entry *full = ll_report_full(&curve->data);
    bool open = false;
    for (size_t i = 0; i < curve->data.count; i++) {
        const ll_report_entry *entry = &curve->data.entries[i];
        if (strcmp(entry->kind, kind) != 0 || !isfinite(ll_report_number(&entry->speed, "speedup")))
            continue;
        if (!open) {
            fprintf(data, "# %s-%zu;\n", kind, number);
            if (full)
                put_point(data, full);
        }
        put_point(data, entry);
        open = true;
    }
    fputs(open ? "\n\n" : "", data);
    return open;
}

static bool put_section(FILE *data, FILE *blocks, const ll_section *section) {
    bool any = false;
    for (size_t c = 0; c < section->count; c++) {
        put_machine(data, &section->curves[c], c + 1);
        for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
            const char *name = ll_drop_kind_name((ll_drop_kind)kind);
            if (!put_kind(data, &section->curves[c], c + 1, name))
                continue;
            fprintf(blocks, "%s%s-%zu;", any ? " " : "", name, c + 1);
            any = true;
        }
    }
    return any;
}

/* ---- what it says below its title ---- */
enum { SUBTITLE = 256 };

static void describe_weights(const ll_section *section, char out[SUBTITLE]) {
    const ll_report_data *data = &section->curves[0].data;
    char model[LL_CSV_CELL], weights[LL_CSV_CELL];
    ll_report_model(data, model, sizeof model);
    ll_report_weights(data, weights, sizeof weights);
    snprintf(out, SUBTITLE, "%.80s%s, %.60s, %.10s KV-cache", model,
             ll_report_is_synthetic(data) ? ", SYNTHETIC weights" : "", weights,
             ll_report_text(&data->speed, "kv"));
    ll_plot_make_plain(out);
}

static void describe_protocol(const ll_section *section, char out[SUBTITLE]) {
    const ll_report_row *row = &section->curves[0].data.speed;
    snprintf(out, SUBTITLE, "%.20s prompt + %.20s generated tokens (%.20s), batch %.20s",
             ll_report_text(row, "prompt"), ll_report_text(row, "generate"), ll_report_text(row, "method"),
             ll_report_text(row, "batch"));
    ll_plot_make_plain(out);
}

static ll_status draw(const ll_section *section, const char *data, size_t length, const char *blocks,
                      const char *out, const char *picture, ll_error *error) {
    char weights[SUBTITLE], protocol[SUBTITLE], machines[24];
    describe_weights(section, weights);
    describe_protocol(section, protocol);
    snprintf(machines, sizeof machines, "%zu", section->count);
    const ll_plot plot = {"compare", picture, {weights, protocol, blocks, machines}, data, length};
    return ll_plot_draw(&plot, out, error);
}

ll_status ll_section_plot(const ll_section *section, const char *out, const char *picture, bool *drawn,
                          ll_error *error) {
    char *data = NULL, *blocks = NULL;
    size_t length = 0, blocks_length = 0;
    FILE *data_stream = open_memstream(&data, &length);
    FILE *blocks_stream = open_memstream(&blocks, &blocks_length);
    bool any = false, good = data_stream && blocks_stream;
    if (good)
        any = put_section(data_stream, blocks_stream, section);
    if (data_stream && fclose(data_stream) != 0)
        good = false;
    if (blocks_stream && fclose(blocks_stream) != 0)
        good = false;
    ll_status status = LL_OK;
    if (!good)
        status = ll_fail(error, LL_NO_RESOURCE, "report: no memory for a plot's numbers");
    else if (any)
        status = draw(section, data, length, blocks, out, picture, error);
    *drawn = any && status == LL_OK;
    free(data);
    free(blocks);
    return status;
}
