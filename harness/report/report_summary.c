#include "report/report_private.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *kind, *name;
} kinds[] = {{"attn", "attention layers"}, {"mlp", "MLP layers"}, {"block", "blocks"}};
enum { KINDS = sizeof kinds / sizeof *kinds, OF_THE_PAPER = 8 };

/* Whether an entry before drops the same modules: two kinds' plans then share one measurement, which counts once. */
static bool is_again(const ll_report_data *data, size_t index) {
    const ll_report_entry *e = &data->entries[index];
    const char *drop = ll_report_text(e->quality.csv ? &e->quality : &e->speed, "drop");
    for (size_t i = 0; i < index; i++) {
        const ll_report_entry *other = &data->entries[i];
        if (strcmp(ll_report_text(other->quality.csv ? &other->quality : &other->speed, "drop"), drop) == 0)
            return true;
    }
    return false;
}

static double perplexity_of(const ll_report_entry *entry) {
    return entry ? ll_report_number(&entry->quality, "perplexity") : (double)NAN;
}

/* The number to speak of: of those that most of the kinds have by that measure, the one nearest to the paper's 8. 0: there is none. */
static size_t choose_number(const ll_report_data *data, double (*measure)(const ll_report_entry *entry),
                            size_t least) {
    size_t best = 0, most = 0;
    for (size_t i = 0; i < data->count; i++) {
        const size_t n = data->entries[i].dropped;
        size_t have = 0;
        for (size_t k = 0; k < KINDS; k++)
            have += isfinite(measure(ll_report_find_entry(data, kinds[k].kind, n))) ? 1 : 0;
        const bool nearer = labs((long)n - OF_THE_PAPER) < labs((long)best - OF_THE_PAPER);
        if (n && have >= least && (have > most || (have == most && nearer))) {
            best = n;
            most = have;
        }
    }
    return best;
}

static void say_number(ll_sheet *sheet, double value) {
    ll_sheet_sayf(sheet, value >= 1e6 ? "%.2e" : value < 100 ? "%.1f" : "%.0f", value);
}

/* ---- 1: the best kind ---- */
static void say_kinds(ll_sheet *sheet, const ll_report_data *data) {
    const size_t n = choose_number(data, perplexity_of, 2);
    const char *joint = "; ";
    size_t best = 0;
    if (!n) {
        ll_sheet_say(sheet, "Which kind of module costs least is not known: no number of modules has a "
                            "perplexity for two kinds.");
        return;
    }
    for (size_t k = 0; k < KINDS; k++) {
        const double value = perplexity_of(ll_report_find_entry(data, kinds[k].kind, n)),
                     lowest = perplexity_of(ll_report_find_entry(data, kinds[best].kind, n));
        if (!(value >= lowest) && isfinite(value))
            best = k;
    }
    ll_sheet_sayf(sheet, "Of %zu modules of one kind, **%s cost least**: perplexity ", n, kinds[best].name);
    say_number(sheet, perplexity_of(ll_report_find_entry(data, kinds[best].kind, n)));
    if (isfinite(perplexity_of(ll_report_full(data)))) {
        ll_sheet_say(sheet, ", of the full model ");
        say_number(sheet, perplexity_of(ll_report_full(data)));
    }
    for (size_t k = 0; k < KINDS; k++) {
        const double value = perplexity_of(ll_report_find_entry(data, kinds[k].kind, n));
        if (k == best || !isfinite(value))
            continue;
        ll_sheet_sayf(sheet, "%swithout %s ", joint, kinds[k].name);
        say_number(sheet, value);
        joint = ", ";
    }
    ll_sheet_say(sheet, ".");
}

/* ---- 2: attention layers beside the paper's ---- */
static double speedup_of(const ll_report_entry *entry) {
    return entry ? ll_report_number(&entry->speed, "speedup") : (double)NAN;
}

/* The model's own, where the paper has it; else those of its first table. */
static void say_theirs(ll_sheet *sheet, const ll_report_data *data, size_t n) {
    enum { FIRST_TABLE = 2 }; /* models */
    char model[LL_CSV_CELL];
    const char *before = "; the paper's, on GPUs: ";
    size_t said = 0;
    ll_report_listed_model(data, model, sizeof model);
    const bool own = isfinite(ll_paper_speedup(&data->paper, model, "attn", n));
    for (size_t i = 0; i < data->paper.count && said < FIRST_TABLE; i++) {
        const ll_paper_row *row = &data->paper.rows[i];
        if (row->kind != LL_ATTN || row->dropped != n || (own && strcmp(model, row->model) != 0))
            continue;
        ll_sheet_sayf(sheet, "%s%.2f of ", before, row->speedup);
        ll_sheet_quote(sheet, row->model);
        before = ", ";
        said++;
    }
}

static const ll_report_entry *attention_entry(const ll_report_data *data) {
    const ll_report_entry *best = NULL;
    for (size_t i = 0; i < data->count; i++) {
        const ll_report_entry *e = &data->entries[i];
        if (strcmp(e->kind, "attn") == 0 && isfinite(speedup_of(e)) &&
            (!best || labs((long)e->dropped - OF_THE_PAPER) < labs((long)best->dropped - OF_THE_PAPER)))
            best = e;
    }
    return best;
}

static void say_attention(ll_sheet *sheet, const ll_report_data *data) {
    const ll_report_entry *entry = attention_entry(data);
    if (!entry) {
        ll_sheet_say(sheet, "What attention layers gain is not known: there is no timing without any.");
        return;
    }
    ll_sheet_sayf(sheet, "Without %zu attention layers a whole generation is **%.2f times as fast**",
                  entry->dropped, speedup_of(entry));
    const double low = ll_report_number(&entry->speed, "speedup_q1"),
                 high = ll_report_number(&entry->speed, "speedup_q3");
    const bool quartiles = isfinite(low) && isfinite(high);
    ll_sheet_say(sheet, " (");
    if (quartiles)
        ll_sheet_sayf(sheet, "quartiles %.2f and %.2f", low, high);
    else
        ll_sheet_say(sheet, "measured once");
    say_theirs(sheet, data, entry->dropped);
    ll_sheet_say(sheet, ")");
    const ll_report_average average = ll_report_average_of(data, entry);
    if (isfinite(average.difference) && isfinite(average.difference_error))
        ll_sheet_sayf(sheet, ", and average accuracy changes by %+.1f ± %.1f points",
                      100 * average.difference, 100 * average.difference_error);
    ll_sheet_say(sheet, ".");
}

/* ---- 3: predicted and measured ---- */
static int compare_reals(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void say_predicted(ll_sheet *sheet, const ll_report_data *data) {
    double *off = calloc(data->count + 1, sizeof *off), worst = -1;
    const ll_report_entry *at = NULL;
    size_t count = 0;
    for (size_t i = 0; off && i < data->count; i++) {
        const ll_report_entry *e = &data->entries[i];
        const double away = fabs(speedup_of(e) / ll_report_number(&e->speed, "speedup_predicted") - 1);
        if (!e->dropped || !isfinite(away) || is_again(data, i))
            continue;
        off[count++] = away;
        if (away > worst) {
            worst = away;
            at = e;
        }
    }
    if (!count) {
        ll_sheet_say(sheet, "How well bytes and operations predict speed is not known: there is no timing "
                            "with a prediction.");
    } else {
        qsort(off, count, sizeof *off, compare_reals);
        ll_sheet_sayf(sheet,
                      "Bytes and operations alone **predict the measured speedup within %.1f %%** in half of "
                      "%zu rows, and within "
                      "%.1f %% in all (%s %zu).",
                      100 * off[(count - 1) / 2], count, 100 * worst, at->kind, at->dropped);
    }
    free(off);
}

/* ---- 4: the KV-cache ---- */
static void say_cache(ll_sheet *sheet, const ll_report_data *data) {
    const ll_report_entry *full = ll_report_full(data), *entry = attention_entry(data);
    const double before = full ? ll_report_number(&full->speed, "kv_bytes") : (double)NAN,
                 after = entry ? ll_report_number(&entry->speed, "kv_bytes") : (double)NAN;
    if (!isfinite(before) || !isfinite(after) || !(before > 0)) {
        ll_sheet_say(sheet, "What the KV-cache loses is not known: there are no rows of speed of the full "
                            "model and of one without "
                            "attention layers.");
        return;
    }
    char from[LL_REPORT_CELL], to[LL_REPORT_CELL];
    ll_report_put_bytes(from, before);
    ll_report_put_bytes(to, after);
    ll_sheet_sayf(sheet, "The KV-cache shrinks **from %s to %s** without %zu attention layers, to %.0f %%",
                  from, to, entry->dropped, 100 * after / before);
    ll_report_say_row(sheet, &entry->speed, " (@ elements, batch @, @ prompt tokens and @ generated)",
                      (const char *const[]){"kv", "batch", "prompt", "generate"});
    ll_sheet_say(sheet, "; MLP layers have none.");
}

/* ---- 5: what is more than chance ---- */
typedef struct {
    size_t count, sure, worse;
} tally;

static void count_tasks(tally *t, const ll_report_data *data) {
    for (size_t i = 0; i < data->count; i++)
        for (size_t task = 0; data->entries[i].dropped && !is_again(data, i) && task < data->task_count;
             task++) {
            const ll_report_row row = ll_report_task_row(data, &data->entries[i], task);
            const double p = ll_report_number(&row, "p_value");
            t->count += isfinite(p) != 0;
            t->sure += p < 0.05;
            t->worse += p < 0.05 && ll_report_number(&row, "difference") < 0;
        }
}

/* Each token's loss less the full model's on it. */
static void count_losses(tally *t, const ll_report_data *data) {
    for (size_t i = 0; i < data->count; i++) {
        const double difference = ll_report_number(&data->entries[i].quality, "loss_difference"),
                     error = ll_report_number(&data->entries[i].quality, "loss_difference_stderr");
        if (!data->entries[i].dropped || !isfinite(difference) || !isfinite(error) || is_again(data, i))
            continue;
        t->count++;
        t->sure += fabs(difference) > 1.96 * error;
        t->worse += difference > 1.96 * error;
    }
}

static void say_sure(ll_sheet *sheet, const ll_report_data *data) {
    tally tasks = {0, 0, 0}, text = {0, 0, 0};
    count_tasks(&tasks, data);
    count_losses(&text, data);
    if (!tasks.count && !text.count) {
        ll_sheet_say(sheet, "Whether differences of quality are more than chance is not known: there is no "
                            "paired row of quality.");
        return;
    }
    if (text.count)
        ll_sheet_sayf(sheet,
                      "Token by token of the text, the loss of **%zu of %zu drops** differs from the full "
                      "model's by more than chance "
                      "(1.96 paired errors; %zu for the worse)%s",
                      text.sure, text.count, text.worse, tasks.count ? "; " : ".");
    if (tasks.count)
        ll_sheet_sayf(sheet,
                      "%s **%zu of %zu** differences of accuracy have p < 0.05 (%zu for the worse), where "
                      "chance alone gives %.0f.",
                      text.count ? "question by question," : "Question by question,", tasks.sure, tasks.count,
                      tasks.worse, 0.05 * (double)tasks.count);
}

void ll_report_print_summary(ll_sheet *sheet, const ll_report_data *data) {
    static void (*const sentences[])(ll_sheet *, const ll_report_data *) = {
        say_kinds, say_attention, say_predicted, say_cache, say_sure};
    ll_sheet_section(sheet, "summary", "Summary");
    ll_sheet_begin_list(sheet);
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
        ll_sheet_begin(sheet, LL_ITEM);
        sentences[i](sheet, data);
        ll_sheet_end(sheet, LL_ITEM);
    }
    ll_sheet_end_list(sheet);
}
