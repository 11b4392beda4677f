#include "model.h"
#include "model_list.h"
#include "report/published.h"
#include "report/rerun.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a table: of every published row the paper's line and ours ---- */

enum { CELL = LL_REPORT_CELL, EXTRA = 1, HEADS = 2 };

typedef enum {
    THEIRS,
    SAME,        /* ours without as many modules */
    SCALED,      /* ours without the same share of the blocks */
    PERPLEXITY,  /* ours, where columns and not rows say what is dropped */
    SAME_AWAY,   /* how far ours is from theirs */
    SCALED_AWAY, /* the same of the same share */
    BF16,        /* their KV-cache by arithmetic, as our sessions would allocate it */
    INT8,
} line_kind;

typedef struct {
    ll_published p;
    const char *columns[LL_CSV_MAX_COLUMNS + EXTRA]; /* those with numbers */
    size_t count;
    bool own; /* the paper has our model: its rows alone are shown */
    char (*cells)[CELL];
    size_t lines;
    ll_wanted wanted; /* by rows that we have nothing of */
} table;

static bool is_name(const char *column) {
    static const char *const names[] = {"model",
                                        "method",
                                        "strategy",
                                        "metric",
                                        "weights",
                                        "dropped",
                                        "batch",
                                        "seq_len",
                                        "bytes_per_element",
                                        "layers_full",
                                        "layers_dropped_model"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(column, names[i]) == 0)
            return true;
    return false;
}

static void choose_columns(table *t) {
    const ll_csv_schema *schema = &t->p.table->schema;
    bool by_method = false, by_length = false;
    for (size_t i = 0; i < schema->count; i++) {
        by_method = by_method || strcmp(schema->columns[i], "method") == 0;
        by_length = by_length || ll_published_condition(&t->p, 0, schema->columns[i], false).shots;
        if (!is_name(schema->columns[i]))
            t->columns[t->count++] = schema->columns[i];
    }
    if (by_method && !by_length && t->p.data->quality.csv)
        t->columns[t->count++] = "perplexity";
}

/* "llama2-13b attn-8", "mistral-7b attn-4 iterative" */
static void put_name(char *out, const table *t, size_t row) {
    const ll_csv_schema *schema = &t->p.table->schema;
    size_t used = 0;
    for (size_t i = 0; i < schema->count && used < CELL; i++) {
        const char *column = schema->columns[i];
        if (!is_name(column) || strcmp(column, "batch") == 0 || strcmp(column, "seq_len") == 0 ||
            strcmp(column, "bytes_per_element") == 0)
            continue;
        const char *what = strcmp(column, "layers_full") == 0            ? " of "
                           : strcmp(column, "layers_dropped_model") == 0 ? " to "
                           : strcmp(column, "dropped") == 0              ? " without "
                           : used                                        ? " "
                                                                         : "";
        used += (size_t)snprintf(out + used, CELL - used, "%s%s", what, ll_csv_cell(t->p.csv, row, column));
    }
}

static int digits_of(ll_quantity quantity) {
    switch (quantity) {
    case LL_SPEEDUP:
    case LL_GAMMA:
    case LL_KV_FULL:
    case LL_KV_DROPPED:
        return 2;
    default:
        return 1;
    }
}

static bool is_accuracy(ll_quantity quantity) {
    return quantity == LL_TASK_ACCURACY || quantity == LL_AVERAGE;
}

static bool is_kv(ll_quantity quantity) {
    return quantity == LL_KV_FULL || quantity == LL_KV_DROPPED;
}

/* Whether columns and not rows say what is dropped. */
static bool columns_drop(const table *t) {
    return strcmp(t->p.table->schema.columns[1], "method") != 0;
}

static bool is_kv_table(const table *t) {
    return strcmp(t->p.table->schema.name, "table4_kv_cache") == 0;
}

/* Ours less theirs. Accuracies of another model are compared by what the drop changed in each. */
static double away(const table *t, size_t row, const char *column, ll_quantity quantity, double ours) {
    const double theirs = ll_published_theirs(&t->p, row, column);
    if (!is_accuracy(quantity) || t->own)
        return is_kv(quantity) || quantity == LL_PERPLEXITY ? (double)NAN : ours - theirs;
    const size_t full = ll_paper_baseline(t->p.table, t->p.csv, row);
    if (full == SIZE_MAX || full == row)
        return (double)NAN;
    return (ours - ll_published_ours_full(&t->p, row, column).value) -
           (theirs - ll_published_theirs(&t->p, full, column));
}

static void put_number(char *out, double value, double error, int digits, bool sign) {
    if (!isfinite(value))
        snprintf(out, CELL, "NA");
    else if (fabs(value) >= 1e6)
        snprintf(out, CELL, "%.2e", value);
    else if (isfinite(error))
        snprintf(out, CELL, sign ? "%+.*f ± %.*f" : "%.*f ± %.*f", digits, value, digits, error);
    else
        snprintf(out, CELL, sign ? "%+.*f" : "%.*f", digits, value);
}

/* In GiB, of the paper's model, batch and length. */
static double arithmetic(const table *t, size_t row, ll_quantity quantity, ll_kv_type type) {
    const ll_model_entry *model = ll_model_list_find(ll_csv_cell(t->p.csv, row, "model"));
    ll_mask mask = {0};
    if (!model || !is_kv(quantity))
        return (double)NAN;
    const ll_condition c = ll_published_condition(&t->p, row, "kv_dropped_gb", false);
    for (size_t layer = 0; quantity == LL_KV_DROPPED && layer < c.dropped && layer < model->shape.layers;
         layer++)
        mask.attn[layer] = true;
    return ll_csv_number(t->p.csv, row, "batch") *
           (double)ll_config_kv_bytes(&model->shape, type, &mask,
                                      (size_t)ll_csv_number(t->p.csv, row, "seq_len")) /
           (1 << 30);
}

/* Errors are told where they are read: of averages and of perplexity. */
static void fill_cell(char *out, const table *t, size_t row, const char *column, line_kind kind) {
    const ll_quantity quantity = ll_published_condition(&t->p, row, column, false).quantity;
    const bool told = kind != PERPLEXITY && (quantity == LL_AVERAGE || quantity == LL_PERPLEXITY);
    ll_measured m = {(double)NAN, (double)NAN};
    if (kind == THEIRS)
        m.value = quantity == LL_PERPLEXITY ? (double)NAN : ll_published_theirs(&t->p, row, column);
    else if (kind == SAME_AWAY || kind == SCALED_AWAY)
        m.value =
            away(t, row, column, quantity, ll_published_ours(&t->p, row, column, kind == SCALED_AWAY).value);
    else if (kind == PERPLEXITY)
        m = ll_published_perplexity(&t->p, row, column);
    else if (kind == BF16 || kind == INT8)
        m.value = arithmetic(t, row, quantity, kind == INT8 ? LL_KV_I8 : LL_KV_BF16);
    else
        m = ll_published_ours(&t->p, row, column, kind == SCALED);
    put_number(out, m.value, told ? m.error : (double)NAN, digits_of(quantity),
               kind == SAME_AWAY || kind == SCALED_AWAY);
}

/* Whose a line is. */
static void put_whose(char *out, const table *t, size_t row, line_kind kind) {
    static const char *const whose[] = {[THEIRS] = "paper",
                                        [SAME] = "here",
                                        [SCALED] = "here, same share",
                                        [PERPLEXITY] = "here, perplexity",
                                        [SAME_AWAY] = "here less paper",
                                        [SCALED_AWAY] = "same share less paper",
                                        [BF16] = "arithmetic, 16-bit",
                                        [INT8] = "arithmetic, int8"};
    const char *column = is_kv_table(t) ? "kv_dropped_gb" : "perplexity";
    const ll_condition c = ll_published_condition(&t->p, row, column, kind == SCALED || kind == SCALED_AWAY);
    if (kind == SCALED_AWAY && !t->own && c.kind)
        snprintf(out, CELL, "change by %s-%zu, less paper's", c.kind, c.dropped);
    else if ((kind == SAME_AWAY || kind == SCALED_AWAY) && !t->own)
        snprintf(out, CELL, "change, less paper's");
    else if ((kind == SCALED || (kind == SAME && c.kind && strcmp(c.kind, "joint") == 0)) && c.kind)
        snprintf(out, CELL, "here, %s-%zu of %zu", c.kind, c.dropped, t->p.blocks);
    else
        snprintf(out, CELL, "%s", whose[kind]);
}

/* How many of its cells say something. */
static size_t fill_line(table *t, size_t row, line_kind kind) {
    char(*line)[CELL] = t->cells + t->lines * (t->count + HEADS);
    size_t said = 0;
    put_name(line[0], t, row);
    put_whose(line[1], t, row, kind);
    for (size_t i = 0; i < t->count; i++) {
        fill_cell(line[i + HEADS], t, row, t->columns[i], kind);
        said += strcmp(line[i + HEADS], "NA") != 0;
    }
    /* The full model's cache is there without any drop. */
    if (is_kv_table(t) && strcmp(line[t->count + HEADS - 1], "NA") == 0)
        said = 0;
    t->lines += said > 0 || kind == THEIRS;
    return said;
}

/* Whether as many modules are another share of our blocks. */
static bool is_scaled(const table *t, size_t row) {
    for (size_t i = 0; i < t->count; i++)
        if (ll_published_condition(&t->p, row, t->columns[i], true).dropped !=
            ll_published_condition(&t->p, row, t->columns[i], false).dropped)
            return true;
    return false;
}

static bool is_shown(const table *t, size_t row) {
    char own[LL_CSV_CELL];
    ll_report_listed_model(t->p.data, own, sizeof own);
    return !t->own || strcmp(ll_csv_cell(t->p.csv, row, "model"), own) == 0;
}

/* Whether ours has what these columns are about: accuracies where there are any, else anything but the full model's cache. */
static bool is_measured(const table *t, size_t row, const char *const *columns, size_t count) {
    bool accuracies = false;
    for (size_t i = 0; i < count; i++)
        accuracies =
            accuracies || is_accuracy(ll_published_condition(&t->p, row, columns[i], false).quantity);
    for (size_t i = 0; i < count; i++) {
        const ll_quantity q = ll_published_condition(&t->p, row, columns[i], false).quantity;
        if ((accuracies ? is_accuracy(q) : q != LL_KV_FULL) &&
            (isfinite(ll_published_ours(&t->p, row, columns[i], false).value) ||
             isfinite(ll_published_ours(&t->p, row, columns[i], true).value)))
            return true;
    }
    return false;
}

/* Columns of one row that say themselves what is dropped are wanted each for itself, others all together. */
static void want_missing(table *t, size_t row) {
    const size_t together = columns_drop(t) && !is_kv_table(t) ? 1 : t->count;
    for (size_t i = 0; i < t->count; i += together)
        if (!is_measured(t, row, t->columns + i, together))
            ll_wanted_add(&t->wanted, &t->p, row, t->columns + i, together, !t->own);
}

/* The difference is of the one of our lines that says more; of a model's whole there is none to another model's. */
static void fill_row(table *t, size_t row) {
    fill_line(t, row, THEIRS);
    fill_line(t, row, BF16);
    fill_line(t, row, INT8);
    const size_t same = fill_line(t, row, SAME), scaled = is_scaled(t, row) ? fill_line(t, row, SCALED) : 0;
    if (columns_drop(t))
        fill_line(t, row, PERPLEXITY);
    if ((same || scaled) && (t->own || ll_paper_baseline(t->p.table, t->p.csv, row) != row))
        fill_line(t, row, scaled >= same ? SCALED_AWAY : SAME_AWAY);
}

static void fill(table *t) {
    char own[LL_CSV_CELL];
    ll_report_listed_model(t->p.data, own, sizeof own);
    for (size_t i = 0; i < ll_csv_rows(t->p.csv); i++)
        t->own = t->own || strcmp(ll_csv_cell(t->p.csv, i, "model"), own) == 0;
    snprintf(t->cells[0], CELL, "row");
    snprintf(t->cells[1], CELL, "whose");
    for (size_t i = 0; i < t->count; i++)
        snprintf(t->cells[i + HEADS], CELL, "%s", ll_published_title(&t->p, t->columns[i]));
    t->lines = 1;
    for (size_t row = 0; row < ll_csv_rows(t->p.csv); row++)
        if (is_shown(t, row)) {
            fill_row(t, row);
            want_missing(t, row);
        }
}

static bool print_table(ll_sheet *sheet, const table *t) {
    const size_t columns = t->count + HEADS;
    const char **cells = malloc(t->lines * columns * sizeof *cells);
    for (size_t i = 0; cells && i < t->lines * columns; i++)
        cells[i] = t->cells[i];
    const bool good = cells && ll_sheet_table(sheet, t->p.table->title, cells, t->lines, columns);
    free(cells);
    return good;
}

/* ---- the section ---- */

/* Why ours differs, as far as it is known: of what the table holds. */
static void print_reasons(ll_sheet *sheet, const table *t) {
    bool speed = false, accuracy = false, kv = false;
    for (size_t i = 0; i < t->count; i++) {
        const ll_quantity q = ll_published_condition(&t->p, 0, t->columns[i], false).quantity;
        speed = speed || q == LL_SPEEDUP;
        accuracy = accuracy || is_accuracy(q);
        kv = kv || is_kv(q);
    }
    ll_sheet_begin(sheet, LL_NOTE);
    ll_sheet_sayf(sheet, "The paper's: %s.", t->p.table->measured);
    if (speed && t->p.data->speed.csv)
        ll_report_say_row(sheet, &t->p.data->speed,
                          " Speed differs by machine and batch: on this CPU, at batch @, weights are most of "
                          "what a decoded "
                          "token reads, so an MLP layer's count for more and an attention layer's for less "
                          "than on a GPU whose "
                          "batch is as large as its KV-caches allow.",
                          (const char *const[]){"batch"});
    if (accuracy && t->p.data->task_count && !t->own &&
        ll_paper_baseline(t->p.table, t->p.csv, 0) != SIZE_MAX)
        ll_sheet_say(sheet, " Accuracy differs by model: what is compared is the change from the full model, "
                            "in points, of the paper's "
                            "and of ours.");
    const char *before = " Without a counterpart here: ";
    for (size_t row = 0; row < ll_csv_rows(t->p.csv); row++)
        if (!columns_drop(t) && is_shown(t, row) &&
            !ll_published_condition(&t->p, row, "perplexity", false).kind) {
            ll_sheet_say(sheet, before);
            ll_sheet_quote(sheet, ll_csv_cell(t->p.csv, row, "method"));
            before = ", ";
        }
    ll_sheet_say(sheet, *before == ',' ? "." : "");
    if (kv)
        ll_sheet_say(sheet, " In GiB; arithmetic: what our sessions would allocate for the paper's model, "
                            "batch and length, scales "
                            "of int8 included. Of Llama-2-13B it gives 50 where the paper prints 52.");
    ll_sheet_end(sheet, LL_NOTE);
}

static bool print_published(ll_sheet *sheet, const ll_report_data *data, const ll_paper_table *published) {
    table t = {.p = {.data = data, .table = published, .blocks = ll_report_blocks(data)}};
    ll_csv *csv;
    ll_error error;
    ll_sheet_put(sheet, LL_PART, published->title);
    if (ll_paper_open(&csv, published, &error) != LL_OK) {
        ll_sheet_begin(sheet, LL_PARAGRAPH);
        ll_sheet_quote(sheet, error.text);
        ll_sheet_end(sheet, LL_PARAGRAPH);
        return true;
    }
    t.p.csv = csv;
    choose_columns(&t);
    t.cells = calloc((1 + 7 * ll_csv_rows(csv)) * (t.count + HEADS), sizeof *t.cells);
    bool good = t.cells != NULL;
    if (good) {
        fill(&t);
        good = print_table(sheet, &t);
        print_reasons(sheet, &t);
        good = good && ll_wanted_print(sheet, data, &t.wanted);
    }
    free(t.cells);
    ll_csv_close(csv);
    return good;
}

static void say_misprint(ll_sheet *sheet, const ll_csv *csv, size_t row, const char *column,
                         double recomputed) {
    ll_sheet_say(sheet, "; not so ");
    ll_sheet_say_cells(
        sheet, "@ @, ",
        (const char *const[]){ll_csv_cell(csv, row, "model"), ll_csv_cell(csv, row, "method")});
    ll_sheet_sayf(sheet, "%s %s where they give %.2f", column, ll_csv_cell(csv, row, column), recomputed);
}

/* How many printed averages and gammas follow from their columns; those that do not are said when say is set. */
static size_t check_published(ll_sheet *sheet, bool say) {
    static const char *const columns[] = {"avg", "gamma"};
    size_t agree = 0;
    const ll_paper_table *published;
    ll_csv *csv;
    for (size_t i = 0; (published = ll_paper_table_at(i)); i++) {
        if (ll_paper_open(&csv, published, NULL) != LL_OK)
            continue;
        for (size_t row = 0; row < ll_csv_rows(csv); row++)
            for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
                double recomputed;
                const bool good = ll_paper_agrees(published, csv, row, columns[c], &recomputed);
                agree += good && isfinite(recomputed) ? 1 : 0;
                if (say && !good)
                    say_misprint(sheet, csv, row, columns[c], recomputed);
            }
        ll_csv_close(csv);
    }
    return agree;
}

bool ll_report_print_published(ll_sheet *sheet, const ll_report_data *data) {
    const ll_paper_table *published;
    ll_sheet_section(sheet, "paper", "The paper, table by table");
    ll_sheet_begin(sheet, LL_PARAGRAPH);
    ll_sheet_say(sheet, "Published numbers beside those of this folder: without as many modules, and without "
                        "the same share of the blocks.");
    ll_sheet_sayf(sheet,
                  " %zu of the paper's averages and gammas are what its columns give, computed again here",
                  check_published(sheet, false));
    check_published(sheet, true);
    ll_sheet_say(sheet, ".");
    ll_sheet_end(sheet, LL_PARAGRAPH);
    for (size_t i = 0; (published = ll_paper_table_at(i)); i++)
        if (!print_published(sheet, data, published))
            return false;
    return ll_wanted_print_figures(sheet, data);
}
