/* The schemas of the CSV files of a sweep. A column's meaning is in harness/README.md. */
#ifndef LL_ROWS_H
#define LL_ROWS_H
#include "csv.h"
#include "model.h"

extern const ll_csv_schema ll_importance_schema;  /* importance.csv */
extern const ll_csv_schema ll_quality_schema;     /* quality.csv */
extern const ll_csv_schema ll_plans_schema;       /* plans.csv */
extern const ll_csv_schema ll_costs_schema;       /* costs.csv */
extern const ll_csv_schema ll_calibration_schema; /* calibration.csv */
extern const ll_csv_schema ll_tasks_schema;       /* tasks.csv */
extern const ll_csv_schema ll_speed_schema;       /* speed.csv: medians */
extern const ll_csv_schema ll_samples_schema;     /* samples.csv: every timing */
extern const ll_csv_schema ll_modules_schema; /* "kind,layer,importance", what `importance --csv` prints */

/* The row of speed.csv that a row of samples.csv is a timing of; SIZE_MAX: it has none. */
size_t ll_row_of_sample(const ll_csv *speed, const ll_csv *samples, size_t sample);
/* The columns weights and group ("128", "32", "channel"; "NA" for f32). */
void ll_row_weights(ll_row *row, ll_weights_kind weights, size_t group);
const char *ll_kv_name(ll_kv_type type); /* "bf16", "int8", "f32" */
/* What follows the last '/': rows name files, not the folders of one machine. */
const char *ll_file_name(const char *path);
/* What a model is called in rows and folders: a name of the list as it is, of a path the last part without .gguf. */
void ll_model_label(const char *name_or_path, char out[LL_CSV_CELL]);
#endif
