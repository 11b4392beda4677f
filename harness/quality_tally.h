/* What the first passages of a quality run have added up to, kept in a file: an interrupted run goes on from there. */
#ifndef LL_QUALITY_TALLY_H
#define LL_QUALITY_TALLY_H
#include "quality.h"
#include "sha256.h"

typedef struct {
    char **drops; /* [count], in the grammar of drop.h */
    size_t count;
    ll_quality_tally tally; /* sums [count] */
} ll_quality_part;

/* key: a hash of all that the sums depend on but the drops. A file that is not there, is damaged (names a drop twice) or of another key
 * gives no drops. */
void ll_quality_part_read(ll_quality_part *out, size_t passages, const char *key, const char *path);
void ll_quality_part_free(ll_quality_part *part);
ll_status ll_quality_part_write(const char *const *drops, size_t count, const ll_quality_tally *tally,
                                const char *key, const char *path, ll_error *error);
#endif
