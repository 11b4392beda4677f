/* What both who look at a machine by hwloc ask first. Private to model/. */
#ifndef LL_CPU_MASK_H
#define LL_CPU_MASK_H
#include <hwloc.h>

/* The CPUs that the calling thread may run on; a described topology has no masks, so all of it counts. */
void ll_find_mask(hwloc_topology_t hwloc, hwloc_cpuset_t mask);
#endif
