/* The schemas of the CSV files of a sweep. A column's meaning is in harness/README.md. */
#ifndef LL_ROWS_H
#define LL_ROWS_H
#include "csv.h"

extern const ll_csv_schema ll_importance_schema; /* importance.csv */
extern const ll_csv_schema ll_quality_schema;    /* quality.csv */
extern const ll_csv_schema ll_speed_schema;      /* speed.csv: medians */
extern const ll_csv_schema ll_samples_schema;    /* samples.csv: every timing */
extern const ll_csv_schema ll_modules_schema;    /* "kind,layer,importance", what `importance --csv` prints */
#endif
