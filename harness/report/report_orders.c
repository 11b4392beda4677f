#include "order.h"
#include "report/published.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A table a kind: a line an order, a column a number of modules. */
enum { ORDERS = 24, COUNTS = 64, CELL = LL_REPORT_CELL };
typedef struct {
    const char *kind;
    const char *orders[ORDERS]; /* as in plans.csv; all random ones are "random" */
    size_t counts[COUNTS];
    size_t order_count, count_count;
    char cells[(ORDERS + 1) * (COUNTS + 1)][CELL];
} table;

static const char *group_of(const char *order) {
    return strncmp(order, "random-", 7) == 0 ? "random" : order;
}

static void add_order(table *t, const char *order) {
    for (size_t i = 0; i < t->order_count; i++)
        if (strcmp(t->orders[i], order) == 0)
            return;
    if (t->order_count < ORDERS)
        t->orders[t->order_count++] = order;
}

static void add_count(table *t, double count) {
    if (!(count >= 1) || count > 2 * LL_MAX_LAYERS)
        return;
    for (size_t i = 0; i < t->count_count; i++)
        if (t->counts[i] == (size_t)count)
            return;
    if (t->count_count < COUNTS)
        t->counts[t->count_count++] = (size_t)count;
}

/* Whose rows plans.csv has: of this model, of the kind. The order of the paper is the first to compare with. */
static void collect(table *t, const ll_report_data *data) {
    const char *model = ll_report_text(ll_report_main(data), "model_sha256");
    add_order(t, "importance");
    for (size_t i = 0; i < ll_csv_rows(data->plans_csv); i++)
        if (strcmp(ll_csv_cell(data->plans_csv, i, "kind"), t->kind) == 0 &&
            strcmp(ll_csv_cell(data->plans_csv, i, "model_sha256"), model) == 0) {
            add_order(t, group_of(ll_csv_cell(data->plans_csv, i, "order")));
            add_count(t, ll_csv_number(data->plans_csv, i, "dropped"));
        }
    qsort(t->counts, t->count_count, sizeof *t->counts, ll_order_sizes);
}

/* Numbers of which no order was measured are left out: plans.csv has every step of some. */
static void keep_measured(table *t, const ll_report_data *data) {
    size_t kept = 0;
    for (size_t n = 0; n < t->count_count; n++) {
        bool measured = false;
        for (size_t o = 0; o < t->order_count; o++)
            measured =
                measured ||
                isfinite(
                    ll_published_of_order(data, t->kind, t->counts[n], t->orders[o], LL_PERPLEXITY).value);
        if (measured)
            t->counts[kept++] = t->counts[n];
    }
    t->count_count = kept;
}

/* "40.1, 1.16x"; of random orders the spread over seeds too. */
static void put_cell(char *out, ll_measured perplexity, double speedup, bool spread, bool best) {
    int used = 0;
    if (!isfinite(perplexity.value)) {
        snprintf(out, CELL, "NA");
        return;
    }
    used =
        snprintf(out, CELL, perplexity.value < 1e5 ? "%s%.1f" : "%s%.1e", best ? "**" : "", perplexity.value);
    if (spread && isfinite(perplexity.error))
        used += snprintf(out + used, CELL - (size_t)used, perplexity.value < 1e5 ? " ± %.1f" : " ± %.0e",
                         perplexity.error);
    if (isfinite(speedup))
        used += snprintf(out + used, CELL - (size_t)used, ", %.2fx", speedup);
    snprintf(out + used, CELL - (size_t)used, "%s", best ? "**" : "");
}

/* The order with the lowest perplexity at a number; of one alone there is no best. */
static size_t best_of(const table *t, const ll_report_data *data, size_t count) {
    double lowest = INFINITY;
    size_t best = SIZE_MAX, have = 0;
    for (size_t o = 0; o < t->order_count; o++) {
        const double value =
            ll_published_of_order(data, t->kind, t->counts[count], t->orders[o], LL_PERPLEXITY).value;
        have += isfinite(value) ? 1 : 0;
        if (value < lowest) {
            lowest = value;
            best = o;
        }
    }
    return have > 1 ? best : SIZE_MAX;
}

static void fill(table *t, const ll_report_data *data) {
    const size_t columns = t->count_count + 1;
    snprintf(t->cells[0], CELL, "chosen by");
    for (size_t o = 0; o < t->order_count; o++)
        snprintf(t->cells[(o + 1) * columns], CELL, "%.60s", t->orders[o]);
    for (size_t n = 0; n < t->count_count; n++) {
        const size_t best = best_of(t, data, n);
        snprintf(t->cells[n + 1], CELL, "%zu", t->counts[n]);
        for (size_t o = 0; o < t->order_count; o++)
            put_cell(t->cells[(o + 1) * columns + n + 1],
                     ll_published_of_order(data, t->kind, t->counts[n], t->orders[o], LL_PERPLEXITY),
                     ll_published_of_order(data, t->kind, t->counts[n], t->orders[o], LL_SPEEDUP).value,
                     strcmp(t->orders[o], "random") == 0, o == best);
    }
}

static bool print_kind(ll_sheet *sheet, const ll_report_data *data, table *t) {
    collect(t, data);
    keep_measured(t, data);
    if (t->order_count < 2 || !t->count_count)
        return true;
    fill(t, data);
    const size_t count = (t->order_count + 1) * (t->count_count + 1);
    const char **cells = malloc(count * sizeof *cells);
    char caption[64];
    for (size_t i = 0; cells && i < count; i++)
        cells[i] = t->cells[i];
    snprintf(caption, sizeof caption, "Perplexity by number dropped, kind %s", t->kind);
    ll_sheet_put(sheet, LL_PART, caption);
    const bool good = cells && ll_sheet_table(sheet, caption, cells, t->order_count + 1, t->count_count + 1);
    free(cells);
    return good;
}

/* ---- by measured cost, at equal speed ---- */

enum { COST_COLUMNS = 6, COST_LINES = 33 };

/* The joint drop by importance whose measured speedup is nearest; NULL: none was timed. */
static const ll_report_entry *as_fast(const ll_report_data *data, double speedup) {
    const ll_report_entry *best = NULL;
    double nearest = INFINITY;
    for (size_t i = 0; i < data->count; i++) {
        const double away = fabs(ll_report_number(&data->entries[i].speed, "speedup") - speedup);
        if (strcmp(data->entries[i].kind, "joint") == 0 && away < nearest) {
            nearest = away;
            best = &data->entries[i];
        }
    }
    return best;
}

static bool fill_cost(char line[COST_COLUMNS][CELL], const ll_report_data *data, size_t row) {
    const char *order = ll_csv_cell(data->plans_csv, row, "order"),
               *kind = ll_csv_cell(data->plans_csv, row, "kind");
    const double dropped = ll_csv_number(data->plans_csv, row, "dropped");
    if (strncmp(order, "cost", 4) != 0 || !(dropped >= 1) || dropped > 2 * LL_MAX_LAYERS)
        return false;
    const ll_measured speedup = ll_published_of_order(data, kind, (size_t)dropped, order, LL_SPEEDUP),
                      perplexity = ll_published_of_order(data, kind, (size_t)dropped, order, LL_PERPLEXITY);
    const ll_report_entry *joint = isfinite(speedup.value) ? as_fast(data, speedup.value) : NULL;
    if (!joint)
        return false;
    snprintf(line[0], CELL, "%.40s, %.0f dropped", order, dropped);
    put_cell(line[1], perplexity, (double)NAN, false, false);
    snprintf(line[2], CELL, "%.3f", speedup.value);
    snprintf(line[3], CELL, "joint-%zu", joint->dropped);
    put_cell(line[4], (ll_measured){ll_report_number(&joint->quality, "perplexity"), (double)NAN},
             (double)NAN, false, false);
    snprintf(line[5], CELL, "%.3f", ll_report_number(&joint->speed, "speedup"));
    return true;
}

static bool print_costs(ll_sheet *sheet, const ll_report_data *data) {
    static const char *const heads[COST_COLUMNS] = {"by cost",        "perplexity",     "speedup",
                                                    "joint, as fast", "its perplexity", "its speedup"};
    char lines[COST_LINES][COST_COLUMNS][CELL];
    const char *cells[COST_LINES * COST_COLUMNS];
    size_t count = 1;
    for (size_t c = 0; c < COST_COLUMNS; c++)
        snprintf(lines[0][c], CELL, "%s", heads[c]);
    for (size_t i = 0; i < ll_csv_rows(data->plans_csv) && count < COST_LINES; i++)
        count += fill_cost(lines[count], data, i) ? 1 : 0;
    if (count == 1)
        return true;
    for (size_t i = 0; i < count * COST_COLUMNS; i++)
        cells[i] = lines[i / COST_COLUMNS][i % COST_COLUMNS];
    ll_sheet_put(sheet, LL_PART, "By measured cost, against joint drops as fast");
    return ll_sheet_table(sheet, "By measured cost, against joint drops as fast", cells, count, COST_COLUMNS);
}

bool ll_report_print_orders(ll_sheet *sheet, const ll_report_data *data) {
    table *t = malloc(sizeof *t);
    bool good = t != NULL;
    if (data->plans_csv)
        ll_sheet_section(sheet, "orders", "Other ways of choosing what goes");
    for (int kind = 0; good && data->plans_csv && kind < LL_DROP_KINDS; kind++) {
        memset(t, 0, sizeof *t);
        t->kind = ll_drop_kind_name((ll_drop_kind)kind);
        good = print_kind(sheet, data, t);
    }
    good = good && (!data->plans_csv || print_costs(sheet, data));
    if (data->plans_csv)
        ll_sheet_put(sheet, LL_NOTE,
                     "Perplexity, then speedup of the whole generation where it was timed. **importance**: "
                     "the paper's order, 1 - cosine "
                     "with the residual; **no-residual**: without it (its table 6); **magnitude**, "
                     "**reverse**, **random** (mean and "
                     "spread of its seeds): its table 7; **iterative**: computed again after each drop; "
                     "**consecutive**: neighbours; "
                     "**cost**: quality lost a microsecond saved on this machine, to be compared at equal "
                     "speed. Bold: the lowest at that "
                     "number.");
    free(t);
    return good;
}
