/* What a forward pass skips: the grammar of drops, and the mask. */
#ifndef LL_DROP_H
#define LL_DROP_H
#include "config.h"

typedef enum { LL_ATTN = 0, LL_MLP = 1, LL_BLOCK = 2, LL_JOINT = 3 } ll_drop_kind; /* joint: only in plans */
enum { LL_MODULE_KINDS = 3, LL_DROP_KINDS = 4 };
const char *ll_drop_kind_name(ll_drop_kind kind); /* "attn", "mlp", "block", "joint" */
/* LL_BAD_INPUT when text is none of the four. */
ll_status ll_drop_kind_parse(const char *text, size_t length, ll_drop_kind *out);

typedef struct {
    ll_drop_kind kind; /* never LL_JOINT */
    size_t layer;
} ll_module;

/* The modules of one kind of drop, least important first (joint mixes attn and mlp). */
typedef struct {
    ll_module *modules;
    size_t count;
} ll_drop_order;

typedef struct {
    ll_drop_order order[LL_DROP_KINDS];
} ll_drop_orders;

/* spec: terms joined with '+'; a term is KIND:LIST (numbers and ranges, 0-based, both ends included:
 * "attn:25,26+mlp:3-5", "block:29") or KIND@N (the N first of orders; KIND may be joint). "" and "none" are
 * the full model. Refused, with the place in the text: a layer that is not there, one named twice (also by
 * two terms), an empty list, anything else. orders NULL: KIND@N is refused, with advice to give --plan. */
ll_status ll_drop_parse(ll_mask *out, const char *spec, size_t layers, const ll_drop_orders *orders,
                        ll_error *error);

enum { LL_MASK_TEXT = 4 * 5 * LL_MAX_LAYERS };
/* The mask as a spec in one canonical form: "none", or block:, attn:, mlp: terms in that order, layers
 * ascending, runs of three or more as ranges; a layer with both dropped is a block. out holds LL_MASK_TEXT
 * bytes. */
void ll_mask_format(const ll_mask *mask, size_t layers, char *out);
/* Whether the mask drops the module, of a block both of its layers; makes it drop the module. */
bool ll_mask_drops(const ll_mask *mask, ll_module module);
void ll_mask_drop(ll_mask *mask, ll_module module);
size_t ll_mask_count(const bool *dropped, size_t layers);
/* into also drops what more (NULL: nothing) drops. */
void ll_mask_add(ll_mask *into, const ll_mask *more);
#endif
