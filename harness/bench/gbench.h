/* Google Benchmark for C: it chooses how often a case runs, repeats it, filters, writes its JSON; the cases are ours.
 * gbench.cc is the project's only C++ file. */
#ifndef LL_GBENCH_H
#define LL_GBENCH_H
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ll_gbench_state ll_gbench_state; /* one run of a case */

/* Runs a case: while ll_gbench_next, runs runs timed together by the case itself. */
typedef void ll_gbench_run(ll_gbench_state *state, void *argument);
bool ll_gbench_next(ll_gbench_state *state, size_t runs);
void ll_gbench_time(ll_gbench_state *state, double seconds); /* of the runs under way, all of them */
void ll_gbench_counter(ll_gbench_state *state, const char *name, double value);
/* The case is not timed, and why. Nothing of the state may be asked afterwards. */
void ll_gbench_refuse(ll_gbench_state *state, const char *why);

void ll_gbench_register(const char *name, ll_gbench_run *run, void *argument);

/* All repetitions of one case, once they are done. */
typedef struct {
    const char *name;
    const char *refused;   /* NULL: it was timed */
    const double *seconds; /* [count] of a run, one value a repetition */
    size_t count;
} ll_gbench_result;
/* Called after each case; counter gives the values of a counter in out[count], false where the case has none. */
typedef struct {
    void (*result)(void *context, const ll_gbench_result *result,
                   bool (*counter)(const void *runs, const char *name, double *out), const void *runs);
    void *context;
} ll_gbench_reporter;

/* Takes the options that Google Benchmark knows out of argv; one whose value is wrong ends the program. */
void ll_gbench_begin(int *argc, char **argv);
/* Runs the registered cases that the filter lets through; returns their number. */
size_t ll_gbench_run_all(const ll_gbench_reporter *reporter);

#ifdef __cplusplus
}
#endif
#endif
