/* What the parts of a sweep share. */
#ifndef LL_SWEEP_PRIVATE_H
#define LL_SWEEP_PRIVATE_H
#include "csv.h"
#include "documents.h"
#include "eval/exam.h"
#include "pace.h"
#include "parts.h"
#include "plan.h"
#include "progress.h"
#include "quality.h"
#include "sweep.h"

/* What is measured of a drop; quality always is. */
enum { LL_ASKED = 1, LL_TIMED = 2 };

/* One configuration: what is dropped, and by which kind of plan. */
typedef struct {
    const char *kind; /* "none" for the full model */
    size_t dropped;
    unsigned measured; /* LL_ASKED, LL_TIMED: of the paper's own order both */
    ll_mask mask;
    char drop[LL_MASK_TEXT];
} ll_sweep_task;

enum { LL_SWEEP_PATH = 4096 };

typedef struct {
    const ll_options *options; /* with what fits in memory filled in */
    const ll_protocol *protocol;
    const char *folder;
    char model_path[LL_SWEEP_PATH];
    char model_name[LL_CSV_CELL];      /* of the list, or the file's */
    char model_sha256[LL_SHA256_TEXT]; /* "synthetic-NAME-SHAPE" for random weights */
    ll_weights_kind
        importance_weights; /* float32, the paper's; int8 where no memory of this machine holds that */
    ll_config config;
    ll_machine machine;
    ll_kernels kernels;
    size_t threads;
    size_t asked_resident, asked_batch; /* by the user; 0, LL_BATCH_MAX: by memory */
    ll_pace pace, importance_pace;      /* with the sweep's weights, with those of importance */
    ll_documents calib, text;
    ll_passages passages;                                    /* of text */
    ll_exam exam;                                            /* empty without --tasks */
    ll_csv *importance, *quality, *scores, *speed, *samples; /* open, and so locked, for the whole sweep */
    ll_csv *plans, *costs; /* so are these; costs: NULL where no order asks */
    ll_plan plan;          /* the paper's: one-shot, by cosine */
    double importance_by[LL_METRICS][LL_MODULE_KINDS][LL_MAX_LAYERS];
    ll_sweep_task *tasks; /* of this part of the sweep */
    size_t task_count, task_capacity;
    size_t planned;        /* of them those of the plan, which come first; other orders' follow */
    size_t shared;         /* tasks that each part lists; what timings chose follows them, and is part 1's */
    ll_sweep_task full;    /* the full model, in whichever part its rows are */
    ll_sweep_task *listed; /* of a part: the tasks of all parts */
    ll_sweep_task *beside; /* of a part: those beside pruned weights */
    size_t listed_count, listed_planned;
    ll_parts_sweep parts;         /* of a part: which it is, and the list */
    const ll_wanda_amount *wanda; /* how the weights are pruned before quality is measured; NULL: not */
    ll_model *model;              /* with the options' weights; NULL until something needs it */
    ll_progress progress;
    size_t computed;
    ll_error *error;
} ll_sweep;

/* Work in seconds, roughly: only the time left depends on it. */
double ll_sweep_importance_work(const ll_sweep *sweep);
double ll_sweep_document_work(const ll_sweep *sweep); /* one calibration document, for importance */
double ll_sweep_orders_work(const ll_sweep *sweep);   /* all that other orders ask for, their rows too */
double ll_sweep_quality_work(const ll_sweep *sweep);
double ll_sweep_tasks_work(const ll_sweep *sweep);
double ll_sweep_speed_work(const ll_sweep *sweep);

/* Fills in what fits: blocks with weights of their own, sequences. */
ll_status ll_sweep_fit(ll_sweep *sweep, ll_options *options, ll_protocol *protocol);
/* Once model_sha256 is known: where rows are there, what they were measured with counts, not what is free now. */
ll_status ll_sweep_fit_as_before(ll_sweep *sweep, ll_options *options, ll_protocol *protocol);

/* What rows call pruned weights in their columns weights and group: "f32-wanda-2:4", and the calibration that they were pruned by, documents x
 * tokens with the beginning of its SHA-256. */
void ll_sweep_pruned_names(const ll_sweep *sweep, char weights[LL_CSV_CELL], char group[LL_CSV_CELL]);
/* Fills these columns, of whatever weights. */
void ll_sweep_weights(ll_row *row, const ll_sweep *sweep);
/* Begins a row of speed.csv, or of costs.csv, with all that comes before what is dropped; setting: before how it was measured. */
void ll_sweep_speed_setting(ll_row *row, const ll_csv_schema *schema, const ll_sweep *sweep);
void ll_sweep_speed_key(ll_row *row, const ll_csv_schema *schema, const ll_sweep *sweep);

/* A drop of the sweep's plan. */
ll_status ll_sweep_task_of(const ll_sweep *sweep, const char *kind, size_t dropped, ll_sweep_task *task);

/* Each stage appends the rows that are missing. */
ll_status ll_sweep_importance(ll_sweep *sweep);
/* Refuses orders that the user names and that no number of modules is for. */
ll_status ll_sweep_check_orders(const ll_sweep *sweep);
/* Writes down the plans of the tasks so far, and adds those of the other orders. */
ll_status ll_sweep_orders(ll_sweep *sweep);
ll_status ll_sweep_quality(ll_sweep *sweep);
ll_status ll_sweep_tasks(ll_sweep *sweep);
ll_status ll_sweep_speed(ll_sweep *sweep);

/* A timing that was interrupted has left samples without their row at the end of samples.csv, and is run again: they go. */
ll_status ll_sweep_forget_interrupted(ll_sweep *sweep);
/* Quality rows of the same drops at --precisions, and of the full model's weights pruned as --wanda says beside float32 ones whole: the
 * sweep's model goes, and one after the other comes. */
ll_status ll_sweep_variants(ll_sweep *sweep);
double ll_sweep_variants_work(const ll_sweep *sweep, size_t rows); /* rows: of the sweep's own weights */
/* The options that the rows of precision i have, and those of pruned weights and of what stands beside them. */
ll_options ll_sweep_precision_options(const ll_sweep *sweep, size_t i);
ll_options ll_sweep_wanda_options(const ll_sweep *sweep);
/* The drops beside pruned weights, the full model first; calloc'd. */
ll_status ll_sweep_beside_wanda(const ll_sweep *sweep, ll_sweep_task **tasks, size_t *count);
/* Refuses weights that this machine's memory does not hold, before any work. */
ll_status ll_sweep_check_variants(const ll_sweep *sweep);
/* The sweep's model, loaded and pruned; before that its streams into baseline (NULL: nobody compares). */
ll_status ll_sweep_prune(ll_sweep *sweep, ll_baseline *baseline);
/* A cell is cut where it is full, and a cut key would stand for other drops too: a long one ends with its hash. */
void ll_sweep_shorten_drop(char drop[LL_MASK_TEXT]);
/* A drop to be measured; nothing where the same drop is among them. */
ll_status ll_sweep_add_task(ll_sweep *sweep, const char *kind, size_t dropped, const ll_mask *mask,
                            unsigned measured);
/* Of drop orders: microseconds that one attention layer, one MLP layer takes of the mix; measured where costs.csv lacks them. */
ll_status ll_sweep_costs(ll_sweep *sweep, double microseconds[LL_MLP + 1]);

/* The time it takes does not count into the progress. */
ll_status ll_sweep_load(ll_sweep *sweep, ll_weights_kind weights, ll_model **out);
ll_status ll_sweep_need_model(ll_sweep *sweep);
/* What importance is computed with: the sweep's model, or one of its own with other weights, and never an int8 KV-cache, of which
 * importance.csv and plans.csv know nothing. own: to be destroyed, NULL where it is the sweep's. */
ll_status ll_sweep_importance_model(ll_sweep *sweep, ll_model **own, ll_model **model);
/* Takes work that is not needed out of the total. */
void ll_sweep_skip(ll_sweep *sweep, double work);

typedef enum { LL_ROW_THERE, LL_ROW_COPIED, LL_ROW_MISSING } ll_row_state;
/* What is to be done for the row, whose key is filled: nothing, append it (a row of csv differs from it in nothing but kind
 * and dropped, since two plans drop the same modules: they share one measurement, which is copied), or measure it first.
 * stage is for the progress line; work leaves the total where nothing is measured. */
ll_row_state ll_sweep_look_up(ll_sweep *sweep, const ll_csv *csv, ll_row *row, const ll_sweep_task *task,
                              const char *stage, double work);
#endif
