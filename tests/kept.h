/* Loads of toy and synthetic models whose packed weights are kept, compared with loads that know no kept file. */
#ifndef LL_KEPT_H
#define LL_KEPT_H
#include "model.h"
#include "toy_gguf.h"

enum { LL_KEPT_PATH = 512 };

/* What is loaded, and where its packed weights are kept. */
typedef struct {
    char source[LL_KEPT_PATH]; /* "": synthetic */
    ll_config shape;           /* of a synthetic one */
    ll_model_options options;
    char folder[LL_KEPT_PATH];
} ll_kept;

extern ll_error ll_kept_error; /* of the last load */

void ll_kept_new_cache(ll_kept *s);
const ll_toy *ll_kept_the_toy(void);
void ll_kept_begin_toy(ll_kept *s);
void ll_kept_begin_synthetic(ll_kept *s);
ll_status ll_kept_load(const ll_kept *s, const ll_model_options *options, ll_model **model);
void ll_kept_expect(const ll_kept *s, bool hit, const char *what);
void ll_kept_expect_remade(const ll_kept *s, const char *what);
size_t ll_kept_count_files(const char *folder, char out[LL_KEPT_PATH]);
bool ll_kept_kept_file(const ll_kept *s, char out[LL_KEPT_PATH]);
void ll_kept_expect_not_kept(const ll_kept *s, const char *part);
#endif
