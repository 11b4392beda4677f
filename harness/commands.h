/* The commands of the program, one file each (cmd_<name>.c), and what they share (cmd.c). */
#ifndef LL_COMMANDS_H
#define LL_COMMANDS_H
#include "options.h"

ll_status ll_cmd_info(const ll_options *options, ll_error *error);
ll_status ll_cmd_tokenize(const ll_options *options, ll_error *error);
ll_status ll_cmd_generate(const ll_options *options, ll_error *error);
ll_status ll_cmd_importance(const ll_options *options, ll_error *error);
ll_status ll_cmd_plan(const ll_options *options, ll_error *error);
ll_status ll_cmd_quality(const ll_options *options, ll_error *error);
ll_status ll_cmd_eval(const ll_options *options, ll_error *error);
ll_status ll_cmd_tasks(const ll_options *options, ll_error *error);
ll_status ll_cmd_speed(const ll_options *options, ll_error *error);
ll_status ll_cmd_sweep(const ll_options *options, ll_error *error);
ll_status ll_cmd_merge(const ll_options *options, ll_error *error);
ll_status ll_cmd_report(const ll_options *options, ll_error *error);
ll_status ll_cmd_calibration(const ll_options *options, ll_error *error);
ll_status ll_cmd_export(const ll_options *options, ll_error *error);

/* Finds the model's file (name or path) and loads it with the options' weights, group, threads, ISA. Says on
 * stderr what the model takes and how the thread count was chosen, unless quiet. path holds 4096 bytes. */
ll_status ll_cmd_load(const ll_options *options, ll_weights_kind weights, ll_model **model, char *path,
                      ll_error *error);
/* --drop resolved against --plan. */
ll_status ll_cmd_mask(const ll_options *options, const ll_config *config, ll_mask *mask, ll_error *error);
/* Flushes stdout; a full disk or closed pipe is an error. */
ll_status ll_cmd_flush(ll_error *error);
#endif
