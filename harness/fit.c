#include "fit.h"
#include "cmd.h"
#include "needs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CACHES = 4 }; /* last-level caches that weights should fill to be read from memory */

static uint64_t weights_of(const ll_fit_request *r, size_t resident) {
    ll_model_options options = *r->options;
    options.resident = resident;
    return ll_config_weight_bytes(r->shape, &options);
}

/* A session (one is there at a time), and what a timing keeps beside it. */
static uint64_t session_of(const ll_fit_request *r, size_t batch) {
    const uint64_t one = ll_config_session_bytes(r->shape, r->options, batch, r->capacity);
    return ll_sum_or_max(one, ll_needs_timing_bytes(r->shape, r->prompt, batch));
}

static uint64_t beside_weights(const ll_fit *fit) {
    return ll_sum_or_max(fit->session, LL_NEEDS_RESERVE);
}

static bool fits(const ll_fit *fit) {
    return ll_sum_or_max(fit->weights, beside_weights(fit)) <= fit->available;
}

/* The most blocks whose weights fit beside the session; the fewest where none do, so that the refusal tells their size. */
static void shrink_weights(ll_fit *fit, const ll_fit_request *r) {
    if (fits(fit) || fit->session >= fit->available)
        return;
    const size_t blocks = ll_needs_resident(r->shape, r->options, beside_weights(fit), fit->available);
    fit->resident = blocks ? blocks : ll_needs_least_resident(r->shape);
    fit->weights = weights_of(r, fit->resident);
}

static void grow_batch(ll_fit *fit, const ll_fit_request *r) {
    size_t good = 1, bad = LL_MAX_BATCH + 1;
    while (bad - good > 1) {
        ll_fit tried = *fit;
        tried.batch = good + (bad - good) / 2;
        tried.session = session_of(r, tried.batch);
        if (fits(&tried)) {
            good = tried.batch;
            *fit = tried;
        } else {
            bad = tried.batch;
        }
    }
}

static ll_status refuse(const ll_fit *fit, const ll_fit_request *r, ll_error *error) {
    char weights[LL_BYTES_TEXT], session[LL_BYTES_TEXT], reserve[LL_BYTES_TEXT], available[LL_BYTES_TEXT];
    ll_cmd_bytes_text(fit->weights, weights);
    ll_cmd_bytes_text(fit->session, session);
    ll_cmd_bytes_text(LL_NEEDS_RESERVE, reserve);
    ll_cmd_bytes_text(fit->available, available);
    return ll_fail(
        error, LL_NO_RESOURCE,
        "needs %s of weights%s, %s of KV-cache and buffers (%zu positions, batch %zu) and %s beside; "
        "%s are available: ask for fewer tokens, a smaller --batch%s",
        weights, fit->resident < r->shape->layers ? " though only some blocks are kept" : "", session,
        r->capacity, fit->batch, reserve, available,
        r->synthetic ? ", a smaller --resident or --kv int8"
                     : ", --kv int8, or --synthetic --resident for speed alone");
}

/* Fewer blocks, or so few bytes that a cache holds them, would not be read from memory as a model's are. */
static ll_status check_resident(const ll_fit_request *r, ll_error *error) {
    const size_t asked = r->options->resident, layers = r->shape->layers;
    const size_t least = ll_needs_least_resident(r->shape);
    if (!asked || (asked >= least && asked <= layers))
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "--resident %zu: expected %zu to the model's %zu blocks", asked,
                   least, layers);
}

ll_status ll_fit_find(ll_fit *out, const ll_fit_request *r, ll_error *error) {
    ll_machine machine;
    LL_TRY(check_resident(r, error));
    LL_TRY(ll_machine_probe(&machine, "", error));
    const size_t asked = r->options->resident, layers = r->shape->layers;
    *out = (ll_fit){.available = machine.available,
                    .resident = asked ? asked : layers,
                    .batch = r->batch == LL_BATCH_MAX ? 1 : r->batch};
    out->weights = weights_of(r, out->resident);
    out->session = session_of(r, out->batch);
    if (r->synthetic && !asked)
        shrink_weights(out, r);
    if (r->batch == LL_BATCH_MAX && fits(out))
        grow_batch(out, r);
    out->cached = out->weights < CACHES * machine.l3;
    return fits(out) ? LL_OK : refuse(out, r, error);
}

void ll_fit_say(const ll_fit *fit, const ll_fit_request *r) {
    char weights[LL_BYTES_TEXT], session[LL_BYTES_TEXT], available[LL_BYTES_TEXT];
    ll_cmd_bytes_text(fit->weights, weights);
    ll_cmd_bytes_text(fit->session, session);
    ll_cmd_bytes_text(fit->available, available);
    fprintf(stderr, "needs %s of weights and %s of KV-cache and buffers; %s are available", weights, session,
            available);
    if (r->batch == LL_BATCH_MAX)
        fprintf(stderr, "; the largest batch that fits is %zu", fit->batch);
    if (fit->resident < r->shape->layers)
        fprintf(stderr,
                "; resident=%zu/%zu: the weights of %zu blocks are kept, the others run on them in turn",
                fit->resident, r->shape->layers, fit->resident);
    fputc('\n', stderr);
    if (fit->cached && r->synthetic)
        fprintf(stderr,
                "the weights are no more than %d last-level caches: decode is timed out of the cache, not of "
                "memory\n",
                CACHES);
}

uint64_t ll_peak_memory(void) {
    char line[256];
    uint64_t kib = 0;
    FILE *file = fopen("/proc/self/status", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0)
            (void)sscanf(line + 6, "%" SCNu64, &kib);
    if (file)
        fclose(file);
    return kib * 1024;
}
