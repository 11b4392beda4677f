/* The machine's limits, on the threads and over the weights that the model itself uses. */
#include "session.h"

#include <string.h>
#include <time.h>

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* What every thread does at once, and what they have done together. */
typedef struct {
    const ll_kernels *kernels;
    double (*probe)(size_t rounds);
    const uint8_t *base[LL_MAX_NODES]; /* or: pages that the threads of a node read */
    size_t pages[LL_MAX_NODES];
    int variant;
    double *ops;    /* [threads] */
    uint64_t *sums; /* [threads] */
} probing;

enum { PAGE = 4096, ROUNDS = 100000 };

static void probe_peak(void *context, ll_member *m) {
    const probing *p = context;
    p->ops[m->thread] = p->probe(ROUNDS);
}

static void probe_reading(void *context, ll_member *m) {
    const probing *p = context;
    size_t first, end;
    ll_share(p->pages[m->node], m->place, m->places, 1, &first, &end);
    p->sums[m->thread] =
        p->kernels->read_stream(p->base[m->node] + first * PAGE, (end - first) * PAGE, p->variant);
}

static double measure_peak(ll_team *team, double (*probe)(size_t rounds)) {
    enum { REPEATS = 5 };
    double ops[LL_MAX_THREADS], best = 0;
    probing p = {.probe = probe, .ops = ops};
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double all = 0;
        const double began = seconds();
        ll_team_run(team, 0, probe_peak, &p);
        const double took = seconds() - began;
        for (size_t i = 0; i < ll_team_placement(team)->threads; i++)
            all += ops[i];
        best = all / took > best ? all / took : best;
    }
    return best;
}

/* The best of the ways to read, each tried as often as it takes to read a few hundred megabytes, four times at most. */
static double measure_bandwidth(probing *p, ll_team *team) {
    enum { REPEATS = 4, PAGES_ENOUGH = (256 << 20) / PAGE };
    size_t pages = 0;
    for (size_t i = 0; i < ll_team_placement(team)->nodes; i++)
        pages += p->pages[i];
    const size_t asked = PAGES_ENOUGH / (pages ? pages : 1) + 1;
    const size_t repeats = asked < REPEATS ? asked : REPEATS;
    uint64_t sums[LL_MAX_THREADS];
    double best = 0;
    p->sums = sums;
    for (size_t repeat = 0; repeat < repeats * LL_READ_VARIANTS; repeat++) {
        uint64_t sum = 0;
        p->variant = (int)(repeat % LL_READ_VARIANTS);
        const double began = seconds();
        ll_team_run(team, 0, probe_reading, p);
        const double rate = (double)(pages * PAGE) / (seconds() - began);
        for (size_t i = 0; i < ll_team_placement(team)->threads; i++)
            sum += sums[i];
        if (rate > best && sum != 1) /* the sum is used, so that no compiler can leave the reads out */
            best = rate;
    }
    return best;
}

static void measure_compute(const ll_kernels *kernels, ll_team *team, ll_limits *out) {
    out->ops_per_s = measure_peak(team, kernels->peak_i8);
    out->f32_ops_per_s = measure_peak(team, kernels->peak_f32);
}

void ll_model_measure_compute(const ll_model *model, ll_limits *out) {
    measure_compute(&model->kernels, model->team, out);
}

/* Every node's threads read what their node holds. */
void ll_model_measure_bandwidth(const ll_model *model, ll_limits *out) {
    enum { PAGES_MAX = (1 << 30) / PAGE }; /* far beyond any cache, and read within the time of a step */
    const ll_arena *arena = &model->weights.arena;
    const size_t nodes = model->placement.nodes;
    probing p = {.kernels = &model->kernels};
    for (size_t i = 0; i < nodes; i++) {
        const size_t pages = ll_arena_zone_bytes(arena, i) / PAGE;
        p.base[i] = arena->base + arena->zone[i];
        p.pages[i] = pages < PAGES_MAX / nodes ? pages : PAGES_MAX / nodes;
    }
    out->bytes_per_s = measure_bandwidth(&p, model->team);
}

/* By who reads them; pages that were never written are all the same one. */
static void fill(void *context, ll_member *m) {
    const probing *p = context;
    size_t first, end;
    ll_share(p->pages[m->node], m->place, m->places, 1, &first, &end);
    memset((uint8_t *)(uintptr_t)p->base[m->node] + first * PAGE, 1, (end - first) * PAGE);
}

ll_status ll_machine_measure_limits(const ll_model_options *options, ll_limits *out, ll_error *error) {
    enum { BYTES = 128 << 20 };
    ll_kernels kernels;
    ll_machine machine;
    ll_topology *topology = NULL;
    ll_team *team = NULL;
    ll_placement placement;
    ll_arena memory = {.used = BYTES};
    LL_TRY(ll_model_select_kernels(&kernels, options, error));
    LL_TRY(ll_machine_probe(&machine, "", error));
    LL_TRY(ll_topology_load(&topology, NULL, error));
    ll_status status =
        ll_placement_plan(&placement, topology, &options->placement, options->threads, machine.quota, error);
    if (status == LL_OK)
        status = ll_team_create(&team, &placement, topology, error);
    if (status == LL_OK)
        status = ll_arena_map(&memory, "a probe of the memory's bandwidth", NULL, error);
    if (status == LL_OK) {
        measure_compute(&kernels, team, out);
        probing p = {.kernels = &kernels};
        for (size_t i = 0, begin, end; i < placement.nodes; i++) {
            ll_placement_share(&placement, i, memory.mapped / PAGE, 1, &begin, &end);
            p.base[i] = memory.base + begin * PAGE;
            p.pages[i] = end - begin;
        }
        ll_team_run(team, 0, fill, &p);
        out->bytes_per_s = measure_bandwidth(&p, team);
    }
    ll_arena_unmap(&memory);
    ll_team_destroy(team);
    ll_topology_free(topology);
    return status;
}
