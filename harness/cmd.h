/* What the commands share beyond commands.h. */
#ifndef LL_CMD_H
#define LL_CMD_H
#include "commands.h"
#include "plan.h"
#include "rows.h"
#include "wanda.h"

#include <jansson.h>

enum { LL_CMD_PATH = 4096, LL_BYTES_TEXT = 24 };

/* "98.4 MB" (powers of 1000). */
void ll_cmd_bytes_text(uint64_t bytes, char text[LL_BYTES_TEXT]);
/* Variables by which OpenMP's libraries bind threads; main.c gives those that are set another first letter. */
#define LL_FOREIGN_BINDINGS "OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY"
#define LL_SET_ASIDE '_'
/* Why this many threads: "one a physical core". */
const char *ll_cmd_threads_reason(const ll_options *options, const ll_machine *machine);
/* The model's file. path holds LL_CMD_PATH bytes. */
ll_status ll_cmd_locate(const ll_options *options, char *path, ll_error *error);
/* The folder of packed weights; NULL without --cache. */
const char *ll_cmd_cache_folder(const ll_options *options);
/* --matmul is of int8 weights: f32 ones, which a sweep's importance takes whatever the others are, have our kernels. */
ll_model_options ll_cmd_model_options(const ll_options *options, ll_weights_kind weights);
/* The shape that --synthetic takes: of a listed model, or of the file at the path. */
ll_status ll_cmd_shape(const ll_options *options, ll_config *shape, ll_error *error);
/* The shape of the weights that are there. */
ll_status ll_cmd_config(const ll_options *options, ll_config *shape, ll_error *error);
/* Refuses a drop of what the checkpoint's own config leaves out already. (A model that was loaded without what --drop names has
 * that in its config too, so this comes before.) */
ll_status ll_cmd_check_overlap(const ll_mask *mask, const ll_config *config, ll_error *error);
/* Says on stderr that weights are synthetic, before anything else; refuses them where what they say would count, and
 * --resident without them. Every command that loads a model calls it first. */
ll_status ll_cmd_check_synthetic(const ll_options *options, ll_error *error);
/* Of the checkpoint at path (checkpoint.h). */
ll_status ll_cmd_sha256(const char *path, bool quiet, char hex[LL_SHA256_TEXT], ll_error *error);
/* Says on stderr when a calibration set holds fewer documents than were asked for: all of them are used. */
void ll_cmd_say_fewer(const ll_options *options, const char *path, size_t there, size_t asked);
/* The most memory this process has used, on stderr. */
void ll_cmd_say_peak(void);
/* Loads the model and finds the importance and the order of its modules on --calib; ll_plan_free afterwards,
 * also on failure. */
ll_status ll_cmd_calibrate(const ll_options *options, ll_plan *plan, ll_error *error);
/* A loaded model pruned as --wanda says, the modules of drop left alone; nothing happens without --wanda. sha256 is of the
 * calibration file. */
typedef struct {
    char weights[LL_WANDA_TEXT]; /* what rows call them: "f32-wanda-2:4", or "int8", "f32" */
    char sha256[LL_SHA256_TEXT];
    size_t samples, tokens; /* that the norms are of */
    ll_wanda_result result;
} ll_cmd_pruned;
ll_status ll_cmd_prune(ll_cmd_pruned *out, const ll_options *options, ll_model *model, const char *path,
                       const ll_mask *drop, ll_error *error);
/* On stdout; {s:..} under the key "wanda". Nothing without --wanda. */
void ll_cmd_print_pruned(const ll_cmd_pruned *pruned, const ll_options *options);
void ll_cmd_put_pruned(json_t *root, const ll_cmd_pruned *pruned, const ll_options *options);
/* Whether a file could be written at path (beside and renamed, so the folder counts). */
ll_status ll_cmd_check_output(const char *path, ll_error *error);
/* Sets a number, or null for what JSON has no number for: not measured, or without end. */
void ll_cmd_put_real(json_t *object, const char *key, double value);
/* Prints root, a line end after it, and lets it go; NULL: there was no memory for it. */
ll_status ll_cmd_print_json(json_t *root, ll_error *error);
#endif
