#include "report/report.h"
#include "documents.h"
#include "report/published.h"
#include "report/report_private.h"
#include "report/rerun.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LL_PLOTS_DIR
#define LL_PLOTS_DIR "harness/plots"
#endif

static const char *const plot_captions[LL_REPORT_PLOTS] = {
    "Perplexity against the number of modules dropped",
    "Speedup of the whole generation against the number of modules dropped, measured and predicted",
    "Importance of every module by layer",
    "Average accuracy of the tasks against the number of modules dropped, with guessing",
    "Accuracy of every task against the number of modules dropped, with guessing",
    "Speedup measured against the speedup that bytes and operations predict, a point a row",
    "Order of dropping: which layer goes at which step",
};

/* ---- the page ---- */

typedef struct {
    const ll_report_data *data;
    const char *out;     /* the folder that pictures lie in */
    const bool *drawn;   /* [LL_REPORT_PLOTS] */
    bool placed;         /* the sweep's picture of its threads and memory lies there */
    const char *style;   /* the HTML page's; NULL: Markdown */
    const char *lacking; /* why pictures are missing; NULL: none is */
} page;

static void say_quality(ll_sheet *sheet, bool tasks) {
    ll_sheet_sayf(sheet,
                  " **perplexity** ± standard error. **loss**: of a token, less the full model's of it, in "
                  "nats ± paired standard error. **KL** divergence from the full model, nats a token. "
                  "**top-1** share of tokens for which the most likely next token is the full model's. "
                  "**gamma** = increase of perplexity in percent / speedup gained in percent, so lower is "
                  "better (the paper's gamma takes points of task accuracy%s); NA where nothing was gained. "
                  "Bold: the lowest perplexity at that number dropped.",
                  tasks ? ": below" : "; perplexity is the only quality here");
}

static void print_caption(ll_sheet *sheet, const ll_report_data *data) {
    ll_sheet_begin(sheet, LL_NOTE);
    ll_sheet_say(
        sheet, ll_report_is_synthetic(data)
                   ? "**kind** attn, mlp and block: the deepest modules of that kind but for the last "
                     "block's; weights are random, so there is no importance and no quality, and time does "
                     "not depend on which modules go."
                   : "**kind** attn, mlp and block: modules of that kind with the lowest importance; joint: "
                     "attention and MLP layers in one list.");
    ll_sheet_say(sheet, " **speedup** of the whole generation");
    if (data->speed.csv)
        ll_report_say_row(sheet, &data->speed, " (@ prompt tokens, then @ generated; @)",
                          (const char *const[]){"prompt", "generate", "method"});
    ll_sheet_say(
        sheet, ": the full model's time over the dropped model's, the two in turns, median (quartiles); "
               "**prefill**, **decode**: the same of its two parts; **predicted** from bytes and operations "
               "alone. **paper**: the speedup that the paper published, measured on GPUs. **KV-cache** as "
               "allocated (share of the full model's).");
    if (data->quality.csv)
        say_quality(sheet, data->task_count > 0);
    ll_sheet_end(sheet, LL_NOTE);
}

static bool is_there(const char *out, const char *name) {
    char path[4096];
    return (size_t)snprintf(path, sizeof path, "%s/%s", out, name) < sizeof path && access(path, R_OK) == 0;
}

static void print_picture(ll_sheet *sheet, const page *p, const char *name, const char *ending,
                          const char *caption) {
    char file[64], path[4096], *svg = NULL;
    size_t length;
    snprintf(file, sizeof file, "%s%s", name, ending);
    if (sheet->form == LL_HTML &&
        (size_t)snprintf(path, sizeof path, "%s/%s.svg", p->out, name) < sizeof path &&
        ll_file_read(path, &svg, &length, NULL) != LL_OK)
        svg = NULL;
    ll_sheet_picture(sheet, file, caption, svg);
    free(svg);
}

/* Plots that this run did not draw may lie there from another one; they are not this report's. */
static void print_plot(ll_sheet *sheet, const page *p, const char *name) {
    for (int i = 0; i < LL_REPORT_PLOTS; i++)
        if (p->drawn[i] && strcmp(ll_report_plot_names[i], name) == 0)
            print_picture(sheet, p, name, ".png", plot_captions[i]);
}

static void print_head(ll_sheet *sheet, const page *p) {
    char model[LL_CSV_CELL];
    ll_report_model(p->data, model, sizeof model);
    ll_sheet_begin(sheet, LL_TITLE);
    ll_sheet_say(sheet, "Dropping layers of ");
    ll_sheet_quote(sheet, model);
    ll_sheet_say(sheet, ll_report_is_synthetic(p->data) ? ", synthetic weights" : "");
    ll_sheet_end(sheet, LL_TITLE);
    ll_sheet_begin(sheet, LL_PARAGRAPH);
    ll_report_say_row(sheet, ll_report_main(p->data), "@, @ threads, ISA @; measured ",
                      (const char *const[]){"cpu", "threads", "isa"});
    ll_report_say_dates(sheet, p->data);
    ll_sheet_say(sheet, ".");
    ll_sheet_end(sheet, LL_PARAGRAPH);
    if (!p->lacking)
        return;
    ll_sheet_begin(sheet, LL_PARAGRAPH);
    ll_sheet_say(sheet, "Pictures are missing: ");
    ll_sheet_quote(sheet, p->lacking);
    ll_sheet_say(sheet, ".");
    ll_sheet_end(sheet, LL_PARAGRAPH);
}

static bool print_drops(ll_sheet *sheet, const page *p) {
    if (!p->data->count)
        return true;
    ll_sheet_section(sheet, "drops", "What dropping costs and gains");
    if (!ll_report_print_table(sheet, p->data))
        return false;
    print_caption(sheet, p->data);
    print_plot(sheet, p, "quality");
    print_plot(sheet, p, "speedup");
    print_plot(sheet, p, "predicted");
    return ll_report_print_precisions(sheet, p->data);
}

static bool print_tasks(ll_sheet *sheet, const page *p) {
    if (!p->data->task_count)
        return true;
    const bool good = ll_report_print_tasks(sheet, p->data);
    print_plot(sheet, p, "accuracy");
    print_plot(sheet, p, "tasks");
    return good;
}

static bool print_importance(ll_sheet *sheet, const page *p) {
    if (p->data->importance.csv) {
        ll_sheet_section(sheet, "importance", "Importance, and the order of dropping");
        print_plot(sheet, p, "importance");
        print_plot(sheet, p, "order");
    }
    return ll_report_print_orders(sheet, p->data);
}

/* Its pictures lie in a folder of their own, drawn by the command that compares. */
static bool print_calibration(ll_sheet *sheet, const page *p) {
    static const char *const pictures[][2] = {
        {"calibration/calibration-sets", "Importance by layer, a line a calibration set"},
        {"calibration/calibration-samples", "Importance by layer, a line a number of documents"},
        {"calibration/calibration-checkpoints", "Importance by layer, a line a checkpoint"}};
    const bool good = ll_report_print_calibration(sheet, p->data);
    for (size_t i = 0; p->data->calibration_csv && i < sizeof pictures / sizeof *pictures; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s.svg", pictures[i][0]);
        if (is_there(p->out, file))
            print_picture(sheet, p, pictures[i][0], ".png", pictures[i][1]);
    }
    return good;
}

static bool print_machine(ll_sheet *sheet, const page *p) {
    ll_sheet_section(sheet, "machine", "What was run, where");
    ll_report_print_run(sheet, p->data);
    if (p->placed)
        print_picture(sheet, p, "placement", ".svg", "Threads and memory by node");
    return !p->data->speed.csv || ll_report_print_shares(sheet, p->data);
}

/* To the sections that there are. */
static void print_links(ll_sheet *sheet, const ll_report_data *data) {
    const struct {
        bool is;
        const char *id, *title;
    } sections[] = {{true, "summary", "Summary"},
                    {data->count > 0, "drops", "Costs and gains"},
                    {data->task_count > 0, "tasks", "Tasks"},
                    {data->importance.csv != NULL, "importance", "Importance"},
                    {data->plans_csv != NULL, "orders", "Other orders"},
                    {data->calibration_csv != NULL, "calibration", "Calibration"},
                    {true, "paper", "The paper"},
                    {true, "machine", "Machine"},
                    {true, "rerun", "Running again"},
                    {true, "missing", "Missing"}};
    enum { SECTIONS = sizeof sections / sizeof *sections };
    const char *links[2 * SECTIONS + 1];
    size_t count = 0;
    for (size_t i = 0; i < SECTIONS; i++)
        if (sections[i].is) {
            links[count++] = sections[i].id;
            links[count++] = sections[i].title;
        }
    links[count] = NULL;
    ll_sheet_links(sheet, links);
}

static bool print_page(FILE *stream, const void *context) {
    const page *p = context;
    ll_sheet sheet = {.stream = stream, .form = p->style ? LL_HTML : LL_MARKDOWN};
    char model[LL_CSV_CELL], title[LL_CSV_CELL + 64];
    ll_report_model(p->data, model, sizeof model);
    snprintf(title, sizeof title, "Dropping layers of %s", model);
    ll_sheet_open(&sheet, title, p->style);
    print_head(&sheet, p);
    print_links(&sheet, p->data);
    ll_report_print_summary(&sheet, p->data);
    const bool good = print_drops(&sheet, p) && print_tasks(&sheet, p) && print_importance(&sheet, p) &&
                      print_calibration(&sheet, p) && ll_report_print_published(&sheet, p->data) &&
                      print_machine(&sheet, p) && ll_report_print_reruns(&sheet, p->data) &&
                      ll_report_print_missing(&sheet, p->data);
    ll_sheet_close(&sheet);
    return good;
}

ll_status ll_report_write_page(const char *out, const char *name, const char *what, ll_report_print *print,
                               const void *context, ll_error *error) {
    char path[4096];
    const int size = snprintf(path, sizeof path, "%s/%s", out, name);
    if (size < 0 || (size_t)size >= sizeof path)
        return ll_fail(error, LL_BAD_USAGE, "%.200s...: the folder's path is too long", out);
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    const bool good = stream && print(stream, context);
    ll_status status = LL_OK;
    if ((stream && fclose(stream) != 0) || !good)
        status = ll_fail(error, LL_NO_RESOURCE, "%s: no memory for the %s", path, what);
    else
        status = ll_file_write(path, text, length, error);
    free(text);
    return status;
}

/* ---- files ---- */

static ll_status write_pages(page *p, ll_error *error) {
    char *style;
    size_t length;
    p->style = NULL;
    LL_TRY(ll_report_write_page(p->out, "report.md", "report", print_page, p, error));
    LL_TRY(ll_file_read(LL_PLOTS_DIR "/report.css", &style, &length, error));
    p->style = style;
    const ll_status status = ll_report_write_page(p->out, "report.html", "report", print_page, p, error);
    free(style);
    return status;
}

bool ll_report_makes(const char *name) {
    bool made = strcmp(name, "report.md") == 0 || strcmp(name, "report.html") == 0;
    for (int i = 0; i < LL_REPORT_PLOTS; i++) {
        const size_t length = strlen(ll_report_plot_names[i]);
        if (strncmp(name, ll_report_plot_names[i], length) == 0)
            made = made || strcmp(name + length, ".png") == 0 || strcmp(name + length, ".svg") == 0;
    }
    return made;
}

static bool print_tables(FILE *stream, const ll_report_data *data) {
    ll_sheet sheet = {.stream = stream};
    return (!data->count || ll_report_print_table(&sheet, data)) &&
           (!data->task_count || ll_report_print_tasks(&sheet, data));
}

static ll_status write_all(const ll_report_data *data, const char *out, FILE *table, ll_error *error) {
    LL_TRY(ll_folder_make(out, error));
    if (table && !print_tables(table, data))
        return ll_fail(error, LL_NO_RESOURCE, "report: no memory for the table");
    bool drawn[LL_REPORT_PLOTS] = {false};
    /* The pages are worth having without the plots, so their failure waits, and is told in them. */
    ll_error first = {""};
    const ll_status plotted = ll_report_plot(data, out, drawn, &first);
    page p = {.data = data,
              .out = out,
              .drawn = drawn,
              .placed = is_there(out, "placement.svg"),
              .lacking = plotted == LL_OK ? NULL : first.text};
    LL_TRY(write_pages(&p, error));
    if (plotted != LL_OK && error)
        *error = first;
    return plotted;
}

ll_status ll_report_write(const char *folder, const char *out, const char *name, FILE *table,
                          ll_error *error) {
    ll_report_data data;
    LL_TRY(ll_report_load(&data, folder, error));
    data.folder = name ? name : folder;
    const ll_status status = write_all(&data, out, table, error);
    ll_report_free(&data);
    return status;
}
