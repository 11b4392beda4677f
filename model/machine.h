/* What this process may use of the machine: CPUs by its affinity mask and cgroup quota, memory. */
#ifndef LL_MACHINE_H
#define LL_MACHINE_H
#include "error.h"

typedef struct {
    char cpu[128]; /* model name, printable */
    size_t nodes;  /* NUMA nodes that hold CPUs of the mask */
    size_t packages;
    size_t cores;       /* physical cores of the mask */
    size_t cpus;        /* logical CPUs of the mask */
    size_t quota;       /* floor of the cgroup CPU quota, at least 1; 0: none */
    size_t threads;     /* the default thread count: min(cores, quota) */
    uint64_t l2, l3;    /* bytes, of one cache; 0: unknown */
    uint64_t memory;    /* bytes in all */
    uint64_t available; /* bytes this process may still take: MemAvailable and the cgroup's limit */
} ll_machine;

/* By hwloc, /proc and /sys. root is "" on a real machine; tests give a folder that holds a fake /proc and
 * /sys/fs/cgroup. */
ll_status ll_machine_probe(ll_machine *out, const char *root, ll_error *error);

/* LL_NO_RESOURCE, naming what is needed and what there is, when bytes is more than is available now. */
ll_status ll_memory_require(uint64_t bytes, const char *what, ll_error *error);
#endif
