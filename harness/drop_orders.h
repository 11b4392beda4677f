/* Ways of choosing what goes first. Pure functions of importance, depth, a seed or measured times. */
#ifndef LL_DROP_ORDERS_H
#define LL_DROP_ORDERS_H
#include "drop.h"

enum { LL_RANDOM_SEEDS = 5 };

typedef enum {
    LL_ORDER_IMPORTANCE = 0,  /* one-shot, by cosine: the paper's */
    LL_ORDER_NO_RESIDUAL = 1, /* the same by another metric (metric.h) */
    LL_ORDER_MAGNITUDE = 2,
    LL_ORDER_REVERSE = 3,                                   /* the deepest first */
    LL_ORDER_RANDOM = 4,                                    /* and the next ones: random-0, random-1, ... */
    LL_ORDER_ITERATIVE = LL_ORDER_RANDOM + LL_RANDOM_SEEDS, /* iterative.h */
    LL_ORDER_CONSECUTIVE,                                   /* neighbours */
    LL_ORDER_COST,                                          /* by importance a microsecond saved */
    LL_ORDERS
} ll_order;

/* A set of orders: bit 1 << order. */
enum { LL_ALL_ORDERS = (1 << LL_ORDERS) - 1 };

/* What of a module's time counts in LL_ORDER_COST. */
typedef enum { LL_MIX_GENERATION = 0, LL_MIX_PREFILL = 1, LL_MIX_DECODE = 2, LL_MIXES } ll_mix;

enum { LL_ORDER_NAME = 16 };
void ll_order_name(ll_order order, char out[LL_ORDER_NAME]); /* "importance", "random-0", ... */
/* LL_BAD_INPUT when text is none. */
ll_status ll_order_parse(const char *text, size_t length, ll_order *out);

/* What orders look at. Importance is by the metric that the order names. */
typedef struct {
    size_t layers; /* 1 .. LL_MAX_LAYERS */
    const double (
        *importance)[LL_MAX_LAYERS]; /* [LL_MODULE_KINDS], finite; NULL where the order takes none */
    double microseconds[LL_MLP + 1]; /* LL_ORDER_COST: that dropping one such module saves */
} ll_order_input;

/* The modules of kind in the order in which they go; out->modules is malloc'd. count: of LL_ORDER_CONSECUTIVE only, how many will
 * go; the others list all modules, and any number of the first ones can go.
 * - importance and the other metrics: the lowest first; ties: the lower layer, attention before MLP.
 * - reverse: from the last layer down; of joint each layer's MLP before its attention.
 * - random-S: Python's random.Random(S).sample(range(n), n) of the n modules of the kind; joint numbers them attention 0, MLP 0,
 *   attention 1, ... Every kind begins the seed anew.
 * - consecutive: the run of count neighbours whose importance adds up to least, of equal ones the first; neighbours are layers that
 *   follow each other, of joint the sublayers as the residual stream passes them. Out of the run the least important
 *   goes first. (Gromov et al., arXiv 2403.17887, take instead the angle between the ends of the run.)
 * - cost: the least importance / microseconds first; what saves no time goes last. Joint only.
 * LL_BAD_USAGE: iterative is no such function; cost of another kind than joint; more neighbours than modules. */
ll_status ll_order_make(ll_drop_order *out, ll_order order, const ll_order_input *input, ll_drop_kind kind,
                        size_t count, ll_error *error);
/* Modules of a kind; the index-th, as the residual stream passes them. */
size_t ll_kind_modules(ll_drop_kind kind, size_t layers);
ll_module ll_kind_module(ll_drop_kind kind, size_t index);
#endif
