#include "report/report_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum column {
    KIND,
    DROPPED,
    PERPLEXITY,
    DIFFERENCE,
    KL,
    TOP1,
    SPEEDUP,
    PREFILL,
    DECODE,
    PREDICTED,
    PAPER,
    KV_CACHE,
    GAMMA,
    COLUMNS
};
enum { CELL = LL_REPORT_CELL };
typedef char line[COLUMNS][CELL];

static const char *const heads[COLUMNS] = {"kind",    "dropped",  "perplexity", "loss",   "KL",
                                           "top-1 %", "speedup",  "prefill",    "decode", "predicted",
                                           "paper",   "KV-cache", "gamma"};

bool ll_report_has_paper(const ll_report_data *data) {
    char model[LL_CSV_CELL];
    ll_report_model(data, model, sizeof model);
    for (size_t i = 0; i < data->count; i++)
        if (isfinite(ll_paper_speedup(&data->paper, model, data->entries[i].kind, data->entries[i].dropped)))
            return true;
    return false;
}

/* Columns without a single number are left out: quality of synthetic weights, and what the paper did not measure. */
static void choose_columns(const ll_report_data *data, bool chosen[COLUMNS]) {
    for (int i = 0; i < COLUMNS; i++)
        chosen[i] = true;
    chosen[DIFFERENCE] = false;
    for (size_t i = 0; i < data->count; i++)
        chosen[DIFFERENCE] = chosen[DIFFERENCE] ||
                             isfinite(ll_report_number(&data->entries[i].quality, "loss_difference_stderr"));
    chosen[PERPLEXITY] = chosen[KL] = chosen[TOP1] = chosen[GAMMA] = data->quality.csv != NULL;
    chosen[PAPER] = ll_report_has_paper(data);
}

static bool put_missing(char *cell, double value) {
    if (isfinite(value))
        return false;
    strcpy(cell, "NA");
    return true;
}

static void put_number(char *cell, double value, int decimals) {
    if (!put_missing(cell, value))
        snprintf(cell, CELL, "%.*f", decimals, value);
}

/* "13.42 ± 0.11"; large perplexities with the digits that mean something. */
static void put_perplexity(char *cell, const ll_report_row *row) {
    const double value = ll_report_number(row, "perplexity"),
                 spread = ll_report_number(row, "perplexity_stderr");
    if (put_missing(cell, value))
        return;
    int used;
    if (value >= 1e6)
        used = snprintf(cell, CELL, "%.2e", value);
    else
        used = snprintf(cell, CELL, "%.*f", value < 100 ? 2 : value < 1000 ? 1 : 0, value);
    if (!isfinite(spread))
        return;
    if (value >= 1e6)
        snprintf(cell + used, CELL - (size_t)used, " ± %.1e", spread);
    else
        snprintf(cell + used, CELL - (size_t)used, " ± %.*f", value < 100 ? 2 : value < 1000 ? 1 : 0, spread);
}

/* "+0.123 ± 0.002", nats */
static void put_difference(char *cell, const ll_report_row *row) {
    const double value = ll_report_number(row, "loss_difference"),
                 error = ll_report_number(row, "loss_difference_stderr");
    if (put_missing(cell, value))
        return;
    const int used = snprintf(cell, CELL, "%+.3f", value);
    if (isfinite(error))
        snprintf(cell + used, CELL - (size_t)used, " ± %.3f", error);
}

void ll_report_put_speedup(char cell[LL_REPORT_CELL], const ll_report_row *row) {
    const double value = ll_report_number(row, "speedup"), low = ll_report_number(row, "speedup_q1"),
                 high = ll_report_number(row, "speedup_q3");
    if (put_missing(cell, value))
        return;
    const int used = snprintf(cell, CELL, "%.3f", value);
    if (isfinite(low) && isfinite(high) && low != high)
        snprintf(cell + used, CELL - (size_t)used, " (%.3f-%.3f)", low, high);
}

void ll_report_put_bytes(char cell[LL_REPORT_CELL], double bytes) {
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = bytes;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        value /= 1024;
    snprintf(cell, CELL, "%.*f %s", unit && value < 100 ? 1 : 0, value, units[unit]);
}

/* "11.8 MiB (73 %)" */
static void put_kv(char *cell, double bytes, double full) {
    if (put_missing(cell, bytes))
        return;
    ll_report_put_bytes(cell, bytes);
    const size_t used = strlen(cell);
    if (full > 0)
        snprintf(cell + used, CELL - used, " (%.0f%%)", 100 * bytes / full);
}

/* Percent of perplexity lost for a percent of speed gained; none where nothing was gained. */
static double gamma_of(const ll_report_entry *entry, const ll_report_entry *full) {
    const double before = full ? ll_report_number(&full->quality, "perplexity") : (double)NAN;
    const double after = ll_report_number(&entry->quality, "perplexity");
    const double gain = ll_report_number(&entry->speed, "speedup") - 1;
    return entry != full && gain > 0 && before > 0 ? (after / before - 1) / gain : (double)NAN;
}

/* The lowest perplexity among at least two kinds that drop as many modules. */
static bool is_best(const ll_report_data *data, const ll_report_entry *entry) {
    const double mine = ll_report_number(&entry->quality, "perplexity");
    size_t rivals = 0;
    for (size_t i = 0; i < data->count; i++) {
        const ll_report_entry *other = &data->entries[i];
        const double theirs = ll_report_number(&other->quality, "perplexity");
        if (other == entry || other->dropped != entry->dropped || !isfinite(theirs))
            continue;
        rivals++;
        if (theirs < mine)
            return false;
    }
    return rivals > 0 && isfinite(mine);
}

static void embolden(char *cell) {
    char plain[CELL];
    strcpy(plain, cell);
    snprintf(cell, CELL, "**%.*s**", CELL - 5, plain);
}

static void fill_line(line out, const ll_report_data *data, const ll_report_entry *entry) {
    const ll_report_entry *full = ll_report_full(data);
    const ll_report_row *speed = &entry->speed;
    char model[LL_CSV_CELL];
    ll_report_model(data, model, sizeof model);
    snprintf(out[KIND], CELL, "%s", entry->dropped ? entry->kind : "full model");
    snprintf(out[DROPPED], CELL, "%zu", entry->dropped);
    put_perplexity(out[PERPLEXITY], &entry->quality);
    put_difference(out[DIFFERENCE], &entry->quality);
    put_number(out[KL], ll_report_number(&entry->quality, "kl"), 4);
    put_number(out[TOP1], 100 * ll_report_number(&entry->quality, "top1"), 1);
    ll_report_put_speedup(out[SPEEDUP], speed);
    put_number(out[PREFILL], ll_report_number(speed, "speedup_prefill"), 3);
    put_number(out[DECODE], ll_report_number(speed, "speedup_decode"), 3);
    put_number(out[PREDICTED], ll_report_number(speed, "speedup_predicted"), 3);
    put_number(out[PAPER], ll_paper_speedup(&data->paper, model, entry->kind, entry->dropped), 2);
    put_kv(out[KV_CACHE], ll_report_number(speed, "kv_bytes"),
           full ? ll_report_number(&full->speed, "kv_bytes") : 0);
    const double cost = gamma_of(entry, full);
    put_number(out[GAMMA], cost, fabs(cost) < 100 ? 2 : 0);
    if (is_best(data, entry))
        for (int i = KIND; i <= PERPLEXITY; i++)
            embolden(out[i]);
}

static bool print_lines(ll_sheet *sheet, const line *lines, size_t count, const bool chosen[COLUMNS]) {
    const char **cells = malloc(count * COLUMNS * sizeof *cells);
    if (!cells)
        return false;
    size_t used = 0;
    for (size_t l = 0; l < count; l++)
        for (int i = 0; i < COLUMNS; i++)
            if (chosen[i])
                cells[used++] = lines[l][i];
    const bool good = ll_sheet_table(sheet, "What dropping costs and gains", cells, count, used / count);
    free(cells);
    return good;
}

bool ll_report_print_table(ll_sheet *sheet, const ll_report_data *data) {
    bool chosen[COLUMNS];
    line *lines = calloc(data->count + 1, sizeof *lines);
    if (!lines)
        return false;
    choose_columns(data, chosen);
    for (int i = 0; i < COLUMNS; i++)
        strcpy(lines[0][i], heads[i]);
    for (size_t i = 0; i < data->count; i++)
        fill_line(lines[i + 1], data, &data->entries[i]);
    const bool good = print_lines(sheet, (const line *)lines, data->count + 1, chosen);
    free(lines);
    return good;
}

/* ---- shares of the machine's limits ---- */
static const struct {
    const char *head, *column;
    double factor;
    int decimals;
} shares[] = {{"prefill, tokens/s", "prefill_tokens_per_s", 1, 1},
              {"decode, tokens/s", "decode_tokens_per_s", 1, 1},
              {"prefill: % of the int8 peak", "int8_share", 100, 1},
              {"decode: % of the bandwidth", "bandwidth_share", 100, 1},
              {"int8 peak, GOPS", "peak_gops", 1, 0},
              {"f32 peak, GOPS", "f32_peak_gops", 1, 0},
              {"bandwidth, GB/s", "bandwidth_gbs", 1, 1},
              {"MB read a token", "bytes_per_token", 1e-6, 1},
              {"MOP a token", "ops_per_token", 1e-6, 0}};
enum { SHARES = sizeof shares / sizeof *shares, SHARE_COLUMNS = SHARES + 2 };
typedef char share_line[SHARE_COLUMNS][CELL];

static void fill_shares(share_line out, const ll_report_entry *entry) {
    snprintf(out[0], CELL, "%s", entry->dropped ? entry->kind : "full model");
    snprintf(out[1], CELL, "%zu", entry->dropped);
    for (size_t i = 0; i < SHARES; i++)
        put_number(out[i + 2], shares[i].factor * ll_report_number(&entry->speed, shares[i].column),
                   shares[i].decimals);
}

bool ll_report_print_shares(ll_sheet *sheet, const ll_report_data *data) {
    share_line *lines = calloc(data->count + 1, sizeof *lines);
    const char **cells = malloc((data->count + 1) * SHARE_COLUMNS * sizeof *cells);
    size_t count = 1;
    if (lines && cells) {
        strcpy(lines[0][0], "kind");
        strcpy(lines[0][1], "dropped");
        for (size_t i = 0; i < SHARES; i++)
            snprintf(lines[0][i + 2], CELL, "%s", shares[i].head);
        for (size_t i = 0; i < data->count; i++)
            if (data->entries[i].speed.csv)
                fill_shares(lines[count++], &data->entries[i]);
        for (size_t i = 0; i < count * SHARE_COLUMNS; i++)
            cells[i] = lines[i / SHARE_COLUMNS][i % SHARE_COLUMNS];
    }
    const bool good = lines && cells &&
                      ll_sheet_table(sheet, "Tokens a second, and shares of the machine's limits", cells,
                                     count, SHARE_COLUMNS);
    free(cells);
    free(lines);
    return good;
}
