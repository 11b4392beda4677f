#include "unpack.h"
#include "session.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

/* What unit vectors multiply to: the columns, exactly, whatever the ISA's layout. */
static void read_part(const ll_model *model, const ll_packed *part, float *w) {
    enum { AT_ONCE = 64 };
    float *x = calloc(AT_ONCE * part->k, sizeof *x), *y = calloc(AT_ONCE * part->n, sizeof *y);
    for (size_t k = 0; k < part->k; k += AT_ONCE) {
        const size_t count = part->k - k < AT_ONCE ? part->k - k : AT_ONCE;
        memset(x, 0, AT_ONCE * part->k * sizeof *x);
        for (size_t i = 0; i < count; i++)
            x[i * part->k + k + i] = 1;
        model->kernels.matmul_f32(y, part->n, x, part->k, 0, count, part, 0, part->n);
        for (size_t i = 0; i < count; i++)
            for (size_t n = 0; n < part->n; n++)
                w[n * part->k + k + i] = y[i * part->n + n];
    }
    free(x);
    free(y);
}

static ll_unpacked read_split(const ll_model *model, const ll_split *split, size_t first, size_t rows) {
    ll_unpacked out = {rows, split->k, malloc(rows * split->k * sizeof(float))};
    float *whole = malloc(split->n * split->k * sizeof *whole);
    for (size_t node = 0; node < model->placement.nodes; node++)
        if (split->part[node].n)
            read_part(model, &split->part[node], whole + split->begin[node] * split->k);
    memcpy(out.w, whole + first * split->k, rows * split->k * sizeof *whole);
    free(whole);
    return out;
}

ll_unpacked ll_unpack(const ll_model *model, size_t layer, const char *name) {
    const ll_config *c = &model->config;
    const ll_layer_weights *w = &model->weights.layer[layer];
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    const struct {
        const char *name;
        const ll_split *split;
        size_t first, rows;
    } all[] = {{"q", &w->qkv, 0, q},
               {"k", &w->qkv, q, kv},
               {"v", &w->qkv, q + kv, kv},
               {"o", &w->o, 0, c->hidden},
               {"gate", &w->gate_up, 0, c->mlp},
               {"up", &w->gate_up, c->mlp, c->mlp},
               {"down", &w->down, 0, c->hidden}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(all[i].name, name) == 0)
            return read_split(model, all[i].split, all[i].first, all[i].rows);
    ll_test_fail(__FILE__, __LINE__, "no matrix is called %s", name);
    return (ll_unpacked){0};
}
