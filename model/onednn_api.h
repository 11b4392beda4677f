/* What differs between oneDNN 2 and 3: only there are descriptions of memory handles. Private to matmul_onednn.c. */
#ifndef LL_ONEDNN_API_H
#define LL_ONEDNN_API_H
#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>
#include <stddef.h>

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t ll_memory_view;
typedef dnnl_memory_desc_t ll_memory_form; /* freed by ll_memory_form_free */

static inline bool ll_memory_form_make(ll_memory_form *out, size_t rows, size_t columns,
                                       dnnl_data_type_t type, dnnl_format_tag_t tag) {
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    *out = NULL;
    return dnnl_memory_desc_create_with_tag(out, 2, dims, type, tag) == dnnl_success;
}

static inline void ll_memory_form_free(ll_memory_form *form) {
    dnnl_memory_desc_destroy(*form);
}

static inline ll_memory_view ll_memory_form_view(const ll_memory_form *form) {
    return *form;
}

static inline const dnnl_dim_t *ll_memory_padded(ll_memory_view view) {
    const dnnl_dims_t *dims = NULL;
    return dnnl_memory_desc_query(view, dnnl_query_padded_dims, &dims) == dnnl_success ? *dims : NULL;
}

static inline bool ll_matmul_describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine, ll_memory_view x,
                                      ll_memory_view w, ll_memory_view y, const_dnnl_primitive_attr_t attr) {
    return dnnl_matmul_primitive_desc_create(out, engine, x, w, NULL, y, attr) == dnnl_success;
}
#else
typedef const dnnl_memory_desc_t *ll_memory_view;
typedef dnnl_memory_desc_t ll_memory_form;

static inline bool ll_memory_form_make(ll_memory_form *out, size_t rows, size_t columns,
                                       dnnl_data_type_t type, dnnl_format_tag_t tag) {
    const dnnl_dims_t dims = {(dnnl_dim_t)rows, (dnnl_dim_t)columns};
    return dnnl_memory_desc_init_by_tag(out, 2, dims, type, tag) == dnnl_success;
}

static inline void ll_memory_form_free(ll_memory_form *form) {
    (void)form;
}

static inline ll_memory_view ll_memory_form_view(const ll_memory_form *form) {
    return form;
}

static inline const dnnl_dim_t *ll_memory_padded(ll_memory_view view) {
    return view->padded_dims;
}

static inline bool ll_matmul_describe(dnnl_primitive_desc_t *out, dnnl_engine_t engine, ll_memory_view x,
                                      ll_memory_view w, ll_memory_view y, const_dnnl_primitive_attr_t attr) {
    dnnl_matmul_desc_t matmul;
    return dnnl_matmul_desc_init(&matmul, x, w, NULL, y) == dnnl_success &&
           dnnl_primitive_desc_create(out, &matmul, attr, engine, NULL) == dnnl_success;
}
#endif
#endif
