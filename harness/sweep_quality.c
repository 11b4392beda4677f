#include "cmd.h"
#include "documents.h"
#include "quality_tally.h"
#include "rows.h"
#include "run_info.h"
#include "sweep_private.h"

#include <stdlib.h>
#include <string.h>

/* A window's layers, its head, and the full model's head for KL, which serves several drops. */
double ll_sweep_quality_work(const ll_sweep *sweep) {
    const double tokens = (double)ll_passages_run(&sweep->passages), passages = (double)sweep->passages.count;
    return passages * ll_pace_prefill(&sweep->pace, tokens / passages, true) +
           sweep->pace.cost.head_ops * tokens / sweep->pace.rates.linear / (LL_LOGITS_SETS - 1);
}

/* What is measured together: the drops that have no row, or those that an interrupted run began with. */
typedef struct {
    ll_sweep *sweep;
    ll_sweep_task **tasks; /* [count], no two that drop the same */
    ll_mask *masks;        /* [count] */
    const char **drops;    /* [count] */
    size_t count;
    ll_quality *quality;  /* [count] */
    ll_baseline baseline; /* of pruned weights: before that */
    ll_quality_tally tally;
    char part[LL_SWEEP_PATH];
    char key[LL_SHA256_TEXT];
    double saved; /* when */
} stage;

static void fill_key(ll_row *row, const ll_sweep *sweep, const ll_sweep_task *task) {
    const ll_protocol *p = sweep->protocol;
    const ll_model_options wanted = ll_cmd_model_options(sweep->options, sweep->options->weights);
    ll_row_begin(row, &ll_quality_schema);
    ll_row_text(row, "model_sha256", sweep->model_sha256);
    ll_sweep_weights(row, sweep);
    ll_row_text(row, "kv", ll_kv_name(ll_kv_type_of(&wanted)));
    ll_row_text(row, "data_sha256", sweep->text.sha256);
    ll_row_text(row, "recipe", ll_recipe_name(sweep->passages.recipe));
    ll_row_int(row, "window", p->window);
    ll_row_int(row, "first_window", p->first_window);
    ll_row_int(row, "windows", sweep->passages.count);
    ll_row_text(row, "kind", task->kind);
    ll_row_int(row, "dropped", task->dropped);
    ll_row_text(row, "drop", task->drop);
}

static void fill_quality(ll_row *row, const ll_quality *q) {
    ll_row_real(row, "perplexity", q->perplexity, 9);
    ll_row_real(row, "perplexity_stderr", q->perplexity_stderr, 4);
    ll_row_real(row, "kl", q->kl, 7);
    ll_row_real(row, "kl_stderr", q->kl_stderr, 4);
    ll_row_real(row, "top1", q->top1, 7);
    ll_row_real(row, "top1_stderr", q->top1_stderr, 4);
    ll_row_real(row, "loss_difference", q->difference, 7);
    ll_row_real(row, "loss_difference_stderr", q->difference_stderr, 4);
    ll_row_int(row, "tokens", q->tokens);
    ll_row_real(row, "word_perplexity", q->word_perplexity, 9);
    ll_row_real(row, "byte_perplexity", q->byte_perplexity, 9);
    ll_row_int(row, "modules_asked", q->modules_asked);
    ll_row_int(row, "modules_computed", q->modules_computed);
}

static void fill_measured(ll_row *row, const ll_sweep *sweep, const ll_quality *q) {
    fill_quality(row, q);
    if (sweep->passages.recipe == LL_RECIPE_ROLLING) {
        ll_row_int(row, "words", sweep->passages.words);
        ll_row_int(row, "bytes", sweep->passages.bytes);
    }
    ll_row_text(row, "data_file", ll_file_name(sweep->options->text));
    ll_run_info_fill(row, sweep->model, sweep->model_name, sweep->options->seed);
}

static size_t listed(const stage *s, const char *drop) {
    size_t i = 0;
    while (i < s->count && strcmp(s->drops[i], drop) != 0)
        i++;
    return i;
}

static void list_task(stage *s, ll_sweep_task *task) {
    s->masks[s->count] = task->mask;
    s->drops[s->count] = task->drop;
    s->tasks[s->count++] = task;
}

/* Of the rows that are missing one of those that drop the same; the others are copied from it. */
static void list_missing(stage *s) {
    ll_sweep *sweep = s->sweep;
    const double work = ll_sweep_quality_work(sweep);
    for (size_t i = 0; i < sweep->task_count; i++) {
        ll_sweep_task *task = &sweep->tasks[i];
        ll_row row;
        fill_key(&row, sweep, task);
        if (ll_sweep_look_up(sweep, sweep->quality, &row, task, "quality", work) != LL_ROW_MISSING)
            continue;
        if (listed(s, task->drop) < s->count)
            ll_sweep_skip(sweep, work);
        else
            list_task(s, task);
    }
}

/* Every row in the tasks' order: measured, or copied from one that drops the same. */
static ll_status append_rows(const stage *s) {
    ll_sweep *sweep = s->sweep;
    for (size_t i = 0; i < sweep->task_count; i++) {
        ll_sweep_task *task = &sweep->tasks[i];
        ll_row row;
        fill_key(&row, sweep, task);
        const ll_row_state state = ll_sweep_look_up(sweep, sweep->quality, &row, task, "quality", 0);
        if (state == LL_ROW_THERE)
            continue;
        if (state == LL_ROW_MISSING)
            fill_measured(&row, sweep, &s->quality[listed(s, task->drop)]);
        else
            ll_row_int(&row, "modules_computed", 0);
        sweep->computed++;
        LL_TRY(ll_csv_append(sweep->quality, &row, sweep->error));
    }
    return LL_OK;
}

/* ---- an interrupted run ---- */
/* All that the sums depend on but the drops: the setting, and the ISA, which rounds in its own way. */
static void make_key(stage *s) {
    const ll_sweep_task none = {.kind = "none", .drop = "none"};
    char text[LL_CSV_MAX_COLUMNS * (LL_CSV_CELL + 1)], isa[LL_CSV_CELL];
    size_t used = 0;
    ll_row row;
    fill_key(&row, s->sweep, &none);
    for (size_t i = 0; i < ll_quality_schema.keys; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s,", row.cell[i]);
    ll_isa_text(&s->sweep->kernels, isa, sizeof isa);
    used += (size_t)snprintf(text + used, sizeof text - used, "%s", isa);
    ll_sha256_bytes(text, used, s->key);
}

static ll_sweep_task *task_of(const ll_sweep *sweep, const char *drop) {
    for (size_t i = 0; i < sweep->task_count; i++)
        if (strcmp(sweep->tasks[i].drop, drop) == 0)
            return &sweep->tasks[i];
    return NULL;
}

/* Whether what was begun holds all that is missing, and nothing that the sweep does not have. */
static bool serves(const stage *s, const ll_quality_part *part) {
    size_t found = 0;
    for (size_t i = 0; i < part->count; i++) {
        found += listed(s, part->drops[i]) < s->count;
        if (!task_of(s->sweep, part->drops[i]))
            return false;
    }
    return part->count <= s->sweep->task_count && found == s->count;
}

static void go_on(stage *s) {
    ll_quality_part part;
    ll_quality_part_read(&part, s->sweep->passages.count, s->key, s->part);
    if (serves(s, &part)) {
        s->count = 0;
        for (size_t i = 0; i < part.count; i++)
            list_task(s, task_of(s->sweep, part.drops[i]));
        s->tally.passages = part.tally.passages;
        memcpy(s->tally.sums, part.tally.sums, part.count * sizeof *part.tally.sums);
    }
    ll_quality_part_free(&part);
}

/* A passage takes minutes on a large model and less than a second on a small one. Whole sums are always kept: a run that ends
 * while its rows are written begins there. */
static ll_status save(void *context, const ll_quality_tally *tally, ll_error *error) {
    stage *s = context;
    if (ll_seconds() - s->saved < 2 && tally->passages < s->sweep->passages.count)
        return LL_OK;
    s->saved = ll_seconds();
    return ll_quality_part_write(s->drops, s->count, tally, s->key, s->part, error);
}

/* ---- the measurement ---- */
/* The tree makes the work less than that of all rows one by one. */
static ll_status plan_work(const stage *s, ll_quality_job *job) {
    ll_sweep *sweep = s->sweep;
    const double whole = (double)s->count * ll_sweep_quality_work(sweep);
    size_t modules = 0;
    LL_TRY(ll_quality_modules(job, &modules, sweep->error));
    job->work = whole * (double)modules / (double)(s->count * 2 * sweep->config.layers);
    ll_sweep_skip(sweep, whole - job->work);
    return LL_OK;
}

static ll_status measure(stage *s) {
    ll_sweep *sweep = s->sweep;
    const ll_quality_keeper keeper = {save, s};
    make_key(s);
    go_on(s);
    LL_TRY(sweep->wanda ? ll_sweep_prune(sweep, &s->baseline) : ll_sweep_need_model(sweep));
    ll_quality_job job = {.model = sweep->model,
                          .passages = &sweep->passages,
                          .masks = s->masks,
                          .count = s->count,
                          .compare = !sweep->wanda,
                          .baseline = sweep->wanda ? &s->baseline : NULL,
                          .memory = (uint64_t)sweep->options->sweep_memory << 20};
    LL_TRY(plan_work(s, &job));
    ll_progress_label(&sweep->progress, "quality of all drops");
    s->saved = ll_seconds();
    return ll_quality_run(s->quality, &job, &s->tally, &keeper, &sweep->progress, sweep->error);
}

static ll_status run_stage(stage *s) {
    list_missing(s);
    if (s->count)
        LL_TRY(measure(s));
    LL_TRY(append_rows(s));
    (void)remove(s->part); /* left over, it is worth nothing and does no harm */
    return LL_OK;
}

ll_status ll_sweep_quality(ll_sweep *sweep) {
    const size_t count = sweep->task_count;
    stage s = {.sweep = sweep,
               .tasks = calloc(count, sizeof *s.tasks),
               .masks = calloc(count, sizeof *s.masks),
               .drops = calloc(count, sizeof *s.drops),
               .quality = calloc(count, sizeof *s.quality),
               .tally = {.sums = calloc(count, sizeof *s.tally.sums)}};
    snprintf(s.part, sizeof s.part, "%s/quality.part.json", sweep->folder);
    const ll_status status = s.tasks && s.masks && s.drops && s.quality && s.tally.sums
                                 ? run_stage(&s)
                                 : ll_fail(sweep->error, LL_NO_RESOURCE, "no memory for %zu drops", count);
    free(s.tasks);
    free(s.masks);
    free(s.drops);
    free(s.quality);
    free(s.tally.sums);
    ll_baseline_free(&s.baseline);
    return status;
}
