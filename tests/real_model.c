#include "real_model.h"
#include "test.h"

#include <stdlib.h>

ll_model *ll_real_model(ll_weights_kind weights, size_t threads) {
    const char *path = ll_test_model();
    if (!path)
        return NULL;
    ll_error error = {0};
    ll_model *model = NULL;
    const ll_model_options options = {.weights = weights, .group = 128, .threads = threads};
    CHECK_MSG(ll_model_load(&model, path, &options, &error) == LL_OK, "%s", error.text);
    return model;
}

bool ll_test_quick(void) {
    return getenv("LL_TEST_QUICK") != NULL;
}
