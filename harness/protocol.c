#include "protocol.h"
#include "checkpoint.h"
#include "model_list.h"
#include "order.h"
#include "paper.h"

#include <stdlib.h>
#include <string.h>

#define EACH_KIND(...)                                                                                       \
    {                                                                                                        \
        [LL_ATTN] = {__VA_ARGS__}, [LL_MLP] = {__VA_ARGS__}, [LL_BLOCK] = {__VA_ARGS__}, [LL_JOINT] = {      \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

static const ll_protocol quick = {
    .name = "quick",
    .samples = 32,
    .length = 512,
    .max_windows = 8,
    .limit = 10,
    .counts = EACH_KIND({4, 8, 12}, 3),
    .speed = {.prompt = 512, .generate = 512, .repetitions = 3},
};

static const ll_protocol full = {
    .name = "full",
    .samples = 256,
    .length = 2048,
    .max_windows = 64,
    .limit = 100,
    .orders = LL_ALL_ORDERS,
    .counts = EACH_KIND({2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24}, 12),
    .speed = {.prompt = 2048, .generate = 2048, .repetitions = 5},
};

/* Of a model that takes minutes for what a small one does in seconds: the paper's generation; counts come from its tables. */
static const ll_protocol paper = {
    .name = "paper",
    .samples = 32,
    .length = 512,
    .max_windows = 8,
    .speed = {.prompt = 2048, .generate = 2048, .repetitions = 3},
};

/* The same in minutes: one number that all of its tables have. */
static const ll_protocol paper_quick = {
    .name = "quick",
    .samples = 8,
    .length = 256,
    .max_windows = 2,
    .limit = 10,
    .counts = {[LL_ATTN] = {{8}, 1}, [LL_MLP] = {{8}, 1}, [LL_BLOCK] = {{8}, 1}},
    .speed = {.prompt = 512, .generate = 512, .repetitions = 2},
};

/* Counts of the paper's tables for the model; false: it has none. */
static bool paper_counts(const ll_paper *tables, const char *model, ll_counts counts[LL_DROP_KINDS]) {
    size_t total = 0;
    for (int kind = 0; kind < LL_DROP_KINDS; kind++) {
        counts[kind].total =
            ll_paper_counts(tables, model, (ll_drop_kind)kind, counts[kind].count, LL_MAX_COUNTS);
        total += counts[kind].total;
    }
    return total > 0;
}

/* The listed model that it is, or whose shape a checkpoint at a path has; of one that cannot be read, its own name: what
 * reads it next says why. */
static const char *listed_name(const char *name_or_path) {
    ll_checkpoint *checkpoint;
    if (ll_model_list_find(name_or_path) || ll_checkpoint_open(&checkpoint, name_or_path, NULL) != LL_OK)
        return name_or_path;
    const ll_model_entry *alike = ll_model_list_of_shape(ll_checkpoint_config(checkpoint));
    ll_checkpoint_close(checkpoint);
    return alike ? alike->name : name_or_path;
}

static ll_status choose(ll_protocol *out, const ll_options *options, ll_error *error) {
    if (options->full) {
        *out = full;
        return LL_OK;
    }
    ll_paper *tables = malloc(sizeof *tables);
    if (!tables)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the paper's tables");
    ll_protocol of_paper = paper;
    const ll_status status = ll_paper_load(tables, NULL, error);
    const bool published =
        status == LL_OK && paper_counts(tables, listed_name(options->model), of_paper.counts);
    free(tables);
    *out = !published ? quick : options->quick ? paper_quick : of_paper;
    return status;
}

static void take_counts(ll_protocol *p, const ll_options *options) {
    for (int kind = 0; options->count_total && kind < LL_DROP_KINDS; kind++) {
        p->counts[kind].total = options->count_total;
        memcpy(p->counts[kind].count, options->counts, sizeof options->counts);
        qsort(p->counts[kind].count, options->count_total, sizeof *options->counts, ll_order_sizes);
    }
}

static size_t either(size_t asked, size_t standard) {
    return asked ? asked : standard;
}

ll_status ll_protocol_of(ll_protocol *out, const ll_options *options, ll_error *error) {
    if (options->full && options->quick)
        return ll_fail(error, LL_BAD_USAGE, "--quick and --full are two protocols; choose one");
    LL_TRY(choose(out, options, error));
    out->samples = either(options->samples, out->samples);
    out->length = either(options->length, out->length);
    out->window = options->window;
    out->first_window = options->first_window;
    out->max_windows = either(options->max_windows, out->max_windows);
    out->speed.prompt = either(options->prompt, out->speed.prompt);
    out->speed.generate = either(either(options->generate, options->prompt), out->speed.generate);
    out->speed.repetitions = either(options->repetitions, out->speed.repetitions);
    out->speed.batch = options->batch;
    out->speed.exact = options->exact;
    out->orders = (options->orders ? options->orders : out->orders) | 1u << LL_ORDER_IMPORTANCE;
    if (options->no_speed)
        out->orders &= ~(1u << LL_ORDER_COST);
    if (options->synthetic)
        out->orders = 1u << LL_ORDER_IMPORTANCE;
    take_counts(out, options);
    return LL_OK;
}

size_t ll_protocol_order_counts(const ll_protocol *protocol, ll_drop_kind kind, size_t layers,
                                size_t out[LL_ORDER_COUNTS]) {
    const ll_counts *counts = &protocol->counts[kind];
    size_t first = 0, end = 0;
    while (first < counts->total && counts->count[first] == 0)
        first++;
    for (end = first; end < counts->total && counts->count[end] <= layers / 2;)
        end++;
    const size_t total = end - first, kept = total < LL_ORDER_COUNTS ? total : LL_ORDER_COUNTS;
    for (size_t i = 0; i < kept; i++)
        out[i] = counts->count[first + (total <= LL_ORDER_COUNTS ? i : (i + 1) * (total + 1) / 4 - 1)];
    return kept;
}

size_t ll_protocol_rows(const ll_protocol *protocol) {
    size_t rows = 1;
    for (int kind = 0; kind < LL_DROP_KINDS; kind++)
        rows += protocol->counts[kind].total;
    return rows;
}
