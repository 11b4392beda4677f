#include "drop.h"

#include <stdio.h>
#include <string.h>

static const char *const kind_names[LL_DROP_KINDS] = {"attn", "mlp", "block", "joint"};

const char *ll_drop_kind_name(ll_drop_kind kind) {
    return kind_names[kind];
}

ll_status ll_drop_kind_parse(const char *text, size_t length, ll_drop_kind *out) {
    for (int kind = 0; kind < LL_DROP_KINDS; kind++)
        if (strlen(kind_names[kind]) == length && memcmp(kind_names[kind], text, length) == 0) {
            *out = (ll_drop_kind)kind;
            return LL_OK;
        }
    return LL_BAD_INPUT;
}

/* ---- the grammar ---- */
typedef struct {
    const char *spec, *at; /* at: the next character */
    size_t layers;
    const ll_drop_orders *orders;
    ll_mask *mask;
    ll_error *error;
} parser;

static unsigned long long place(const parser *p, const char *at) {
    return (unsigned long long)(at - p->spec) + 1;
}

/* What stands at a place, for the sentence: the rest of its term, or that the text ends. */
static int found(const char *at, const char **text) {
    const size_t length = strcspn(at, "+");
    *text = *at ? at : "the end";
    return *at ? (int)(length ? (length < 24 ? length : 24) : 1) : 7;
}

/* Drops one module; start is where the user named it. */
static ll_status drop_module(parser *p, ll_drop_kind kind, size_t layer, const char *start) {
    if (layer >= p->layers)
        return ll_fail(p->error, LL_BAD_USAGE,
                       "drop spec, character %llu: there is no layer %zu, the model has the layers 0 to %zu",
                       place(p, start), layer, p->layers - 1);
    const bool attn = kind != LL_MLP, mlp = kind != LL_ATTN;
    if ((attn && p->mask->attn[layer]) || (mlp && p->mask->mlp[layer]))
        return ll_fail(p->error, LL_BAD_USAGE,
                       "drop spec, character %llu: %s layer %zu is dropped twice; name every layer once",
                       place(p, start), attn && p->mask->attn[layer] ? "attention" : "MLP", layer);
    p->mask->attn[layer] |= attn;
    p->mask->mlp[layer] |= mlp;
    return LL_OK;
}

static ll_status parse_number(parser *p, size_t *out) {
    const char *start = p->at;
    size_t value = 0;
    /* Saturates: a number this large is refused as a layer, however many digits follow. */
    for (; *p->at >= '0' && *p->at <= '9'; p->at++)
        value = value > 1000000 ? value : value * 10 + (size_t)(*p->at - '0');
    if (p->at == start) {
        const char *text;
        const int length = found(start, &text);
        return ll_fail(p->error, LL_BAD_USAGE, "drop spec, character %llu: expected a number, found \"%.*s\"",
                       place(p, start), length, text);
    }
    *out = value;
    return LL_OK;
}

/* LIST: numbers and ranges, separated by commas. */
static ll_status parse_list(parser *p, ll_drop_kind kind) {
    do {
        const char *start = ++p->at; /* over ':' or ',' */
        size_t first, last;
        LL_TRY(parse_number(p, &first));
        last = first;
        if (*p->at == '-') {
            p->at++;
            LL_TRY(parse_number(p, &last));
        }
        if (last < first)
            return ll_fail(p->error, LL_BAD_USAGE,
                           "drop spec, character %llu: the range %zu-%zu runs backwards; write %zu-%zu",
                           place(p, start), first, last, last, first);
        for (size_t layer = first; layer <= last; layer++)
            LL_TRY(drop_module(p, kind, layer, start));
    } while (*p->at == ',');
    return LL_OK;
}

/* '@' N: the first N modules of the plan's order. */
static ll_status parse_count(parser *p, ll_drop_kind kind, const char *term) {
    size_t count;
    p->at++;
    LL_TRY(parse_number(p, &count));
    if (!p->orders)
        return ll_fail(p->error, LL_BAD_USAGE,
                       "drop spec, character %llu: %s@%zu needs a drop plan; give one with --plan FILE (the "
                       "plan command "
                       "writes it)",
                       place(p, term), kind_names[kind], count);
    const ll_drop_order *order = &p->orders->order[kind];
    if (count > order->count)
        return ll_fail(p->error, LL_BAD_USAGE,
                       "drop spec, character %llu: %s@%zu asks for more than the plan's %zu", place(p, term),
                       kind_names[kind], count, order->count);
    for (size_t i = 0; i < count; i++)
        LL_TRY(drop_module(p, order->modules[i].kind, order->modules[i].layer, term));
    return LL_OK;
}

static ll_status parse_term(parser *p) {
    const char *term = p->at;
    const size_t length = strcspn(term, ":@+");
    ll_drop_kind kind = LL_ATTN;
    const bool known = ll_drop_kind_parse(term, length, &kind) == LL_OK;
    p->at = term + length;
    if (known && *p->at == ':' && kind != LL_JOINT)
        return parse_list(p, kind);
    if (known && *p->at == '@')
        return parse_count(p, kind, term);
    if (known && *p->at == ':')
        return ll_fail(p->error, LL_BAD_USAGE,
                       "drop spec, character %llu: joint is a mixture of attn and mlp: write joint@N, or "
                       "attn:LIST+mlp:LIST",
                       place(p, term));
    const char *text;
    const int shown = found(term, &text);
    return ll_fail(p->error, LL_BAD_USAGE,
                   "drop spec, character %llu: expected attn, mlp or block with :LIST or @N (or joint@N), "
                   "found \"%.*s\"",
                   place(p, term), shown, text);
}

static ll_status parse_spec(parser *p) {
    for (;;) {
        LL_TRY(parse_term(p));
        if (!*p->at)
            return LL_OK;
        if (*p->at != '+') {
            const char *text;
            const int length = found(p->at, &text);
            return ll_fail(p->error, LL_BAD_USAGE,
                           "drop spec, character %llu: expected ',' or '+' or the end, found \"%.*s\"",
                           place(p, p->at), length, text);
        }
        p->at++;
    }
}

ll_status ll_drop_parse(ll_mask *out, const char *spec, size_t layers, const ll_drop_orders *orders,
                        ll_error *error) {
    memset(out, 0, sizeof *out);
    if (layers == 0 || layers > LL_MAX_LAYERS)
        return ll_fail(error, LL_BAD_USAGE, "a drop needs a model of 1 to %d layers, this one has %zu",
                       LL_MAX_LAYERS, layers);
    if (!*spec || strcmp(spec, "none") == 0)
        return LL_OK;
    parser p = {spec, spec, layers, orders, out, error};
    const ll_status status = parse_spec(&p);
    if (status != LL_OK)
        memset(out, 0, sizeof *out);
    return status;
}

/* ---- the canonical form ---- */
typedef struct {
    char *out;
    size_t used;
} writer;

static void put_number(writer *w, const char *before, size_t number) {
    w->used += (size_t)snprintf(w->out + w->used, LL_MASK_TEXT - w->used, "%s%zu", before, number);
}

/* "attn:" and the layers of which chosen says so; nothing when there are none. */
static void put_term(writer *w, ll_drop_kind kind, const ll_mask *mask, size_t layers) {
    bool chosen[LL_MAX_LAYERS + 1] = {false};
    for (size_t i = 0; i < layers; i++) {
        const bool both = mask->attn[i] && mask->mlp[i];
        chosen[i] = kind == LL_BLOCK ? both : !both && (kind == LL_ATTN ? mask->attn[i] : mask->mlp[i]);
    }
    bool first = true;
    for (size_t i = 0; i < layers; i++) {
        if (!chosen[i])
            continue;
        size_t last = i;
        while (chosen[last + 1])
            last++;
        if (first)
            w->used += (size_t)snprintf(w->out + w->used, LL_MASK_TEXT - w->used, "%s%s:", w->used ? "+" : "",
                                        kind_names[kind]);
        put_number(w, first ? "" : ",", i);
        if (last >= i + 2) {
            put_number(w, "-", last);
            i = last;
        }
        first = false;
    }
}

void ll_mask_format(const ll_mask *mask, size_t layers, char *out) {
    writer w = {out, 0};
    out[0] = 0;
    put_term(&w, LL_BLOCK, mask, layers);
    put_term(&w, LL_ATTN, mask, layers);
    put_term(&w, LL_MLP, mask, layers);
    if (!w.used)
        memcpy(out, "none", sizeof "none");
}

bool ll_mask_drops(const ll_mask *mask, ll_module module) {
    return (module.kind == LL_MLP || mask->attn[module.layer]) &&
           (module.kind == LL_ATTN || mask->mlp[module.layer]);
}

void ll_mask_drop(ll_mask *mask, ll_module module) {
    mask->attn[module.layer] |= module.kind != LL_MLP;
    mask->mlp[module.layer] |= module.kind != LL_ATTN;
}

size_t ll_mask_count(const bool *dropped, size_t layers) {
    size_t count = 0;
    for (size_t i = 0; i < layers; i++)
        count += dropped[i];
    return count;
}

void ll_mask_add(ll_mask *into, const ll_mask *more) {
    for (size_t i = 0; more && i < LL_MAX_LAYERS; i++) {
        into->attn[i] |= more->attn[i];
        into->mlp[i] |= more->mlp[i];
    }
}
