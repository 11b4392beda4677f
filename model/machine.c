#include "machine.h"
#include "cpu_mask.h"

#include <ctype.h>
#include <errno.h>
#include <hwloc.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096, MAX_QUOTA = 1 << 20 };

/* ---- topology ---- */

/* Objects of a type that hold a CPU of the mask. */
static size_t count_objects(hwloc_topology_t topology, hwloc_const_cpuset_t mask, hwloc_obj_type_t type) {
    size_t count = 0;
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(topology, type, o)) != NULL;)
        count += hwloc_bitmap_intersects(o->cpuset, mask) ? 1 : 0;
    return count;
}

static uint64_t cache_bytes(hwloc_topology_t topology, hwloc_const_cpuset_t mask, hwloc_obj_type_t type) {
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_obj_by_type(topology, type, o)) != NULL;)
        if (hwloc_bitmap_intersects(o->cpuset, mask))
            return o->attr->cache.size;
    return 0;
}

/* What the first package that says it, or the machine, says of its CPU. */
static const char *cpu_info(hwloc_topology_t topology, const char *key) {
    const char *value = NULL;
    for (hwloc_obj_t o = NULL;
         !value && (o = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PACKAGE, o)) != NULL;)
        value = hwloc_obj_get_info_by_name(o, key);
    return value ? value : hwloc_obj_get_info_by_name(hwloc_get_root_obj(topology), key);
}

/* 64-bit ARM has numbers for a name (MIDR_EL1): those of servers, by the makers' manuals; others as they are. */
static void name_arm_core(char *out, size_t capacity, const char *implementer, const char *part) {
    static const struct {
        unsigned long implementer, part;
        const char *name;
    } cores[] = {
        {0x41, 0xd08, "Arm Cortex-A72"},  {0x41, 0xd0c, "Arm Neoverse-N1"}, {0x41, 0xd40, "Arm Neoverse-V1"},
        {0x41, 0xd49, "Arm Neoverse-N2"}, {0x41, 0xd4f, "Arm Neoverse-V2"}, {0x41, 0xd84, "Arm Neoverse-V3"},
        {0x41, 0xd8e, "Arm Neoverse-N3"}, {0xc0, 0xac3, "Ampere-1"},        {0xc0, 0xac4, "Ampere-1A"},
    };
    const unsigned long maker = strtoul(implementer, NULL, 0), core = strtoul(part, NULL, 0);
    for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++)
        if (cores[i].implementer == maker && cores[i].part == core) {
            snprintf(out, capacity, "%s", cores[i].name);
            return;
        }
    snprintf(out, capacity, "ARM core %s of implementer %s", part, implementer);
}

static void copy_cpu_name(ll_machine *out, hwloc_topology_t topology) {
    const char *const name = cpu_info(topology, "CPUModel"), *const part = cpu_info(topology, "CPUPart"),
                      *const implementer = cpu_info(topology, "CPUImplementer");
    if ((!name || !*name) && part && implementer)
        name_arm_core(out->cpu, sizeof out->cpu, implementer, part);
    else
        snprintf(out->cpu, sizeof out->cpu, "%s", name && *name ? name : "unknown CPU");
    for (char *c = out->cpu; *c; c++)
        if (!isprint((unsigned char)*c))
            *c = '?';
}

static ll_status read_topology(ll_machine *out, hwloc_topology_t topology, ll_error *error) {
    hwloc_cpuset_t mask = hwloc_bitmap_alloc();
    if (!mask)
        return ll_fail(error, LL_NO_RESOURCE, "no memory to read the machine's topology");
    ll_find_mask(topology, mask);
    out->cpus = count_objects(topology, mask, HWLOC_OBJ_PU);
    out->cores = count_objects(topology, mask, HWLOC_OBJ_CORE);
    if (out->cores == 0) /* some virtual machines show no cores */
        out->cores = out->cpus;
    out->packages = count_objects(topology, mask, HWLOC_OBJ_PACKAGE);
    out->nodes = count_objects(topology, mask, HWLOC_OBJ_NUMANODE);
    out->l2 = cache_bytes(topology, mask, HWLOC_OBJ_L2CACHE);
    out->l3 = cache_bytes(topology, mask, HWLOC_OBJ_L3CACHE);
    copy_cpu_name(out, topology);
    hwloc_bitmap_free(mask);
    if (out->cpus == 0)
        return ll_fail(error, LL_NO_RESOURCE,
                       "the machine's topology shows no CPU that this process may run on");
    return LL_OK;
}

static ll_status probe_topology(ll_machine *out, ll_error *error) {
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) != 0)
        return ll_fail(error, LL_NO_RESOURCE, "hwloc cannot start: %s", strerror(errno));
    ll_status status =
        hwloc_topology_load(topology) == 0
            ? read_topology(out, topology, error)
            : ll_fail(error, LL_NO_RESOURCE, "hwloc cannot read the machine's topology: %s", strerror(errno));
    hwloc_topology_destroy(topology);
    return status;
}

/* ---- small files of /proc and /sys ---- */

/* First line of a file, without its end; false: not there. */
static bool read_line(const char *path, char *line, size_t capacity) {
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    const bool read = fgets(line, (int)capacity, file) != NULL;
    fclose(file);
    if (read)
        line[strcspn(line, "\n")] = 0;
    return read;
}

/* The number after the first word that equals key, as in /proc/meminfo and memory.stat; false: not there. */
static bool read_field(const char *path, const char *key, uint64_t *out) {
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    char line[256], word[128];
    bool found = false;
    while (!found && fgets(line, sizeof line, file))
        found = sscanf(line, "%127s %" SCNu64, word, out) == 2 && strcmp(word, key) == 0;
    fclose(file);
    return found;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* ---- control groups ---- */

/* Limits found so far, the tightest of all levels; UINT64_MAX: none. */
typedef struct {
    double cpus;     /* 0: no quota */
    uint64_t memory; /* limit */
    uint64_t free;   /* limit less what cannot be given back */
} limits;

static void add_quota(limits *found, double quota, double period) {
    if (quota > 0 && period > 0 && (found->cpus == 0 || quota / period < found->cpus))
        found->cpus = quota / period;
}

/* used counts page cache, which the kernel gives back when the group needs room. */
static void add_memory(limits *found, uint64_t limit, uint64_t used, uint64_t cached) {
    const uint64_t held = used > cached ? used - cached : 0;
    found->memory = least(found->memory, limit);
    found->free = least(found->free, limit > held ? limit - held : 0);
}

/* Builds "folder/name"; false: too long (then there is no such file). */
static bool join(char path[PATH_BYTES], const char *folder, const char *name) {
    const int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return length > 0 && length < PATH_BYTES;
}

static bool read_number(const char *folder, const char *name, uint64_t *out) {
    char path[PATH_BYTES], line[64];
    return join(path, folder, name) && read_line(path, line, sizeof line) &&
           sscanf(line, "%" SCNu64, out) == 1;
}

static uint64_t read_cached(const char *folder, const char *const keys[2]) {
    char path[PATH_BYTES];
    uint64_t sum = 0;
    for (size_t i = 0; i < 2; i++) {
        uint64_t value;
        if (join(path, folder, "memory.stat") && read_field(path, keys[i], &value))
            sum += value;
    }
    return sum;
}

static void read_v2(limits *found, const char *folder) {
    char path[PATH_BYTES], line[64];
    double quota, period;
    if (join(path, folder, "cpu.max") && read_line(path, line, sizeof line) &&
        sscanf(line, "%lf %lf", &quota, &period) == 2)
        add_quota(found, quota, period);
    uint64_t limit, used = 0;
    if (read_number(folder, "memory.max", &limit)) { /* "max" is no number */
        read_number(folder, "memory.current", &used);
        add_memory(found, limit, used,
                   read_cached(folder, (const char *const[2]){"inactive_file", "active_file"}));
    }
}

static void read_v1(limits *found, const char *folder) {
    char path[PATH_BYTES], line[64];
    double quota;
    uint64_t period;
    if (join(path, folder, "cpu.cfs_quota_us") && read_line(path, line, sizeof line) &&
        sscanf(line, "%lf", &quota) == 1 && read_number(folder, "cpu.cfs_period_us", &period))
        add_quota(found, quota, (double)period); /* -1: none */
    uint64_t limit, used = 0;
    if (read_number(folder, "memory.limit_in_bytes", &limit)) {
        read_number(folder, "memory.usage_in_bytes", &used);
        add_memory(found, limit, used,
                   read_cached(folder, (const char *const[2]){"total_inactive_file", "total_active_file"}));
    }
}

/* Reads group and all its parents below mount. A container may see its group's path but not the folders: what
 * is absent is skipped, the mount itself (there the container's own group) always counts. */
static void read_levels(limits *found, const char *mount, const char *group,
                        void (*read)(limits *, const char *)) {
    char folder[PATH_BYTES];
    const size_t base = strlen(mount);
    if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder)
        return;
    for (size_t length = strlen(folder); length > base; length = strlen(folder)) {
        if (folder[length - 1] != '/')
            read(found, folder);
        char *slash = strrchr(folder + base, '/');
        folder[slash ? (size_t)(slash - folder) : base] = 0;
    }
    read(found, mount);
}

/* A line of /proc/self/cgroup: "number:controllers:/group"; version 2 has the number 0 and no controllers. */
static void read_group_line(limits *found, const char *root, char *line) {
    char mount[PATH_BYTES];
    line[strcspn(line, "\n")] = 0;
    char *controllers = strchr(line, ':');
    char *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return;
    *controllers++ = 0;
    *group++ = 0;
    if (!*controllers) {
        static const char *const MOUNTS[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
        for (size_t i = 0; i < 2; i++)
            if (snprintf(mount, sizeof mount, "%s%s", root, MOUNTS[i]) < (int)sizeof mount)
                read_levels(found, mount, group, read_v2);
        return;
    }
    /* Joint controllers are mounted under their joint name, mostly with links of the single names beside it.
     */
    if (snprintf(mount, sizeof mount, "%s/sys/fs/cgroup/%s", root, controllers) < (int)sizeof mount)
        read_levels(found, mount, group, read_v1);
}

static limits read_limits(const char *root) {
    limits found = {.memory = UINT64_MAX, .free = UINT64_MAX};
    char path[PATH_BYTES], line[PATH_BYTES];
    if (snprintf(path, sizeof path, "%s/proc/self/cgroup", root) >= (int)sizeof path)
        return found;
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file))
        read_group_line(&found, root, line);
    if (file)
        fclose(file);
    return found;
}

/* ---- the whole ---- */

static ll_status read_memory(ll_machine *out, const char *root, const limits *found, ll_error *error) {
    char path[PATH_BYTES];
    uint64_t total, available;
    if (snprintf(path, sizeof path, "%s/proc/meminfo", root) >= (int)sizeof path ||
        !read_field(path, "MemTotal:", &total) || !read_field(path, "MemAvailable:", &available))
        return ll_fail(error, LL_NO_RESOURCE,
                       "%s/proc/meminfo: no MemTotal and MemAvailable, expected on Linux 3.14 and later",
                       root);
    out->memory = least(total * 1024, found->memory);
    out->available = least(available * 1024, found->free);
    return LL_OK;
}

ll_status ll_machine_probe(ll_machine *out, const char *root, ll_error *error) {
    *out = (ll_machine){0};
    LL_TRY(probe_topology(out, error));
    const limits found = read_limits(root);
    LL_TRY(read_memory(out, root, &found, error));
    if (found.cpus > 0) /* floor, within 1 and a number no machine has: a file's number may be anything */
        out->quota = found.cpus < 1 ? 1 : found.cpus > MAX_QUOTA ? MAX_QUOTA : (size_t)found.cpus;
    out->threads = out->quota && out->quota < out->cores ? out->quota : out->cores;
    return LL_OK;
}

ll_status ll_memory_require(uint64_t bytes, const char *what, ll_error *error) {
    ll_machine now = {0};
    const limits found = read_limits("");
    LL_TRY(read_memory(&now, "", &found, error));
    if (bytes > now.available)
        return ll_fail(
            error, LL_NO_RESOURCE,
            "%s needs %.1f MB of memory, %.1f MB are available; free some or choose something smaller", what,
            (double)bytes / 1e6, (double)now.available / 1e6);
    return LL_OK;
}
