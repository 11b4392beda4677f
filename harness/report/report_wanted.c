#include "report/published.h"
#include "report/rerun.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS = LL_WANTED_WORDS };

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

void ll_wanted_add(ll_wanted *wanted, const ll_published *p, size_t row, const char *const *columns,
                   size_t count, bool scaled) {
    for (size_t i = 0; i < count; i++) {
        const ll_condition c = ll_published_condition(p, row, columns[i], scaled);
        if (!c.kind || c.quantity == LL_NOT_OURS)
            continue;
        wanted->any = true;
        if (c.dropped && c.dropped < sizeof wanted->counts)
            wanted->counts[c.dropped] = true;
        add_word(wanted->orders, c.dropped && c.order && strcmp(c.order, "importance") != 0 ? c.order : "");
        add_word(strstr(c.weights, "-wanda-") ? wanted->pruned : wanted->weights,
                 strstr(c.weights, "-wanda-")     ? strstr(c.weights, "-wanda-") + 7
                 : strcmp(c.weights, "int8") == 0 ? "int8:128"
                                                  : c.weights);
        add_word(wanted->shots, c.shots ? c.shots : "");
        wanted->tasks = wanted->tasks || c.quantity == LL_TASK_ACCURACY || c.quantity == LL_AVERAGE;
    }
}

/* The options of a sweep that would bring what is wanted. */
static char *make_options(const ll_wanted *wanted, const char *shots) {
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    const char *before = "--counts ";
    if (!stream)
        return NULL;
    for (size_t n = 0; n < sizeof wanted->counts; n++)
        if (wanted->counts[n]) {
            fprintf(stream, "%s%zu", before, n);
            before = ",";
        }
    fprintf(stream, "%s", *before == ',' ? "" : "--counts 0");
    if (wanted->orders[0])
        fprintf(stream, " --orders %s", wanted->orders);
    if (wanted->weights[0])
        fprintf(stream, " --precisions %s", wanted->weights);
    if (wanted->pruned[0])
        fprintf(stream, " --wanda %s", wanted->pruned);
    if (shots)
        fprintf(stream, " --tasks banking77 --num-fewshot %s", shots);
    else if (wanted->tasks)
        fputs(" --tasks paper", stream);
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

static bool print_sweep(ll_sheet *sheet, const ll_report_data *data, const ll_wanted *wanted,
                        const char *shots) {
    char *options = make_options(wanted, shots),
         *line = options ? ll_rerun_sweep(data, options, data->speed.csv) : NULL;
    if (line)
        ll_sheet_code(sheet, line);
    free(options);
    free(line);
    return line != NULL;
}

/* A command for each number of examples; where none is wanted, one command. */
static bool print_sweeps(ll_sheet *sheet, const ll_report_data *data, const ll_wanted *wanted) {
    char shots[WORDS], *rest;
    snprintf(shots, sizeof shots, "%s", wanted->shots);
    bool good = true;
    char *word = strtok_r(shots, ",", &rest);
    do
        good = good && print_sweep(sheet, data, wanted, word);
    while (word && (word = strtok_r(NULL, ",", &rest)));
    return good;
}

/* What random weights cannot tell: the whole sweep of the model's own. */
static void print_unreal(ll_sheet *sheet, const ll_report_data *data, const char *tasks) {
    char model[LL_CSV_CELL], line[LL_CSV_CELL + 64];
    ll_report_listed_model(data, model, sizeof model);
    snprintf(line, sizeof line, "./run_all.sh %s --tasks%s", model, tasks);
    ll_sheet_put(sheet, LL_PARAGRAPH,
                 "Missing here: accuracy needs weights, and these rows are of random ones. With the model's "
                 "own (layerlab info says "
                 "from where they come):");
    ll_sheet_begin_code(sheet);
    ll_sheet_code(sheet, line);
    ll_sheet_end_code(sheet);
}

bool ll_wanted_print(ll_sheet *sheet, const ll_report_data *data, const ll_wanted *wanted) {
    if (!wanted->any)
        return true;
    if (ll_report_is_synthetic(data) && wanted->tasks) {
        print_unreal(sheet, data, "");
        return true;
    }
    ll_sheet_put(sheet, LL_PARAGRAPH, "Missing here, and what would measure it:");
    ll_sheet_begin_code(sheet);
    const bool good = print_sweeps(sheet, data, wanted);
    ll_sheet_end_code(sheet);
    return good;
}

/* ---- figures ---- */

static const struct {
    const char *figure, *ours;
    const char *command, *options; /* what would bring it; NULL: nothing has to */
    const char *task;              /* with which it is there already */
} figures[] = {
    {"Figures 2, 3 and 10: importance by calibration set and number of samples",
     "Ours by this folder's set is the map of importance; by others, with rank correlations and what their "
     "plans have in common, what its folder calibration holds:",
     "calibration",
     "--calib C4.jsonl --calib CODE.jsonl --calib INSTRUCTIONS.jsonl --calib MATHEMATICS.jsonl --samples "
     "4,16,64,256,1024 --out FOLDER/calibration",
     NULL},
    {"Figure 5: accuracy against the number dropped", "Ours are the plots of accuracy and of perplexity.",
     NULL, NULL, NULL},
    {"Figures 6 and 11: the order of dropping", "Ours is the map of which layer goes at which step.", NULL,
     NULL, NULL},
    {"Figure 7: importance over training checkpoints",
     "The paper's are of another model; of checkpoints of yours, the last one at the end:", "calibration",
     "CHECKPOINT... --out out/checkpoints", NULL},
    {"Figure 8: joint drops",
     "Ours are the rows of kind joint. The paper's drop attention layers alone first, 18 of Llama-2-13B and "
     "14 of Mistral-7B.",
     NULL, NULL, NULL},
    {"Figure 12 and Table 10: GSM8K by generation", "Ours is in the table of tasks where it was asked; else:",
     "sweep", "--counts 4,8 --tasks gsm8k", "gsm8k"},
};

static bool has_task(const ll_report_data *data, const char *name) {
    for (size_t i = 0; name && i < data->task_count; i++)
        if (strcmp(data->tasks[i].name, name) == 0)
            return true;
    return false;
}

/* Takes the line. */
static bool print_line(ll_sheet *sheet, char *line) {
    ll_sheet_begin_code(sheet);
    ll_sheet_code(sheet, line ? line : "");
    ll_sheet_end_code(sheet);
    free(line);
    return line != NULL;
}

bool ll_wanted_print_figures(ll_sheet *sheet, const ll_report_data *data) {
    bool good = true;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        ll_sheet_put(sheet, LL_PART, figures[i].figure);
        ll_sheet_put(sheet, LL_PARAGRAPH, figures[i].ours);
        if (!figures[i].command || has_task(data, figures[i].task))
            continue;
        if (figures[i].task && ll_report_is_synthetic(data))
            print_unreal(sheet, data, "=gsm8k");
        else
            good = good &&
                   print_line(sheet, strcmp(figures[i].command, "sweep") == 0
                                         ? ll_rerun_sweep(data, figures[i].options, data->speed.csv)
                                         : ll_rerun_command(data, figures[i].command, figures[i].options));
    }
    return good;
}

/* ---- what the folder as a whole has not ---- */

bool ll_report_print_missing(ll_sheet *sheet, const ll_report_data *data) {
    const bool synthetic = ll_report_is_synthetic(data), timed = data->speed.csv;
    const struct {
        bool is;
        const char *what, *options;
        bool timed;
    } lacks[] = {
        {!synthetic && !data->importance.csv, "No importance, and so no order of dropping:", "", false},
        {!synthetic && !data->quality.csv, "No perplexity:", "", false},
        {!data->speed.csv, "No timings:", "", true},
        {!synthetic && !data->task_count, "No accuracy of tasks:", "--tasks paper", timed},
        {!synthetic && !data->plans_csv,
         "No plan but the one by importance (plans.csv): other measures, random and reverse "
         "orders, iterative dropping:",
         "--orders all", timed},
    };
    bool good = true, any = synthetic;
    ll_sheet_section(sheet, "missing", "What is missing");
    if (synthetic)
        print_unreal(sheet, data, "");
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
        if (lacks[i].is) {
            any = true;
            ll_sheet_put(sheet, LL_PARAGRAPH, lacks[i].what);
            good = good && print_line(sheet, ll_rerun_sweep(data, lacks[i].options, lacks[i].timed));
        }
    if (!any)
        ll_sheet_put(sheet, LL_PARAGRAPH,
                     "Nothing as a whole: importance, perplexity, timings, tasks and other orders are all "
                     "here. Single "
                     "rows that are not are named under each of the paper's tables.");
    return good;
}
