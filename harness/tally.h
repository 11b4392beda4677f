/* The tally of an importance run under way, kept beside its rows so that an interrupted run goes on from it. */
#ifndef LL_TALLY_H
#define LL_TALLY_H
#include "importance.h"

/* What a tally belongs to: of another model, text, length or setting (weights, ISA: what rounds in its own way) it is worth nothing. */
typedef struct {
    const char *model_sha256, *data_sha256, *setting;
    size_t length, layers, samples;
} ll_tally_key;

/* The tally in path; {0} when there is none, it belongs to something else, or it is damaged: it is only a saving. */
ll_tally ll_tally_read(const char *path, const ll_tally_key *key);
/* Written beside and renamed. */
ll_status ll_tally_write(const ll_tally *tally, const ll_tally_key *key, const char *path, ll_error *error);
#endif
