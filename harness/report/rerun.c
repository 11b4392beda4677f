#include "report/rerun.h"
#include "model_list.h"
#include "options_table.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

/* ---- words ---- */

void ll_rerun_put_word(FILE *stream, const char *text) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,@+=%-";
    if (*text && *text != '-' && text[strspn(text, plain)] == 0) {
        fputs(text, stream);
        return;
    }
    putc('\'', stream);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", stream);
        else
            putc((unsigned char)*text < 32 || *text == 127 ? '?' : *text, stream);
    putc('\'', stream);
}

static void put_option(FILE *stream, const char *name, const char *value) {
    fprintf(stream, " %s ", name);
    ll_rerun_put_word(stream, value);
}

static bool is(const ll_report_row *row, const char *column, const char *text) {
    return strcmp(ll_report_text(row, column), text) == 0;
}

/* name with the cell's text, where there is one. */
static void put_cell(FILE *stream, const char *name, const ll_report_row *row, const char *column) {
    if (!is(row, column, "NA"))
        put_option(stream, name, ll_report_text(row, column));
}

/* A file, where it is not the one that the command takes by itself. */
static void put_file(FILE *stream, const char *name, ll_command command, const ll_report_row *row,
                     const char *column) {
    const ll_option_spec *option = ll_option_find(name, strlen(name), command);
    const char *standard = option && option->standard ? option->standard : "";
    if (!is(row, column, ll_file_name(standard)))
        put_cell(stream, name, row, column);
}

/* ---- parts of commands ---- */

/* "layerlab quality smollm2-135m": a listed model by its name. */
static void put_start(FILE *stream, const ll_report_data *data, const char *command) {
    char model[LL_CSV_CELL];
    ll_report_listed_model(data, model, sizeof model);
    fprintf(stream, "build/layerlab %s ", command);
    ll_rerun_put_word(stream, model);
}

/* Documents and tokens of one that pruned weights' norms are of: "32x512-3f6ac5d8" in place of a group. */
static void put_calibration(FILE *stream, const ll_report_row *row) {
    char samples[LL_CSV_CELL], *length;
    snprintf(samples, sizeof samples, "%s", ll_report_text(row, "group"));
    samples[strcspn(samples, "-")] = 0;
    length = strchr(samples, 'x');
    if (!length)
        return;
    *length++ = 0;
    put_option(stream, "--samples", samples);
    put_option(stream, "--length", length);
}

/* How weights are held, pruned or not, and the KV-cache. */
static void put_weights(FILE *stream, const ll_report_row *row) {
    static const char pruned[] = "-wanda-";
    const char *weights = ll_report_text(row, "weights"), *at = strstr(weights, pruned);
    char kind[LL_CSV_CELL];
    snprintf(kind, sizeof kind, "%.*s", at ? (int)(at - weights) : (int)strlen(weights), weights);
    put_option(stream, "--weights", kind);
    if (!at) {
        put_cell(stream, "--group", row, "group");
        return;
    }
    put_option(stream, "--wanda", at + strlen(pruned));
    put_calibration(stream, row);
}

static void put_cache(FILE *stream, const ll_report_row *row) {
    put_option(stream, "--kv", is(row, "kv", "int8") ? "int8" : "16bit");
}

/* The first word of the cell is the strongest ISA; another library's matmul is named in it. */
static void put_machine(FILE *stream, const ll_report_row *row) {
    char isa[LL_CSV_CELL];
    snprintf(isa, sizeof isa, "%s", ll_report_text(row, "isa"));
    if (strstr(isa, "onednn"))
        put_option(stream, "--matmul", "onednn");
    isa[strcspn(isa, " ")] = 0;
    if (strcmp(isa, "NA") != 0)
        put_option(stream, "--isa", isa);
    put_cell(stream, "--threads", row, "threads");
    if (!is(row, "seed", "0"))
        put_cell(stream, "--seed", row, "seed");
}

/* A drop that was too long for its cell is what its plan says. */
static void put_drop(FILE *stream, const ll_report_data *data, const ll_report_row *row) {
    char path[LL_CSV_CELL * 2], drop[LL_CSV_CELL * 2];
    if (is(row, "drop", "none") || is(row, "drop", "NA"))
        return;
    if (!strstr(ll_report_text(row, "drop"), "...#")) {
        put_cell(stream, "--drop", row, "drop");
        return;
    }
    snprintf(path, sizeof path, "%.*s/plan.json", LL_CSV_CELL, data->folder);
    snprintf(drop, sizeof drop, "%s@%s", ll_report_text(row, "kind"), ll_report_text(row, "dropped"));
    put_option(stream, "--plan", path);
    put_option(stream, "--drop", drop);
}

static void put_windows(FILE *stream, const ll_report_row *row) {
    put_cell(stream, "--recipe", row, "recipe");
    put_cell(stream, "--window", row, "window");
    put_cell(stream, "--first-window", row, "first_window");
    if (!is(row, "windows", "0")) /* all of them */
        put_cell(stream, "--max-windows", row, "windows");
}

static void put_timing(FILE *stream, const ll_report_row *row) {
    put_cell(stream, "--batch", row, "batch");
    put_cell(stream, "--prompt", row, "prompt");
    put_cell(stream, "--generate", row, "generate");
    put_cell(stream, "--repetitions", row, "repetitions");
    if (is(row, "method", "exact"))
        fputs(" --exact", stream);
    if (is(row, "source", "synthetic"))
        fputs(" --synthetic", stream);
    /* "20/80": of 80 blocks. */
    char resident[LL_CSV_CELL];
    snprintf(resident, sizeof resident, "%s", ll_report_text(row, "resident"));
    char *slash = strchr(resident, '/');
    if (slash) {
        *slash = 0;
        if (strcmp(resident, slash + 1) != 0)
            put_option(stream, "--resident", resident);
    }
}

/* "all", "first 100", "100 drawn with seed 0" */
static void put_limit(FILE *stream, const ll_report_row *row) {
    const char *limit = ll_report_text(row, "limit");
    unsigned long long count, seed;
    if (sscanf(limit, "%llu drawn with seed %llu", &count, &seed) == 2)
        fprintf(stream, " --limit %llu --subset", count);
    else if (sscanf(limit, "first %llu", &count) == 1)
        fprintf(stream, " --limit %llu", count);
    put_option(stream, "--too-long", is(row, "too_long", "cut") ? "cut" : "refuse");
}

/* ---- rows ---- */

static void put_quality(FILE *stream, const ll_report_data *data, const ll_report_row *row) {
    put_start(stream, data, "quality");
    put_weights(stream, row);
    put_cache(stream, row);
    put_file(stream, "--text", LL_COMMAND_QUALITY, row, "data_file");
    put_windows(stream, row);
    put_machine(stream, row);
    if (!is(row, "drop", "none"))
        fputs(" --kl", stream);
    put_drop(stream, data, row);
}

static void put_speed(FILE *stream, const ll_report_data *data, const ll_report_row *row) {
    put_start(stream, data, "speed");
    put_weights(stream, row);
    put_cache(stream, row);
    put_timing(stream, row);
    put_machine(stream, row);
    put_drop(stream, data, row);
}

static void put_tasks(FILE *stream, const ll_report_data *data, const ll_report_row *row) {
    put_start(stream, data, "eval");
    put_cell(stream, "--tasks", row, "task");
    put_cell(stream, "--num-fewshot", row, "num_fewshot");
    put_limit(stream, row);
    put_weights(stream, row);
    put_cache(stream, row);
    put_machine(stream, row);
    put_drop(stream, data, row);
    if (!is(row, "drop", "none"))
        fputs(" --paired", stream);
}

static void put_importance(FILE *stream, const ll_report_data *data, const ll_report_row *row) {
    put_start(stream, data, "importance");
    put_weights(stream, row);
    put_file(stream, "--calib", LL_COMMAND_IMPORTANCE, row, "data_file");
    put_cell(stream, "--samples", row, "samples");
    put_cell(stream, "--length", row, "length");
    put_machine(stream, row);
}

static char *finish(FILE *stream, char **text) {
    if (stream && fclose(stream) == 0)
        return *text;
    free(*text);
    return NULL;
}

char *ll_rerun_row(const ll_report_data *data, const ll_report_row *row) {
    static const struct {
        const ll_csv_schema *schema;
        void (*put)(FILE *stream, const ll_report_data *data, const ll_report_row *row);
    } files[] = {{&ll_quality_schema, put_quality},
                 {&ll_speed_schema, put_speed},
                 {&ll_tasks_schema, put_tasks},
                 {&ll_importance_schema, put_importance}};
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    for (size_t i = 0; stream && i < sizeof files / sizeof *files; i++)
        if (files[i].schema == row->schema)
            files[i].put(stream, data, row);
    return finish(stream, &text);
}

char *ll_rerun_command(const ll_report_data *data, const char *command, const char *more) {
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (stream) {
        put_start(stream, data, command);
        fprintf(stream, " %s", more);
    }
    return finish(stream, &text);
}

char *ll_rerun_sweep(const ll_report_data *data, const char *more, bool timed) {
    const ll_report_row *held = data->quality.csv ? &data->quality : &data->speed;
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (!stream)
        return NULL;
    put_start(stream, data, "sweep");
    fprintf(stream, "%s%s", *more ? " " : "", more);
    if (data->importance.csv) {
        put_file(stream, "--calib", LL_COMMAND_SWEEP, &data->importance, "data_file");
        put_cell(stream, "--samples", &data->importance, "samples");
        put_cell(stream, "--length", &data->importance, "length");
    }
    if (held->csv) {
        put_weights(stream, held);
        put_cache(stream, held);
    }
    if (strstr(more, "--tasks") && data->answered.csv)
        put_limit(stream, &data->answered);
    if (data->quality.csv) {
        put_file(stream, "--text", LL_COMMAND_SWEEP, &data->quality, "data_file");
        put_windows(stream, &data->quality);
    }
    if (!timed)
        fputs(" --no-speed", stream);
    else if (data->speed.csv)
        put_timing(stream, &data->speed);
    if (held->csv)
        put_machine(stream, held);
    put_option(stream, "--out", data->folder);
    return finish(stream, &text);
}

/* ---- the section ---- */

static bool put_row(ll_sheet *sheet, const ll_report_data *data, const ll_report_row *row) {
    if (!row->csv)
        return true;
    char *line = ll_rerun_row(data, row);
    if (line)
        ll_sheet_code(sheet, line);
    free(line);
    return line != NULL;
}

static void begin(ll_sheet *sheet, const char *summary) {
    ll_sheet_begin_details(sheet, summary);
    ll_sheet_begin_code(sheet);
}

static void end(ll_sheet *sheet) {
    ll_sheet_end_code(sheet);
    ll_sheet_end_details(sheet);
}

static bool put_entries(ll_sheet *sheet, const ll_report_data *data, bool speed) {
    bool good = true;
    begin(sheet, speed ? "Speed: a command a row" : "Perplexity: a command a row");
    for (size_t i = 0; i < data->count; i++)
        good = good && put_row(sheet, data, speed ? &data->entries[i].speed : &data->entries[i].quality);
    end(sheet);
    return good;
}

static bool put_answers(ll_sheet *sheet, const ll_report_data *data) {
    bool good = true;
    begin(sheet, "Tasks: a command a row");
    for (size_t i = 0; i < data->count; i++)
        for (size_t t = 0; t < data->task_count; t++) {
            const ll_report_row row = ll_report_task_row(data, &data->entries[i], t);
            good = good && put_row(sheet, data, &row);
        }
    end(sheet);
    return good;
}

/* Rows have a file's name, but not where it lies. */
static void say_unlisted(ll_sheet *sheet, const ll_report_data *data) {
    char model[LL_CSV_CELL];
    ll_report_listed_model(data, model, sizeof model);
    if (ll_model_list_find(model))
        return;
    ll_sheet_begin(sheet, LL_PARAGRAPH);
    ll_sheet_quote(sheet, model);
    ll_sheet_say(sheet, " is no name of the list of models: the commands of this page need the path of its "
                        "file or folder in that place.");
    ll_sheet_end(sheet, LL_PARAGRAPH);
}

bool ll_report_print_reruns(ll_sheet *sheet, const ll_report_data *data) {
    bool good = true;
    ll_sheet_section(sheet, "rerun", "Running a row again");
    ll_sheet_put(
        sheet, LL_PARAGRAPH,
        "From the program's folder, with the texts and weights of the same SHA-256. Perplexity, tasks "
        "and importance give the same digits on the same ISA, whatever the threads; timings are the "
        "machine's and the moment's.");
    say_unlisted(sheet, data);
    if (sheet->form == LL_MARKDOWN) {
        ll_sheet_put(sheet, LL_PARAGRAPH, "report.html has the command of every row.");
        return true;
    }
    if (data->importance.csv) {
        begin(sheet, "Importance: all rows at once");
        good = put_row(sheet, data, &data->importance);
        end(sheet);
    }
    good = good && (!data->quality.csv || put_entries(sheet, data, false));
    good = good && (!data->speed.csv || put_entries(sheet, data, true));
    return good && (!data->task_count || put_answers(sheet, data));
}
