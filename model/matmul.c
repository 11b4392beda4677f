#include "matmul.h"

#include <stdlib.h>

static const char *const NAMES[LL_MATMUL_COUNT] = {[LL_MATMUL_OWN] = "own", [LL_MATMUL_ONEDNN] = "onednn"};

const char *ll_matmul_kind_name(ll_matmul_kind kind) {
    return NAMES[kind];
}

/* ---- own: the kernel library ---- */

static size_t columns(const ll_matmul *matmul, size_t n) {
    (void)matmul;
    (void)n;
    return LL_PANEL;
}

static size_t bytes(ll_matmul *matmul, size_t n, size_t k, size_t group) {
    return matmul->kernels->packed_i8_bytes(n, k, group);
}

static size_t scratch_bytes(ll_matmul *matmul, size_t n, size_t k, size_t group) {
    (void)matmul;
    (void)n;
    (void)k;
    (void)group;
    return 0;
}

static ll_status prepare(ll_matmul *matmul, size_t n, size_t k, size_t group, ll_error *error) {
    (void)matmul;
    (void)n;
    (void)k;
    (void)group;
    (void)error;
    return LL_OK;
}

static bool pack(const ll_matmul *matmul, const ll_packed *w, size_t n0, size_t n1, const int8_t *q,
                 const float *scale) {
    void *data = (void *)(uintptr_t)w->data;
    matmul->kernels->pack_i8(data, w->n, w->k, w->group, n0, n1, q, scale);
    return true;
}

static bool run(const ll_matmul *matmul, float *y, size_t ldy, const ll_act *x, size_t m0, size_t m1,
                const ll_packed *w, size_t n0, size_t n1, void *scratch) {
    (void)scratch;
    matmul->kernels->matmul_i8(y, ldy, x, m0, m1, w, n0, n1);
    return true;
}

static void destroy(ll_matmul *matmul) {
    free(matmul);
}

static ll_status create_own(ll_matmul **out, const ll_kernels *kernels, ll_error *error) {
    ll_matmul *own = malloc(sizeof *own);
    if (!own)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a matmul");
    *own = (ll_matmul){.kernels = kernels,
                       .layout = kernels->isa[LL_OP_MATMUL_I8],
                       .columns = columns,
                       .bytes = bytes,
                       .scratch_bytes = scratch_bytes,
                       .prepare = prepare,
                       .pack = pack,
                       .run = run,
                       .destroy = destroy};
    *out = own;
    return LL_OK;
}

/* ---- any ---- */

ll_status ll_matmul_create(ll_matmul **out, const ll_kernels *kernels, const ll_model_options *options,
                           ll_error *error) {
    *out = NULL;
    if (options->matmul == LL_MATMUL_OWN)
        return create_own(out, kernels, error);
    ll_machine machine = {.threads = options->threads};
    if (!options->threads)
        LL_TRY(ll_machine_probe(&machine, "", error));
    return ll_matmul_create_onednn(out, kernels, machine.threads, error);
}

void ll_matmul_destroy(ll_matmul *matmul) {
    if (matmul)
        matmul->destroy(matmul);
}
