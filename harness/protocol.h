/* What a sweep measures: texts, numbers of dropped modules, timings. */
#ifndef LL_PROTOCOL_H
#define LL_PROTOCOL_H
#include "options.h"
#include "speed.h"

typedef struct {
    size_t count[LL_MAX_COUNTS]; /* modules dropped, ascending */
    size_t total;
} ll_counts;

typedef struct {
    const char *name;       /* "quick", "full", "paper" */
    size_t samples, length; /* calibration documents, tokens of one */
    size_t window, first_window, max_windows;
    size_t limit;                    /* questions of a task, drawn; 0: all */
    ll_counts counts[LL_DROP_KINDS]; /* of each kind; the full model is always run */
    unsigned orders;                 /* 1 << ll_order, importance among them; of the others fewer counts */
    ll_speed_spec speed;
} ll_protocol;

/* The protocol that the options name, with what they say otherwise. Without a name: of a model that the paper has tables of, or of
 * that shape, the paper's numbers of modules and its generation of 2,048 + 2,048 tokens; else the quick one. */
ll_status ll_protocol_of(ll_protocol *out, const ll_options *options, ll_error *error);
/* Numbers of modules at which other orders are measured: of the protocol's those that are at most half of the layers; of more than
 * three the ones a quarter, half and three quarters along. Returns how many. */
enum { LL_ORDER_COUNTS = 3, LL_ITERATIVE_SAMPLES = 32 /* documents that iterative dropping takes at most */ };
size_t ll_protocol_order_counts(const ll_protocol *protocol, ll_drop_kind kind, size_t layers,
                                size_t out[LL_ORDER_COUNTS]);
/* Rows of quality or of speed by importance: the full model's and every drop's. */
size_t ll_protocol_rows(const ll_protocol *protocol);
#endif
