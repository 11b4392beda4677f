/* Which cases there are, and what one run of each costs by arithmetic. */
#include "bench.h"
#include "model_list.h"
#include "progress.h"
#include "rows.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_MODELS "smollm2-135m,llama2-13b"

/* ---- running one ---- */
/* The problem of the case that ran last: a case is called again and again, and making its data takes longer. */
static struct {
    const bench_case *of;
    problem problem;
    const char *wrong; /* it is not timed */
} present;

static const problem *problem_of(const bench_case *c, const char **wrong) {
    if (present.of != c) {
        problem_free(&present.problem);
        present.of = c;
        present.problem = (problem){.kernels = &c->kernels, .s = c->s, .copies = 1, .threads = c->threads};
        if (c->cold) /* twice the largest cache of today's servers that cores share, twice what hides in others' */
            present.problem.copies = 1 + (size_t)((double)(256 << 20) / c->bytes);
        present.wrong = problem_check(c->op, &c->kernels, &c->s);
        if (!present.wrong && !c->op->setup(&present.problem))
            present.wrong = "no memory";
    }
    *wrong = present.wrong;
    return &present.problem;
}

/* Seconds of runs runs, the first on copy first. */
static double time_runs(const bench_case *c, const problem *p, size_t first, size_t runs) {
    const double start = ll_seconds();
    if (c->threads == 1) {
        for (size_t i = 0; i < runs; i++)
            c->op->run(p, (first + i) % p->copies, 0, 1);
        return ll_seconds() - start;
    }
#pragma omp parallel num_threads((int)c->threads)
    for (size_t i = 0; i < runs; i++)
        c->op->run(p, (first + i) % p->copies, (size_t)omp_get_thread_num(), c->threads);
    return ll_seconds() - start;
}

void bench_case_run(ll_gbench_state *state, void *argument) {
    const double SHORT =
        2e6; /* operations or bytes: a hundred microseconds, beside which the clock is nothing */
    const bench_case *c = argument;
    const char *wrong;
    const problem *p = problem_of(c, &wrong);
    if (wrong) {
        ll_gbench_refuse(state, wrong);
        return;
    }
    const double work = c->ops > c->bytes ? c->ops : c->bytes;
    const size_t runs = work < SHORT ? (size_t)(SHORT / work) + 1 : 1;
    const double before = bench_limit(c->limit, &c->kernels, c->threads);
    double seconds = 0, done = 0;
    size_t copy = 0;
    time_runs(c, p, 0, 1); /* warms up */
    while (ll_gbench_next(state, runs)) {
        const double took = time_runs(c, p, copy, runs);
        ll_gbench_time(state, took);
        seconds += took;
        done += (double)runs;
        copy = (copy + runs) % p->copies;
    }
    const double after = bench_limit(c->limit, &c->kernels, c->threads),
                 most = before > after ? before : after;
    if (c->ops > 0)
        ll_gbench_counter(state, "GOP/s", c->ops * done / seconds / 1e9);
    ll_gbench_counter(state, "GB/s", c->bytes * done / seconds / 1e9);
    if (c->limit != LIMIT_NONE)
        ll_gbench_counter(state, "share",
                          (c->limit == LIMIT_BYTES ? c->bytes : c->ops) * done / seconds / most);
}

/* ---- the list ---- */
/* What the cases of one ISA and thread count are made for. */
typedef struct {
    const ll_kernels *kernels;
    const char *isa, *model;
    const ll_config *config;
    size_t threads;
    bool all, strongest;
} site;

/* Cases that are there already: models share shapes. */
static bench_case **cases;
static size_t case_count;

static bool is_there(const bench_case *c) {
    for (size_t i = 0; i < case_count; i++)
        if (cases[i]->op == c->op && strcmp(cases[i]->isa, c->isa) == 0 && cases[i]->cold == c->cold &&
            cases[i]->threads == c->threads && memcmp(&cases[i]->s, &c->s, sizeof c->s) == 0)
            return true;
    return false;
}

static void add(const site *at, bench_case c, const char *what, const char *detail) {
    char name[160];
    c.kernels = *at->kernels;
    c.isa = at->isa;
    c.threads = at->threads;
    bench_case **more = realloc(cases, (case_count + 1) * sizeof *more);
    cases = more ? more : cases;
    bench_case *kept = more ? malloc(sizeof *kept) : NULL;
    if (!kept || is_there(&c)) {
        free(kept);
        return;
    }
    *kept = c;
    cases[case_count++] = kept;
    snprintf(name, sizeof name, "%s/%s/%s.%s/m:%zu%s/%s/threads:%zu", ll_op_name(c.op->op), at->isa,
             at->model, what, c.s.rows, detail, c.cold ? "cold" : "warm", at->threads);
    ll_gbench_register(name, bench_case_run, kept);
}

typedef struct {
    const char *name;
    size_t n, k;
} matrix;

/* One row is bounded by memory, if its weights come from there; many rows by arithmetic. */
static limit matmul_limit(const bench_case *c, limit arithmetic) {
    enum { FEW = 8 };
    if (c->s.rows > FEW)
        return arithmetic;
    return c->cold ? LIMIT_BYTES : LIMIT_NONE;
}

static void add_matmul_i8(const site *at, const operation *op, const matrix *m, size_t rows, size_t group,
                          bool cold) {
    char detail[32];
    bench_case c = {.op = op, .s = {.rows = rows, .n = m->n, .k = m->k, .group = group}, .cold = cold};
    c.s.group = group < m->k ? group : 0;
    c.limit = matmul_limit(&c, LIMIT_INT8);
    c.ops = 2.0 * (double)rows * (double)m->n * (double)m->k;
    c.bytes = (double)at->kernels->packed_i8_bytes(m->n, m->k, group ? group : m->k) +
              (double)rows * (double)(m->k + sizeof(float) * m->n);
    if (group)
        snprintf(detail, sizeof detail, "/group:%zu", group);
    else
        snprintf(detail, sizeof detail, "/group:channel");
    add(at, c, m->name, detail);
}

static void add_matmul_f32(const site *at, const matrix *m, size_t rows, bool cold) {
    bench_case c = {.op = &bench_matmul_f32, .s = {.rows = rows, .n = m->n, .k = m->k}, .cold = cold};
    c.limit = matmul_limit(&c, LIMIT_F32);
    c.ops = 2.0 * (double)rows * (double)m->n * (double)m->k;
    c.bytes = (double)at->kernels->packed_f32_bytes(m->n, m->k) +
              sizeof(float) * (double)rows * (double)(m->k + m->n);
    add(at, c, m->name, "");
}

/* A short run takes one matrix of each model, and of the weaker ISAs one prefill and one decode step of it. */
static void add_matmuls(const site *at) {
    const ll_config *c = at->config;
    const size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    const matrix matrices[] = {{"down", c->hidden, c->mlp},
                               {"qkv", q + 2 * kv, c->hidden},
                               {"o", c->hidden, q},
                               {"gate_up", 2 * c->mlp, c->hidden},
                               {"head", c->vocab, c->hidden}};
    static const size_t rows[] = {512, 1, 8, 64}, groups[] = {128, 32, 0};
    for (size_t m = 0; m < (at->all ? 5 : 1); m++)
        for (size_t r = 0; r < (at->all || at->strongest ? 4 : 2); r++)
            for (size_t g = 0; g < (at->all || (at->strongest && rows[r] == 512) ? 3 : 1); g++)
                for (int cold = 0; cold < 2; cold++)
                    if (at->all || cold == (rows[r] <= 8))
                        add_matmul_i8(at, &bench_matmul_i8, &matrices[m], rows[r], groups[g], cold);
    site yardstick = *at;
    yardstick.isa = "onednn";
    for (size_t r = 0; r < (at->strongest ? 2 : 0); r++)
        for (size_t g = 0; g < 3; g += 2)
            add_matmul_i8(&yardstick, &bench_matmul_yardstick, &matrices[0], rows[r], groups[g],
                          rows[r] <= 8);
    for (size_t m = 0; m < (at->all ? 5 : 1); m++)
        for (size_t r = 0; r < (at->all ? 4 : at->strongest ? 2 : 0); r++)
            add_matmul_f32(at, &matrices[m], rows[r], rows[r] <= 8);
}

static void add_attention(const site *at, size_t pos0, size_t rows, ll_kv_type kv) {
    const ll_config *config = at->config;
    const bool decode = rows == 1;
    char detail[48];
    bench_case c = {.op = &bench_attention,
                    .s = {.rows = rows,
                          .heads = config->heads,
                          .kv_heads = config->kv_heads,
                          .head_dim = config->head_dim,
                          .pos0 = pos0,
                          .kv = kv},
                    .cold = decode,
                    .limit = decode ? LIMIT_BYTES : LIMIT_F32};
    const double seen = (double)rows * ((double)pos0 + ((double)rows + 1) / 2);
    c.ops = 4 * seen * (double)(config->heads * config->head_dim);
    c.bytes = 2.0 * (double)(ll_kv_bytes(kv, pos0 + rows, config->kv_heads, config->head_dim) +
                             ll_kv_scale_bytes(kv, pos0 + rows, config->kv_heads));
    snprintf(detail, sizeof detail, "/pos:%zu/kv:%s", pos0, ll_kv_name(kv));
    add(at, c, "heads", detail);
    c.op = &bench_kv_store;
    c.cold = false;
    c.limit = LIMIT_NONE;
    c.ops = 0;
    c.bytes = 2.0 * (double)rows * (double)(config->kv_heads * config->head_dim) * sizeof(float);
    c.s.pos0 = 0;
    snprintf(detail, sizeof detail, "/kv:%s", ll_kv_name(kv));
    add(at, c, "heads", detail);
}

/* touched: floats read and written for an element. */
static void add_row(const site *at, const operation *op, const char *what, size_t rows, size_t k,
                    double touched) {
    const size_t group = 128;
    const bench_case c = {
        .op = op,
        .s = {.rows = rows, .k = k, .group = group < k ? group : 0, .head_dim = at->config->head_dim},
        .limit = LIMIT_NONE,
        .bytes = touched * sizeof(float) * (double)rows * (double)k};
    add(at, c, what, "");
}

static void add_rows(const site *at, size_t rows) {
    const ll_config *c = at->config;
    const size_t q = c->heads * c->head_dim;
    add_row(at, &bench_quantize, "heads", rows, q, 1.25);
    add_row(at, &bench_rmsnorm_i8, "hidden", rows, c->hidden, 1.25);
    add_row(at, &bench_rmsnorm_f32, "hidden", rows, c->hidden, 2);
    add_row(at, &bench_silu_mul_i8, "mlp", rows, c->mlp, 2.25);
    add_row(at, &bench_silu_mul_f32, "mlp", rows, c->mlp, 3);
    add_row(at, &bench_add_f32, "hidden", rows, c->hidden, 3);
    add_row(at, &bench_rope_f32, "heads", rows, q, 2);
    if (rows == 1 || at->all) {
        add_row(at, &bench_softmax_f32, "vocab", rows, c->vocab, 2);
        add_row(at, &bench_logsumexp_f32, "vocab", rows, c->vocab, 1);
    }
}

static void add_model(const site *at) {
    add_matmuls(at);
    for (int kv = at->all ? LL_KV_F32 : LL_KV_BF16; kv <= LL_KV_I8 && (at->all || at->strongest); kv++) {
        add_attention(at, 0, 512, (ll_kv_type)kv);
        add_attention(at, 4095, 1, (ll_kv_type)kv);
    }
    if (at->all || (at->strongest && at->threads == 1)) {
        add_rows(at, 512);
        add_rows(at, 1);
    }
}

/* The models of the list whose names models holds, in its order. */
static bool add_models(site *at, const char *models) {
    char name[64];
    for (const char *from = models; *from;) {
        const size_t length = strcspn(from, ",");
        snprintf(name, sizeof name, "%.*s", (int)length, from);
        const ll_model_entry *entry = ll_model_list_find(name);
        if (!entry) {
            fprintf(stderr, "bench: --models: no model is called %s; `layerlab info` lists them\n", name);
            return false;
        }
        at->model = entry->name;
        at->config = &entry->shape;
        add_model(at);
        from += length + (from[length] == ',');
    }
    return true;
}

bool bench_register(const char *models, bool all, const ll_machine *machine) {
    static ll_kernels tables[16];
    const uint64_t features = ll_cpu_features();
    size_t strongest = 0, count = 0;
    for (; ll_isa_name(count); count++)
        strongest = ll_isa_chosen(count, features) ? count : strongest;
    for (size_t i = count; i-- > (all ? 0 : 1);) {
        if (!ll_isa_supported(i, features))
            continue;
        ll_kernels *table = &tables[i];
        if (ll_kernels_select(table, features, ll_isa_name(i)) != LL_OK)
            return false;
        for (size_t threads = machine->threads;; threads = 1) {
            site at = {.kernels = table,
                       .isa = table->name,
                       .threads = threads,
                       .all = all,
                       .strongest = i == strongest};
            bench_register_probes(table, table->name, threads);
            if (!add_models(&at, models ? models : DEFAULT_MODELS))
                return false;
            if (threads == 1)
                break;
        }
    }
    return true;
}
