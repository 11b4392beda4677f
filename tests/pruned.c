#include "pruned.h"
#include "test.h"

#include <math.h>
#include <string.h>

static ll_error error;

ll_wanda_amount ll_test_amount(const char *text) {
    ll_wanda_amount amount = {.count = 0};
    CHECK_MSG(ll_wanda_amount_parse(&amount, text, strlen(text), &error) == LL_OK, "%s", error.text);
    return amount;
}

ll_wanda_result ll_test_pruned(ll_model *model, const char *path, const char *drop, const char *amount,
                               const ll_wanda_calibration *calibration, ll_mask *mask) {
    const ll_wanda_amount wanted = ll_test_amount(amount);
    ll_wanda_result result = {0};
    ll_progress progress;
    ll_progress_begin(&progress, "test", 1, true);
    CHECK(ll_drop_parse(mask, drop, ll_model_config(model)->layers, NULL, &error) == LL_OK);
    CHECK_MSG(ll_wanda_prune(&result, model, path, mask, &wanted, calibration, &progress, &error) == LL_OK,
              "%s", error.text);
    CHECK_MSG(fabs(progress.done - 1) < 1e-9, "progress went to %g", progress.done);
    return result;
}
