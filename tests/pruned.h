/* Wanda as its tests ask for it. */
#ifndef LL_PRUNED_H
#define LL_PRUNED_H
#include "wanda.h"

ll_wanda_amount ll_test_amount(const char *text);
/* Prunes the model loaded from path by amount, without what drop names; that goes into mask. An error fails the running test. */
ll_wanda_result ll_test_pruned(ll_model *model, const char *path, const char *drop, const char *amount,
                               const ll_wanda_calibration *calibration, ll_mask *mask);
#endif
