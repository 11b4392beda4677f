/* The threads of a model: made once, each bound to its CPU, woken for each piece of work. The thread that calls for the work is
 * thread 0, bound as long as the work lasts. A barrier gathers a node's threads, then the nodes. Private to model/. */
#ifndef LL_TEAM_H
#define LL_TEAM_H
#include "placement.h"

typedef struct ll_team ll_team;

/* One thread in a piece of work. */
typedef struct {
    ll_team *team;
    size_t thread, threads; /* of all that work */
    size_t node, nodes;     /* of the placement */
    size_t place, places;   /* among those of its node that work */
    size_t number;          /* in the placement: the same in every work, whoever else works */
    uint32_t epoch;         /* of the barrier */
} ll_member;

/* Threads where the placement says; both outlive the team. LL_NO_RESOURCE: a thread cannot be made, or, of a strict placement,
 * not be bound. */
ll_status ll_team_create(ll_team **out, const ll_placement *placement, const ll_topology *topology,
                         ll_error *error);
/* NULL is fine. */
void ll_team_destroy(ll_team *team);
const ll_placement *ll_team_placement(const ll_team *team);

/* Runs work on threads threads (0: all), of every node its share and at least one; returns when all have ended. A second
 * caller waits for the first; never within work. */
void ll_team_run(ll_team *team, size_t threads, void (*work)(void *context, ll_member *member),
                 void *context);
/* Within work: until every thread that works has come here. What any of them wrote before, all see after. */
void ll_team_wait(ll_member *member);

/* Seconds that threads have waited for each other since the team was made, those of all threads together. */
double ll_team_waited(const ll_team *team);
/* How many threads the system says, when asked now, run on the CPU of the plan and on no other; *error: the first errno of
 * binding, 0: none. */
size_t ll_team_bound(ll_team *team, int *error);
#endif
