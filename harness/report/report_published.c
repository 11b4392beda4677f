#include "model.h"
#include "model_list.h"
#include "report/published.h"
#include "report/rerun.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- a table: of every published row the paper's line and ours ---- */

enum { CELL = LL_REPORT_CELL, EXTRA = 1, HEADS = 2, WORDS = 256 };

typedef enum {
    THEIRS,
    SAME,   /* ours without as many modules */
    SCALED, /* ours without the same share of the blocks */
    AWAY,   /* how far ours is from theirs */
    BF16,   /* their KV-cache by arithmetic, as our sessions would allocate it */
    INT8,
} line_kind;

typedef struct {
    ll_published p;
    const char *columns[LL_CSV_MAX_COLUMNS + EXTRA]; /* those with numbers */
    size_t count;
    bool own; /* the paper has our model: its rows alone are shown */
    char (*cells)[CELL];
    size_t lines;
    struct { /* what rows that we have nothing of would need; lists with commas */
        bool any, tasks, counts[2 * LL_MAX_LAYERS + 1];
        char orders[WORDS], pruned[WORDS], weights[WORDS], shots[WORDS];
    } wanted;
} table;

/* Adds a word that is not in the list yet; "" is none. */
static void add_word(char list[WORDS], const char *word) {
    char text[WORDS], *rest = text;
    snprintf(text, sizeof text, "%s", list);
    for (char *known = strtok_r(text, ",", &rest); known; known = strtok_r(NULL, ",", &rest))
        if (strcmp(known, word) == 0)
            return;
    const size_t used = strlen(list);
    if (*word)
        snprintf(list + used, WORDS - used, "%s%s", used ? "," : "", word);
}

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
    bool by_method = false;
    for (size_t i = 0; i < schema->count; i++) {
        by_method = by_method || strcmp(schema->columns[i], "method") == 0;
        if (!is_name(schema->columns[i]))
            t->columns[t->count++] = schema->columns[i];
    }
    if (by_method && t->p.data->quality.csv)
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

/* The row of the whole model; SIZE_MAX: the table has none. */
static size_t baseline_of(const table *t, size_t row) {
    return strcmp(t->p.table->schema.columns[1], "method") == 0 ? ll_paper_baseline(t->p.csv, row) : SIZE_MAX;
}

/* Ours less theirs. Accuracies of another model are compared by what the drop changed in each. */
static double away(const table *t, size_t row, const char *column, ll_quantity quantity, double ours) {
    const double theirs = ll_published_theirs(&t->p, row, column);
    if (!is_accuracy(quantity) || t->own)
        return is_kv(quantity) || quantity == LL_PERPLEXITY ? (double)NAN : ours - theirs;
    const size_t full = baseline_of(t, row);
    if (full == SIZE_MAX || full == row)
        return (double)NAN;
    return (ours - ll_published_ours_full(&t->p, row, column).value) -
           (theirs - ll_published_theirs(&t->p, full, column));
}

/* Of two numbers of ours the one with the same share of the blocks is compared, where it is there. */
static ll_measured compared(const table *t, size_t row, const char *column) {
    const ll_measured scaled = ll_published_ours(&t->p, row, column, true);
    return isfinite(scaled.value) ? scaled : ll_published_ours(&t->p, row, column, false);
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
    const bool told = quantity == LL_AVERAGE || quantity == LL_PERPLEXITY;
    ll_measured m = {(double)NAN, (double)NAN};
    if (kind == THEIRS)
        m.value = quantity == LL_PERPLEXITY ? (double)NAN : ll_published_theirs(&t->p, row, column);
    else if (kind == AWAY)
        m.value = away(t, row, column, quantity, compared(t, row, column).value);
    else if (kind == BF16 || kind == INT8)
        m.value = arithmetic(t, row, quantity, kind == INT8 ? LL_KV_I8 : LL_KV_BF16);
    else
        m = ll_published_ours(&t->p, row, column, kind == SCALED);
    put_number(out, m.value, told ? m.error : (double)NAN, digits_of(quantity), kind == AWAY);
}

/* Whose a line is. */
static void put_whose(char *out, const table *t, size_t row, line_kind kind) {
    static const char *const whose[] = {[THEIRS] = "paper",
                                        [SAME] = "here",
                                        [SCALED] = "here, same share of blocks",
                                        [AWAY] = "here less paper",
                                        [BF16] = "arithmetic, 16-bit",
                                        [INT8] = "arithmetic, int8"};
    const ll_condition c = ll_published_condition(&t->p, row, "perplexity", kind == SCALED);
    if (kind == SCALED && c.kind)
        snprintf(out, CELL, "here, %s-%zu of %zu", c.kind, c.dropped, t->p.blocks);
    else
        snprintf(out, CELL, "%s", whose[kind]);
}

/* Whether the line says anything; the paper's always does. */
static bool fill_line(table *t, size_t row, line_kind kind) {
    char(*line)[CELL] = t->cells + t->lines * (t->count + HEADS);
    bool says = kind == THEIRS;
    put_name(line[0], t, row);
    put_whose(line[1], t, row, kind);
    for (size_t i = 0; i < t->count; i++) {
        fill_cell(line[i + HEADS], t, row, t->columns[i], kind);
        says = says || strcmp(line[i + HEADS], "NA") != 0;
    }
    t->lines += says;
    return says;
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

/* ---- what is missing, and the command that would measure it ---- */

/* Notes what a row that we have nothing of would need: with the same share of the blocks, of a model of the paper's as it says. */
static void want(table *t, size_t row) {
    for (size_t i = 0; i < t->count; i++) {
        const ll_condition c = ll_published_condition(&t->p, row, t->columns[i], !t->own);
        if (!c.kind || c.quantity == LL_NOT_OURS)
            continue;
        t->wanted.any = true;
        if (c.dropped && c.dropped < sizeof t->wanted.counts)
            t->wanted.counts[c.dropped] = true;
        add_word(t->wanted.orders, c.dropped && c.order && strcmp(c.order, "importance") != 0 ? c.order : "");
        add_word(strstr(c.weights, "-wanda-") ? t->wanted.pruned : t->wanted.weights,
                 strstr(c.weights, "-wanda-") ? strstr(c.weights, "-wanda-") + 7 : c.weights);
        add_word(t->wanted.shots, c.shots ? c.shots : "");
        t->wanted.tasks = t->wanted.tasks || is_accuracy(c.quantity);
    }
}

/* The options of a sweep that would bring what is wanted. */
static char *make_options(const table *t, const char *shots) {
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    const char *before = "--counts ";
    if (!stream)
        return NULL;
    for (size_t n = 0; n < sizeof t->wanted.counts; n++)
        if (t->wanted.counts[n]) {
            fprintf(stream, "%s%zu", before, n);
            before = ",";
        }
    fprintf(stream, "%s", *before == ',' ? "" : "--counts 0");
    if (t->wanted.orders[0])
        fprintf(stream, " --orders %s", t->wanted.orders);
    if (t->wanted.pruned[0])
        fprintf(stream, " --wanda %s", t->wanted.pruned);
    if (shots)
        fprintf(stream, " --tasks banking77 --num-fewshot %s", shots);
    else if (t->wanted.tasks)
        fputs(" --tasks paper", stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

static bool print_sweep(ll_sheet *sheet, const table *t, const char *shots, const char *weights) {
    char *options = make_options(t, shots),
         *line = options ? ll_rerun_sweep(t->p.data, options, weights) : NULL;
    if (line)
        ll_sheet_code(sheet, line);
    free(options);
    free(line);
    return line != NULL;
}

/* A command for each of the words; where there is none, one command. */
static bool print_sweeps(ll_sheet *sheet, const table *t) {
    char shots[sizeof t->wanted.shots], weights[sizeof t->wanted.weights];
    strcpy(shots, t->wanted.shots);
    strcpy(weights, t->wanted.weights);
    bool good = true;
    char *rest = shots, *word = strtok_r(shots, ",", &rest);
    do {
        strcpy(weights, t->wanted.weights);
        char *others = weights, *other = strtok_r(weights, ",", &others);
        do
            good = good && print_sweep(sheet, t, word, other);
        while (other && (other = strtok_r(NULL, ",", &others)));
    } while (word && (word = strtok_r(NULL, ",", &rest)));
    return good;
}

static bool print_wanted(ll_sheet *sheet, const table *t) {
    char model[LL_CSV_CELL];
    bool good = true;
    if (!t->wanted.any)
        return true;
    ll_report_listed_model(t->p.data, model, sizeof model);
    const bool unreal = ll_report_is_synthetic(t->p.data) && t->wanted.tasks;
    ll_sheet_put(
        sheet, LL_PARAGRAPH,
        unreal
            ? "Missing here: accuracy needs weights, and these rows are of random ones. With the model's own "
              "(layerlab info says from where they come):"
            : "Missing here, and what would measure it:");
    ll_sheet_begin_code(sheet);
    if (unreal) {
        char line[LL_CSV_CELL + 64];
        snprintf(line, sizeof line, "./run_all.sh %s --tasks", model);
        ll_sheet_code(sheet, line);
    } else {
        good = print_sweeps(sheet, t);
    }
    ll_sheet_end_code(sheet);
    return good;
}

/* A row's lines; whether any is of our measurements. */
static bool fill_row(table *t, size_t row) {
    fill_line(t, row, THEIRS);
    fill_line(t, row, BF16);
    fill_line(t, row, INT8);
    bool ours = fill_line(t, row, SAME);
    ours |= is_scaled(t, row) && fill_line(t, row, SCALED);
    if (ours)
        fill_line(t, row, AWAY);
    return ours;
}

static void fill(table *t) {
    char own[LL_CSV_CELL];
    ll_report_listed_model(t->p.data, own, sizeof own);
    for (size_t i = 0; i < ll_csv_rows(t->p.csv); i++)
        t->own = t->own || strcmp(ll_csv_cell(t->p.csv, i, "model"), own) == 0;
    snprintf(t->cells[0], CELL, "row");
    snprintf(t->cells[1], CELL, "whose");
    for (size_t i = 0; i < t->count; i++)
        snprintf(t->cells[i + HEADS], CELL, "%s", t->columns[i]);
    t->lines = 1;
    for (size_t row = 0; row < ll_csv_rows(t->p.csv); row++)
        if (is_shown(t, row) && !fill_row(t, row))
            want(t, row);
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
    if (accuracy && t->p.data->task_count && !t->own)
        ll_sheet_say(sheet, " Accuracy differs by model: what is compared is the change from the full model, "
                            "in points, of the paper's "
                            "and of ours.");
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
    t.cells = calloc((1 + 6 * ll_csv_rows(csv)) * (t.count + HEADS), sizeof *t.cells);
    bool good = t.cells != NULL;
    if (good) {
        fill(&t);
        good = print_table(sheet, &t);
        print_reasons(sheet, &t);
        good = good && print_wanted(sheet, &t);
    }
    free(t.cells);
    ll_csv_close(csv);
    return good;
}

bool ll_report_print_published(ll_sheet *sheet, const ll_report_data *data) {
    const ll_paper_table *published;
    ll_sheet_section(sheet, "paper", "The paper, table by table");
    ll_sheet_put(sheet, LL_PARAGRAPH,
                 "Published numbers beside those of this folder: without as many modules, and without the "
                 "same share of the "
                 "blocks. Averages and gammas of the paper agree with its columns, but for one: Llama-3-70B "
                 "without 40 "
                 "attention layers prints a gamma of 0.00, and its columns give 0.04.");
    for (size_t i = 0; (published = ll_paper_table_at(i)); i++)
        if (!print_published(sheet, data, published))
            return false;
    return true;
}
