/* What the parts of a sweep share. */
#ifndef LL_SWEEP_PRIVATE_H
#define LL_SWEEP_PRIVATE_H
#include "csv.h"
#include "plan.h"
#include "progress.h"
#include "quality.h"
#include "sweep.h"

/* One configuration: what is dropped, and by which kind of plan. */
typedef struct {
    const char *kind; /* "none" for the full model */
    size_t dropped;
    ll_mask mask;
    char drop[LL_MASK_TEXT];
} ll_sweep_task;

enum { LL_SWEEP_PATH = 4096 };

typedef struct {
    const ll_options *options;
    const ll_protocol *protocol;
    const char *folder;
    char model_path[LL_SWEEP_PATH];
    char model_sha256[LL_SHA256_TEXT];
    ll_config config;
    ll_machine machine;
    ll_kernels kernels;
    size_t threads;
    ll_plan plan;
    ll_sweep_task *tasks;
    size_t task_count;
    ll_model *model; /* with the options' weights; NULL until something needs it */
    ll_progress progress;
    size_t computed;
    ll_error *error;
} ll_sweep;

/* Work in units of one token's int8 prefill, roughly: only the time left depends on it. */
double ll_sweep_importance_work(const ll_sweep *sweep);
double ll_sweep_quality_work(const ll_sweep *sweep);
double ll_sweep_speed_work(const ll_sweep *sweep);

/* Each stage appends the rows that are missing. */
ll_status ll_sweep_importance(ll_sweep *sweep);
ll_status ll_sweep_quality(ll_sweep *sweep);
ll_status ll_sweep_speed(ll_sweep *sweep);

/* Opens folder/schema.csv, saying so on stderr when a cut last row was taken away. */
ll_status ll_sweep_open(ll_sweep *sweep, const ll_csv_schema *schema, ll_csv **out);
ll_status ll_sweep_need_model(ll_sweep *sweep);
/* Takes work that is not needed out of the total. */
void ll_sweep_skip(ll_sweep *sweep, double work);
/* A row of csv that differs from row in nothing but kind and dropped: two plans that drop the same modules
 * share one measurement. Copies its other cells into row. */
bool ll_sweep_copy_same(const ll_csv *csv, ll_row *row);
#endif
