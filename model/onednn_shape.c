#include "onednn_shape.h"
#include "kernels.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

static bool good(dnnl_status_t status) {
    return status == dnnl_success;
}

static size_t aligned(size_t bytes) {
    return (bytes + LL_ALIGN - 1) / LL_ALIGN * LL_ALIGN;
}

int ll_onednn_alone(void) {
    const int before = omp_get_max_threads();
    omp_set_num_threads(1);
    return before;
}

void ll_onednn_together(int before) {
    omp_set_num_threads(before);
}

bool ll_onednn_begin(ll_onednn *out) {
    *out = (ll_onednn){0};
    if (good(dnnl_engine_create(&out->engine, dnnl_cpu, 0)) &&
        good(dnnl_primitive_attr_create(&out->attributes)) &&
        good(dnnl_primitive_attr_set_scratchpad_mode(out->attributes, dnnl_scratchpad_mode_user)))
        return true;
    ll_onednn_end(out);
    return false;
}

void ll_onednn_end(ll_onednn *onednn) {
    if (onednn->attributes)
        dnnl_primitive_attr_destroy(onednn->attributes);
    if (onednn->engine)
        dnnl_engine_destroy(onednn->engine);
    *onednn = (ll_onednn){0};
}

/* ---- sizes ---- */

/* weights NULL: of the form that oneDNN likes best. */
static dnnl_primitive_desc_t describe(const ll_onednn *onednn, size_t rows, const ll_onednn_shape *shape,
                                      ll_memory_view weights) {
    ll_memory_form x, any, y;
    dnnl_primitive_desc_t out = NULL;
    if (!ll_memory_form_make(&x, rows, shape->k, dnnl_s8, dnnl_ab))
        return NULL;
    if (ll_memory_form_make(&any, shape->k, shape->columns, dnnl_s8, dnnl_format_tag_any)) {
        if (ll_memory_form_make(&y, rows, shape->columns, dnnl_s32, dnnl_ab)) {
            if (!ll_matmul_describe(&out, onednn->engine, ll_memory_form_view(&x),
                                    weights ? weights : ll_memory_form_view(&any), ll_memory_form_view(&y),
                                    onednn->attributes))
                out = NULL;
            ll_memory_form_free(&y);
        }
        ll_memory_form_free(&any);
    }
    ll_memory_form_free(&x);
    return out;
}

static ll_memory_view form_of(dnnl_primitive_desc_t form, dnnl_query_t what) {
    return dnnl_primitive_desc_query_md(form, what, 0);
}

static ll_memory_view weights_of(const ll_onednn_shape *shape) {
    return form_of(shape->form[LL_ONEDNN_STEPS - 1], dnnl_query_weights_md);
}

static size_t scratch_of(dnnl_primitive_desc_t form) {
    return dnnl_memory_desc_get_size(form_of(form, dnnl_query_scratchpad_md));
}

/* The form for most rows decides how weights lie. */
static bool choose_weights(const ll_onednn *onednn, ll_onednn_shape *shape) {
    dnnl_primitive_desc_t *form = &shape->form[LL_ONEDNN_STEPS - 1];
    *form = describe(onednn, LL_ONEDNN_ROWS, shape, NULL);
    const dnnl_dim_t *padded = *form ? ll_memory_padded(weights_of(shape)) : NULL;
    if (!padded)
        return false;
    const size_t k = (size_t)padded[0], columns = (size_t)padded[1];
    if (k == shape->k && columns == shape->columns)
        return true;
    shape->k = k;
    shape->columns = columns;
    dnnl_primitive_desc_destroy(*form);
    *form = describe(onednn, LL_ONEDNN_ROWS, shape, NULL);
    return *form != NULL;
}

static const char *implementation_of(dnnl_primitive_desc_t form) {
    const char *text = NULL;
    return good(dnnl_primitive_desc_query(form, dnnl_query_impl_info_str, 0, (void *)&text)) ? text
                                                                                             : "unknown";
}

/* Of weights laid out for the tiles of AMX, oneDNN multiplies a few rows by plain loops, a thousand times as slow. */
static size_t least_step(const ll_onednn_shape *shape) {
    size_t step = LL_ONEDNN_STEPS - 1;
    while (step > 0 && strncmp(implementation_of(shape->form[step - 1]), "ref", 3) != 0)
        step--;
    return step;
}

bool ll_onednn_describe(const ll_onednn *onednn, ll_onednn_shape *out, size_t columns, size_t k) {
    *out = (ll_onednn_shape){.asked_columns = columns, .asked_k = k, .columns = columns, .k = k};
    bool made = choose_weights(onednn, out);
    for (size_t step = 0; made && step < LL_ONEDNN_STEPS; step++) {
        if (!out->form[step])
            out->form[step] = describe(onednn, (size_t)1 << step, out, weights_of(out));
        made = out->form[step] != NULL;
        const size_t scratch = made ? scratch_of(out->form[step]) : 0;
        out->scratch = scratch > out->scratch ? scratch : out->scratch;
    }
    if (!made) {
        ll_onednn_free(out);
        return false;
    }
    out->bytes = aligned(dnnl_memory_desc_get_size(weights_of(out)));
    out->least = least_step(out);
    return true;
}

/* ---- primitives ---- */

static bool prepare_reorder(const ll_onednn *onednn, ll_onednn_shape *shape) {
    if (!ll_memory_form_make(&shape->plain, shape->k, shape->columns, dnnl_s8, dnnl_ba))
        return false;
    if (!good(dnnl_reorder_primitive_desc_create(&shape->reorder_form, ll_memory_form_view(&shape->plain),
                                                 onednn->engine, weights_of(shape), onednn->engine,
                                                 onednn->attributes))) {
        ll_memory_form_free(&shape->plain);
        return false;
    }
    return good(dnnl_primitive_create(&shape->reorder, shape->reorder_form));
}

bool ll_onednn_prepare(const ll_onednn *onednn, ll_onednn_shape *shape) {
    if (shape->reorder)
        return true;
    for (size_t step = 0; step < LL_ONEDNN_STEPS; step++)
        if (!shape->step[step] && !good(dnnl_primitive_create(&shape->step[step], shape->form[step])))
            return false;
    return prepare_reorder(onednn, shape);
}

const char *ll_onednn_implementation(const ll_onednn_shape *shape) {
    return implementation_of(shape->form[LL_ONEDNN_STEPS - 1]);
}

void ll_onednn_free(ll_onednn_shape *shape) {
    for (size_t step = 0; step < LL_ONEDNN_STEPS; step++) {
        if (shape->step[step])
            dnnl_primitive_destroy(shape->step[step]);
        if (shape->form[step])
            dnnl_primitive_desc_destroy(shape->form[step]);
    }
    if (shape->reorder)
        dnnl_primitive_destroy(shape->reorder);
    if (shape->reorder_form) {
        dnnl_primitive_desc_destroy(shape->reorder_form);
        ll_memory_form_free(&shape->plain);
    }
    *shape = (ll_onednn_shape){0};
}

/* ---- running ---- */

typedef struct {
    int id;
    ll_memory_view form;
    const void *data;
} argument;

static bool execute(const ll_onednn *onednn, dnnl_stream_t stream, dnnl_primitive_t primitive,
                    const argument *arguments, int count) {
    enum { MOST = 4 };
    dnnl_exec_arg_t given[MOST] = {{0}};
    int made = 0;
    for (; made < count; made++) {
        given[made].arg = arguments[made].id;
        if (!good(dnnl_memory_create(&given[made].memory, arguments[made].form, onednn->engine,
                                     (void *)(uintptr_t)arguments[made].data)))
            break;
    }
    const bool done = made == count && good(dnnl_primitive_execute(primitive, stream, count, given)) &&
                      good(dnnl_stream_wait(stream));
    while (made > 0)
        dnnl_memory_destroy(given[--made].memory);
    return done;
}

bool ll_onednn_multiply(const ll_onednn *onednn, dnnl_stream_t stream, const ll_onednn_shape *shape,
                        size_t step, const int8_t *x, const void *weights, int32_t *y, void *scratch) {
    const dnnl_primitive_desc_t form = shape->form[step];
    const argument arguments[] = {{DNNL_ARG_SRC, form_of(form, dnnl_query_src_md), x},
                                  {DNNL_ARG_WEIGHTS, form_of(form, dnnl_query_weights_md), weights},
                                  {DNNL_ARG_DST, form_of(form, dnnl_query_dst_md), y},
                                  {DNNL_ARG_SCRATCHPAD, form_of(form, dnnl_query_scratchpad_md), scratch}};
    return execute(onednn, stream, shape->step[step], arguments, 4);
}

bool ll_onednn_reorder(const ll_onednn *onednn, dnnl_stream_t stream, const ll_onednn_shape *shape,
                       const int8_t *plain, void *weights) {
    void *scratch = aligned_alloc(LL_ALIGN, aligned(scratch_of(shape->reorder_form) + 1));
    const argument arguments[] = {
        {DNNL_ARG_FROM, ll_memory_form_view(&shape->plain), plain},
        {DNNL_ARG_TO, weights_of(shape), weights},
        {DNNL_ARG_SCRATCHPAD, form_of(shape->reorder_form, dnnl_query_scratchpad_md), scratch}};
    const bool done = scratch && execute(onednn, stream, shape->reorder, arguments, 3);
    free(scratch);
    return done;
}
