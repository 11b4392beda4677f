/* `layerlab info --placement`: which thread runs where and which node holds what, as planned and as the system says. Private to
 * cmd_info.c. */
#ifndef LL_INFO_PLACEMENT_H
#define LL_INFO_PLACEMENT_H
#include "cmd.h"

/* Loads the model, opens a session and asks; with dry_run or topology only the plan. */
ll_status ll_info_placement(const ll_options *options, ll_error *error);
#endif
