#include "report/report.h"
#include "documents.h"
#include "report/report_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const plot_captions[LL_REPORT_PLOTS] = {
    "Perplexity against the number of modules dropped",
    "Speedup of the whole generation against the number of modules dropped, measured and predicted",
    "Importance of every module by layer",
    "Average accuracy of the tasks against the number of modules dropped, with guessing",
    "Accuracy of every task against the number of modules dropped, with guessing",
};

static void print_caption_quality(FILE *stream, bool tasks) {
    fprintf(
        stream,
        " **perplexity** ± standard error. **KL** divergence from the full model, nats a token. **top-1** "
        "share of tokens for which the most likely next token is the full model's. **gamma** = increase of "
        "perplexity in percent / speedup gained in percent, so lower is better (the paper's gamma takes "
        "points "
        "of task accuracy%s); NA where nothing was gained. Bold: the lowest perplexity at that number "
        "dropped.",
        tasks ? ": below" : "; perplexity is the only quality here");
}

static void print_caption(FILE *stream, const ll_report_data *data) {
    fputs(ll_report_is_synthetic(data) ? "\n**kind** attn, mlp and block: the deepest modules of that kind "
                                         "but for the last block's; weights are "
                                         "random, so there is no importance and no quality, and time does "
                                         "not depend on which modules go."
                                       : "\n**kind** attn, mlp and block: modules of that kind with the "
                                         "lowest importance; joint: attention and MLP "
                                         "layers in one list.",
          stream);
    fputs(" **speedup** of the whole generation", stream);
    if (data->speed.csv)
        fprintf(stream, " (%s prompt tokens, then %s generated; %s)", ll_report_text(&data->speed, "prompt"),
                ll_report_text(&data->speed, "generate"), ll_report_text(&data->speed, "method"));
    fputs(
        ": the full model's time over the dropped model's, the two in turns, median (quartiles); "
        "**prefill**, "
        "**decode**: the same of its two parts; **predicted** from bytes and operations alone. **paper**: "
        "the speedup "
        "that the paper published, measured on GPUs. **KV-cache** as allocated (share of the full model's).",
        stream);
    if (data->quality.csv)
        print_caption_quality(stream, data->task_count > 0);
    fputc('\n', stream);
}

/* Plots that this run did not draw may lie there from another one; they are not this report's. */
static bool print_report(FILE *stream, const ll_report_data *data, const bool drawn[LL_REPORT_PLOTS],
                         bool placed) {
    char model[LL_CSV_CELL];
    ll_report_model(data, model, sizeof model);
    fprintf(stream, "# Dropping layers of %s%s\n\n", model,
            ll_report_is_synthetic(data) ? ", synthetic weights" : "");
    ll_report_print_run(stream, data);
    if (data->count) {
        fputs("\n## What dropping costs and gains\n\n", stream);
        if (!ll_report_print_table(stream, data))
            return false;
        print_caption(stream, data);
    }
    if (data->task_count && !ll_report_print_tasks(stream, data))
        return false;
    for (int i = 0; i < LL_REPORT_PLOTS; i++)
        if (drawn[i])
            fprintf(stream, "\n![%s](%s.png)\n", plot_captions[i], ll_report_plot_names[i]);
    if (placed)
        fputs("\n![Threads and memory by node](placement.svg)\n", stream);
    return true;
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

typedef struct {
    const ll_report_data *data;
    const bool *drawn; /* [LL_REPORT_PLOTS] */
    bool placed;       /* the sweep's picture of its threads and memory lies there */
} page;

static bool print_page(FILE *stream, const void *context) {
    const page *p = context;
    return print_report(stream, p->data, p->drawn, p->placed);
}

static ll_status write_all(const ll_report_data *data, const char *out, FILE *table, ll_error *error) {
    LL_TRY(ll_folder_make(out, error));
    if (table && data->count && !ll_report_print_table(table, data))
        return ll_fail(error, LL_NO_RESOURCE, "report: no memory for the table");
    if (table && data->task_count && !ll_report_print_tasks(table, data))
        return ll_fail(error, LL_NO_RESOURCE, "report: no memory for the tasks' table");
    bool drawn[LL_REPORT_PLOTS] = {false};
    /* The table is worth having without the plots, so their failure waits. */
    const ll_status plotted = ll_report_plot(data, out, drawn, error);
    ll_error second;
    char picture[4096];
    const int length = snprintf(picture, sizeof picture, "%s/placement.svg", out);
    const page p = {data, drawn, length > 0 && (size_t)length < sizeof picture && access(picture, R_OK) == 0};
    const ll_status written = ll_report_write_page(out, "report.md", "report", print_page, &p, &second);
    if (plotted != LL_OK)
        return plotted;
    if (written != LL_OK && error)
        *error = second;
    return written;
}

ll_status ll_report_write(const char *folder, const char *out, FILE *table, ll_error *error) {
    ll_report_data data;
    LL_TRY(ll_report_load(&data, folder, error));
    const ll_status status = write_all(&data, out, table, error);
    ll_report_free(&data);
    return status;
}
