/* Whether a timing fits in this machine's memory, before anything is read or made; and how much of it fits. */
#ifndef LL_FIT_H
#define LL_FIT_H
#include "model.h"

typedef struct {
    uint64_t weights;   /* bytes */
    uint64_t session;   /* KV-cache and buffers */
    uint64_t available; /* bytes that this process may take */
    size_t resident;    /* blocks that have weights of their own */
    size_t batch;       /* sequences */
    bool cached; /* the last-level cache holds so much of the weights that decode does not read memory */
} ll_fit;

typedef struct {
    const ll_config *shape;
    const ll_model_options *options; /* resident 0: as many blocks as fit */
    bool synthetic;
    size_t prompt;   /* tokens of a prefill */
    size_t capacity; /* positions of a sequence */
    size_t batch;    /* LL_BATCH_MAX: as many as fit */
} ll_fit_request;

/* LL_NO_RESOURCE, with figures and what to do, when it does not fit. The full model counts, so that every drop has the same
 * batch. */
ll_status ll_fit_find(ll_fit *out, const ll_fit_request *request, ll_error *error);
/* "needs 13.9 GB of weights and 3.5 GB of KV-cache and buffers; 22.3 GB are available" on stderr. */
void ll_fit_say(const ll_fit *fit, const ll_fit_request *request);
/* The most memory that this process has had in use (VmHWM of /proc/self/status); 0: unknown. */
uint64_t ll_peak_memory(void);
#endif
