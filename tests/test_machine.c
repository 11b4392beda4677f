/* What a process may use: CPU masks, made-up topologies, control groups of both versions, memory. */
#include "machine.h"
#include "test.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- a made-up /proc and /sys ---- */

/* A folder of the test's own, with a meminfo of 16 GiB of which 8 GiB are available. */
static const char *new_root(const char *name) {
    static char root[128];
    snprintf(root, sizeof root, "%s/%s", ll_test_folder(), name);
    mkdir(root, 0700);
    return root;
}

static void put_file(const char *root, const char *file, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, file);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    ll_test_write(path, text, strlen(text));
}

static const char *root_with_groups(const char *name, const char *groups) {
    const char *root = new_root(name);
    put_file(root, "proc/meminfo",
             "MemTotal:       16777216 kB\nMemFree: 1 kB\nMemAvailable:    8388608 kB\n");
    put_file(root, "proc/self/cgroup", groups);
    return root;
}

static ll_machine probe(const char *root) {
    ll_machine machine;
    ll_error error = {""};
    const ll_status status = ll_machine_probe(&machine, root, &error);
    CHECK_MSG(status == LL_OK, "%s", error.text);
    return machine;
}

/* ---- CPU quota ---- */

static size_t quota_of(const char *name, const char *cpu_max) {
    const char *root = root_with_groups(name, "0::/\n");
    put_file(root, "sys/fs/cgroup/cpu.max", cpu_max);
    return probe(root).quota;
}

static void test_quota_v2(void) {
    CHECK(quota_of("seven", "765000 100000\n") == 7);
    CHECK(quota_of("none", "max 100000\n") == 0);
    CHECK(quota_of("half", "50000 100000\n") == 1);
    CHECK(quota_of("exact", "300000 100000\n") == 3);
    CHECK(quota_of("tiny period", "1000 1000\n") == 1);
    CHECK(quota_of("empty", "") == 0);
    CHECK(quota_of("nonsense", "many few\n") == 0);
    CHECK(quota_of("no period", "100000 0\n") == 0);
    CHECK(quota_of("negative", "-1 100000\n") == 0);
    CHECK(quota_of("huge", "1e300 1\n") > 1000);
    CHECK(probe(root_with_groups("no groups", "")).quota == 0);
}

static void test_quota_of_parents(void) {
    const char *root = root_with_groups("parent", "0::/kube/pod/container\n");
    put_file(root, "sys/fs/cgroup/kube/cpu.max", "250000 100000\n");
    put_file(root, "sys/fs/cgroup/kube/pod/cpu.max", "max 100000\n");
    put_file(root, "sys/fs/cgroup/kube/pod/container/cpu.max", "max 100000\n");
    CHECK(probe(root).quota == 2);
    put_file(root, "sys/fs/cgroup/kube/pod/container/cpu.max", "100000 100000\n");
    CHECK(probe(root).quota == 1);
    put_file(root, "sys/fs/cgroup/kube/pod/container/cpu.max", "900000 100000\n");
    CHECK(probe(root).quota == 2);
    /* Groups as the host names them, seen from inside the container: only the mount is there. */
    root = root_with_groups("hidden", "0::/docker/0123456789\n");
    put_file(root, "sys/fs/cgroup/cpu.max", "400000 100000\n");
    CHECK(probe(root).quota == 4);
}

static void test_quota_v1(void) {
    const char *root = root_with_groups("v1", "5:cpu,cpuacct:/a/b\n3:cpuset:/a\n1:name=systemd:/x\n0::/\n");
    put_file(root, "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
    put_file(root, "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
    CHECK(probe(root).quota == 0);
    put_file(root, "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "250000\n");
    put_file(root, "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
    CHECK(probe(root).quota == 5);
    root = root_with_groups("v1 alone", "1:cpu:/\n");
    put_file(root, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "765000\n");
    put_file(root, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    CHECK(probe(root).quota == 7);
}

/* Lines no kernel writes, and paths longer than any. */
static void test_odd_group_files(void) {
    char line[6000] = "0::/";
    memset(line + 4, 'x', sizeof line - 6);
    CHECK(probe(root_with_groups("long", line)).quota == 0);
    CHECK(probe(root_with_groups("odd", "\n:\n::\n0:\n0::\nno colon\n4:cpu\n")).quota == 0);
}

/* ---- memory ---- */

static void test_memory(void) {
    const uint64_t gib = 1ull << 30, mib = 1ull << 20;
    const char *root = root_with_groups("memory", "0::/a\n");
    ll_machine machine = probe(root);
    CHECK(machine.memory == 16 * gib && machine.available == 8 * gib);
    put_file(root, "sys/fs/cgroup/a/memory.max", "max\n");
    CHECK(probe(root).memory == 16 * gib);
    put_file(root, "sys/fs/cgroup/a/memory.max", "1073741824\n");
    put_file(root, "sys/fs/cgroup/a/memory.current", "629145600\n");
    machine = probe(root);
    CHECK(machine.memory == gib && machine.available == gib - 600 * mib);
    /* Page cache is given back when the group needs room: a model file that was just read must not count. */
    put_file(root, "sys/fs/cgroup/a/memory.stat", "anon 1\ninactive_file 104857600\nactive_file 314572800\n");
    CHECK(probe(root).available == gib - 200 * mib);
    put_file(root, "sys/fs/cgroup/memory.max", "536870912\n"); /* the parent is tighter, and overdrawn */
    put_file(root, "sys/fs/cgroup/memory.current", "629145600\n");
    machine = probe(root);
    CHECK(machine.memory == 512 * mib && machine.available == 0);
    root = root_with_groups("memory v1", "4:memory:/b\n");
    put_file(root, "sys/fs/cgroup/memory/b/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    CHECK(probe(root).memory == 16 * gib && probe(root).available == 8 * gib);
    put_file(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
    put_file(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741824\n");
    put_file(root, "sys/fs/cgroup/memory/memory.stat", "total_inactive_file 1048576\ntotal_active_file 0\n");
    machine = probe(root);
    CHECK(machine.memory == 2 * gib && machine.available == gib + mib);
}

static void test_no_meminfo(void) {
    ll_machine machine;
    ll_error error = {""};
    CHECK(ll_machine_probe(&machine, new_root("bare"), &error) == LL_NO_RESOURCE);
    CHECK_CONTAINS(error.text, "bare/proc/meminfo: no MemTotal and MemAvailable");
}

static void test_require(void) {
    ll_error error = {""};
    CHECK(ll_memory_require(1 << 20, "a test", &error) == LL_OK);
    CHECK(ll_memory_require(1ull << 60, "the model's weights", &error) == LL_NO_RESOURCE);
    CHECK_CONTAINS(error.text, "the model's weights needs 1152921504606.8 MB of memory, ");
    CHECK_CONTAINS(error.text, " MB are available");
}

/* ---- topology ---- */

static void test_this_machine(void) {
    const ll_machine machine = probe("");
    CHECK(machine.cpu[0] && machine.nodes >= 1 && machine.packages >= 1);
    CHECK(machine.cores >= 1 && machine.cores <= machine.cpus);
    CHECK(machine.threads >= 1 && machine.threads <= machine.cores);
    CHECK(machine.memory > 0 && machine.available <= machine.memory);
    cpu_set_t mask;
    REQUIRE(sched_getaffinity(0, sizeof mask, &mask) == 0);
    CHECK(machine.cpus == (size_t)CPU_COUNT(&mask));
}

/* As under `taskset -c N`: one CPU, whatever the machine has. */
static void test_affinity_mask(void) {
    cpu_set_t all, one;
    REQUIRE(sched_getaffinity(0, sizeof all, &all) == 0);
    size_t last = 0;
    for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
        last = CPU_ISSET(cpu, &all) ? cpu : last;
    CPU_ZERO(&one);
    CPU_SET(last, &one);
    REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
    const ll_machine machine = probe("");
    CHECK(sched_setaffinity(0, sizeof all, &all) == 0);
    CHECK(machine.cpus == 1 && machine.cores == 1 && machine.threads == 1 && machine.nodes == 1);
}

static void test_made_up_topology(void) {
    setenv("HWLOC_SYNTHETIC", "package:2 numanode:2 l3:1(size=33554432) core:4 l2:1(size=1048576) pu:2", 1);
    const char *root = root_with_groups("synthetic", "0::/\n");
    ll_machine machine = probe(root);
    CHECK(machine.packages == 2 && machine.nodes == 4 && machine.cores == 16 && machine.cpus == 32);
    CHECK(machine.quota == 0 && machine.threads == 16);
    CHECK(machine.l2 == 1048576 && machine.l3 == 33554432);
    put_file(root, "sys/fs/cgroup/cpu.max", "765000 100000\n");
    machine = probe(root);
    CHECK(machine.quota == 7 && machine.threads == 7);
    put_file(root, "sys/fs/cgroup/cpu.max", "6400000 100000\n");
    machine = probe(root);
    CHECK(machine.quota == 64 && machine.threads == 16);
    unsetenv("HWLOC_SYNTHETIC");
}

#define SETS "cpuset=\"0x1\" complete_cpuset=\"0x1\" nodeset=\"0x1\" complete_nodeset=\"0x1\""

/* A machine of one core, whose package has these infos. */
static ll_machine probe_infos(const char *infos) {
    static const char *const format =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n<topology "
        "version=\"2.0\">"
        "<object type=\"Machine\" os_index=\"0\" " SETS " allowed_cpuset=\"0x1\" allowed_nodeset=\"0x1\">"
        "<object type=\"Package\" os_index=\"0\" " SETS ">%s"
        "<object type=\"NUMANode\" os_index=\"0\" " SETS " local_memory=\"1073741824\"/>"
        "<object type=\"Core\" os_index=\"0\" " SETS "><object type=\"PU\" os_index=\"0\" " SETS "/></object>"
        "</object></object></topology>\n";
    char path[512], text[2048];
    const char *const root = root_with_groups("infos", "0::/\n");
    snprintf(path, sizeof path, "%s/topology.xml", root);
    snprintf(text, sizeof text, format, infos);
    put_file(root, "topology.xml", text);
    setenv("HWLOC_XMLFILE", path, 1);
    const ll_machine machine = probe(root);
    unsetenv("HWLOC_XMLFILE");
    return machine;
}

static void test_cpu_name(void) {
    ll_machine machine = probe_infos("<info name=\"CPUModel\" value=\"Maker One 1\"/>");
    CHECK(strcmp(machine.cpu, "Maker One 1") == 0 && machine.cores == 1);
    machine =
        probe_infos("<info name=\"CPUImplementer\" value=\"0x41\"/><info name=\"CPUPart\" value=\"0xd40\"/>");
    CHECK(strcmp(machine.cpu, "Arm Neoverse-V1") == 0);
    machine =
        probe_infos("<info name=\"CPUImplementer\" value=\"0xc0\"/><info name=\"CPUPart\" value=\"0xd40\"/>");
    CHECK(strcmp(machine.cpu, "ARM core 0xd40 of implementer 0xc0") == 0);
    machine = probe_infos("<info name=\"CPUPart\" value=\"0xd40\"/>");
    CHECK(strcmp(machine.cpu, "unknown CPU") == 0);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("machine/quota, cgroup 2", test_quota_v2);
    ll_test_run("machine/quota of parents", test_quota_of_parents);
    ll_test_run("machine/quota, cgroup 1", test_quota_v1);
    ll_test_run("machine/odd group files", test_odd_group_files);
    ll_test_run("machine/memory", test_memory);
    ll_test_run("machine/no meminfo", test_no_meminfo);
    ll_test_run("machine/memory required", test_require);
    ll_test_run("machine/this machine", test_this_machine);
    ll_test_run("machine/affinity mask", test_affinity_mask);
    ll_test_run("machine/made-up topology", test_made_up_topology);
    ll_test_run("machine/name of the CPU", test_cpu_name);
    return ll_test_end();
}
