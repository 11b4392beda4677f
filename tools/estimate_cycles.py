#!/usr/bin/env python3
"""Estimates what the hot loops of the kernels for 64-bit ARM cost on ARM's cores, without one at hand.

  estimate_cycles.py [BUILD]     default: build/aarch64, which `make aarch64` builds

llvm-mca's model of a core runs the loops' instructions as they were compiled: pipes, latencies, width. It knows no caches, no memory,
no mispredicted branch: every load hits the L1. An estimate, to compare loops and cores by; no measurement. LLVM 19's models of N1, N2
and V1 have a sum wait for the whole latency of SDOT or FMLA, where Arm's optimization guides tell of forwarding: loops of few sums
look slower there.

Reads the matmuls and attention of every ISA of the build. Of each function, for each instruction that multiplies and adds, that innermost
loop which has most of them (of loops with branches the longest way through); Markdown on standard output:
  cycles (share)   of a turn, steadily; the multiply-adds a cycle that this means, as a share of the core's most: what llvm-mca takes for
                   24 independent ones of that instruction. A dash: the core lacks it.
and, for int8 matmuls that scale their sums once a group, the same share with that counted in: as many turns as a group takes, then a way
from the loop's end through the loop around it back to the loop's start, that of a group which is not the first: it converts most sums to
float (SCVTF), then loads most, then is the longest. A turn's values of k are its multiply-adds by the tile's outputs, which are those sums.

Needs an objdump for 64-bit ARM (binutils-aarch64-linux-gnu) and an llvm-mca with models of these cores (LLVM 19 has them, 14 has not).
Exit: 0; 1 no loop found; 2 usage, or no build for 64-bit ARM; 3 one of the tools is missing or too old."""
import functools
import glob
import os
import re
import shutil
import subprocess
import sys

CORES = {"N1": "neoverse-n1", "N2": "neoverse-n2", "V1": "neoverse-v1", "V2": "neoverse-v2"}
GROUPS = (128, 4096)
AARCH64 = 183  # ELF's e_machine
# Multiply-adds for each lane of the result.
PER_LANE = {"sdot": 4, "udot": 4, "usdot": 4, "sudot": 4, "smmla": 8, "ummla": 8, "usmmla": 8, "bfdot": 2, "bfmmla": 4, "bfmlalb": 1,
            "bfmlalt": 1, "fmla": 1, "fmls": 1, "fmlal": 1, "fmlal2": 1, "mla": 1, "mls": 1, "smlal": 1, "smlal2": 1, "umlal": 1,
            "umlal2": 1}
LANES = {"2s": 2, "4s": 4, "2d": 2, "4h": 4, "8h": 8, "8b": 8, "16b": 16}


class Missing(Exception):
    """A tool that this needs."""


def output_of(*command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


# ---- instructions and loops ----
def multiply_adds(text):
    found = re.match(r"(\w+) v\d+\.(\d+[bhsd]),", text)
    return PER_LANE.get(found[1], 0) * LANES[found[2]] if found else 0


def name_of(text):
    return text.split(" ", 1)[0]


def without_write_back(text):
    """An access that moves its pointer, as the two operations that cores make of it: LLVM 19's model of N2 has the pointer wait for the
    value that is loaded, and not the other way round."""
    found = re.match(r"(.*\[(x\d+|sp)\]), (#-?\w+|x\d+)$", text)
    if found:
        return [found[1], f"add {found[2]}, {found[2]}, {found[3]}"]
    found = re.match(r"(.*)\[(x\d+|sp), (#-?\w+)\]!$", text)
    return [f"add {found[2]}, {found[2]}, {found[3]}", f"{found[1]}[{found[2]}]"] if found else [text]


def finished(starts, next_of):
    """What is reached, each after all that is reached from it but for ways back."""
    seen, done = set(), []
    for start in starts:
        todo = [] if start in seen else [(start, iter(next_of(start)))]
        seen.add(start)
        while todo:
            i, following = todo[-1]
            n = next((n for n in following if n not in seen), None)
            if n is None:
                done.append(i)
                todo.pop()
            else:
                seen.add(n)
                todo.append((n, iter(next_of(n))))
    return done


class Region:
    """A loop of a function: its instructions, and those of them that it is entered by (a compiler may rotate it and enter it twice)."""

    def __init__(self, nodes, entries, around):
        self.nodes, self.entries, self.around, self.is_innermost = nodes, entries, around, True


class Function:
    """Its instructions, the ways between them, and its loops."""

    def __init__(self, name):
        self.name, self.address, self.text, self.targets = name, [], [], []

    def add(self, address, text):
        found = re.search(r"(?:^| )([0-9a-f]+) <([^+>]+)(?:\+0x[0-9a-f]+)?>$", text)
        is_jump = re.match(r"(b|b\.\w+|bc\.\w+|cbn?z|tbn?z) ", text)
        # Another function's place is 0 before it is linked.
        self.targets.append(int(found[1], 16) if found and is_jump and found[2] == self.name else None)
        self.address.append(address)
        self.text.append(re.sub(r"(\s*[0-9a-f]+)? <.*>$", " .Lsomewhere" if is_jump else " 0", text))

    def find_loops(self):
        count = len(self.text)
        at = {address: i for i, address in enumerate(self.address)}
        self.next, self.before = [[] for _ in range(count)], [[] for _ in range(count)]
        for i, text in enumerate(self.text):
            if not re.match(r"(b|br|ret|udf|brk)( |$)", text) and i + 1 < count:
                self.next[i].append(i + 1)
            if self.targets[i] in at:
                self.next[i].append(at[self.targets[i]])
            for n in self.next[i]:
                self.before[n].append(i)
        order = finished([0], self.next.__getitem__)[::-1]
        self.rank = {i: rank for rank, i in enumerate(order)}
        self.loops = []
        self.find_loops_in(set(order), set(), None)

    def find_loops_in(self, nodes, cut, around):
        """What is strongly connected without the jumps to cut; then the same within it, without the jumps to its entries."""
        order = finished(sorted(nodes), lambda i: [n for n in self.next[i] if n in nodes and n not in cut])
        left = set(nodes)
        for start in reversed(order):
            if start not in left:
                continue
            found = set(finished([start], lambda i: [p for p in self.before[i] if p in left] if i not in cut else []))
            left -= found
            if len(found) == 1 and (start in cut or start not in self.next[start]):
                continue
            entries = {i for i in found if i == 0 or any(p in self.rank and p not in found for p in self.before[i])}
            if around:
                around.is_innermost = False
            self.loops.append(Region(found, entries, around))
            self.find_loops_in(found, entries, self.loops[-1])

    def longest(self, nodes, starts, ends, weight=lambda text: (1,)):
        """The longest way without a jump back through the nodes, from one of the starts to one of the ends."""
        best, came = {}, {}
        for i in sorted(nodes, key=self.rank.get):
            ways = [(best[p], p) for p in self.before[i] if p in best and self.rank[p] < self.rank[i]]
            if i in starts:
                ways.append(((0,) * len(weight("")), None))
            if ways:
                length, came[i] = max(ways, key=lambda way: way[0])
                best[i] = tuple(map(sum, zip(length, weight(self.text[i]))))
        i = max((i for i in ends if i in best), key=best.get, default=None)
        way = []
        while i is not None:
            way.append(i)
            i = came[i]
        return way[::-1]

    def turn(self, loop):
        return max((self.longest(loop.nodes, {e}, [i for i in loop.nodes if e in self.next[i]]) for e in loop.entries), key=len)

    def between(self, loop, first):
        """What runs between the last turn of a loop, which begins with first, and its next start, when the loop around it takes a turn."""
        if not loop.around:
            return []
        rest = loop.around.nodes - loop.nodes
        before = self.longest(rest, loop.around.entries, [i for i in rest if first in self.next[i]])
        leaving = {n for i in loop.nodes for n in self.next[i] if n in rest}
        return self.longest(rest, leaving, [i for i in rest if before and before[0] in self.next[i]], weight_of_end) + before


def weight_of_end(text):
    """Sums that are scaled, not kept; added to what earlier groups left."""
    return (name_of(text) == "scvtf", name_of(text).startswith("ld"), 1)


def functions_of(objdump, path):
    functions = []
    for line in output_of(objdump, "-d", "--no-show-raw-insn", path).stdout.splitlines():
        start = re.match(r"[0-9a-f]+ <(.*)>:$", line)
        instruction = re.match(r"\s+([0-9a-f]+):\t(.*)", line)
        if start:
            functions.append(Function(start[1]))
        elif instruction and functions:
            text = re.sub(r"\s*//.*", "", instruction[2]).replace("\t", " ").strip()
            functions[-1].add(int(instruction[1], 16), text)
    functions = [f for f in functions if f.text]
    for f in functions:
        f.find_loops()
    return functions


class Loop:
    """kernel, place, and what llvm-mca is given: turn, and between two groups of turns (empty where there is no such thing)."""

    def __init__(self, kernel, function, region, multiply):
        way = function.turn(region)
        self.kernel, self.multiply = kernel, multiply
        self.place = f"`{function.name}` {function.address[min(way)]:x}-{function.address[max(way)]:x}"
        self.turn = [function.text[i] for i in way]
        self.multiplies = [t for t in self.turn if name_of(t) == multiply and multiply_adds(t)]
        self.products = sum(map(multiply_adds, self.multiplies))
        self.between = [function.text[i] for i in function.between(region, way[0])]
        outputs = sum(4 for t in self.between if re.match(r"scvtf v\d+\.4s", t))
        is_int8 = "_i8" in kernel and re.match("[su]+(dot|mmla)", multiply)
        self.k = self.products // outputs if is_int8 and outputs and self.products % outputs == 0 else 0


def hot_loops(kernel, function):
    most = {}
    for region in filter(lambda region: region.is_innermost, function.loops):
        way = [function.text[i] for i in function.turn(region)]
        for multiply in {name_of(t) for t in way if multiply_adds(t)}:
            loop = Loop(kernel, function, region, multiply)
            if multiply not in most or loop.products > most[multiply].products:
                most[multiply] = loop
    return [most[multiply] for multiply in sorted(most)]


# ---- llvm-mca ----
class Mca:
    """The newest llvm-mca here that has models of the cores."""

    def __init__(self):
        found = []
        for folder in os.environ.get("PATH", "").split(os.pathsep):
            for program in glob.glob(os.path.join(glob.escape(folder), "llvm-mca*")):
                version = re.search(r"LLVM version (\d+)\.(\d+)\.?(\d*)", output_of(program, "--version").stdout)
                if version:
                    found.append((tuple(int(n or 0) for n in version.groups()), program))
        found.sort(reverse=True)
        for version, self.program in found:
            self.version = ".".join(map(str, version))
            if all(self.knows(core) for core in CORES):
                return
        here = ", ".join(sorted({".".join(map(str, version)) for version, _ in found})) or "none"
        raise Missing(f"no llvm-mca here has models of {', '.join(CORES.values())} (found: {here}); Debian's package llvm-19 has")

    def run(self, core, text, *options):
        return output_of(self.program, "-mtriple=aarch64", f"-mcpu={CORES[core]}", *options, text=text)

    def knows(self, core):
        """Names of a core's own pipes; an old llvm-mca takes another core's model."""
        return f"{core}Unit" in self.run(core, "nop\n").stdout

    def cycles(self, core, lines):
        """Of one run of the lines, among many; None where the core lacks an instruction."""
        few = max(4, 4000 // len(lines))
        many = 3 * few
        text = "\n".join([".Lsomewhere:", *(part for line in lines for part in without_write_back(line)), ""])
        total = []
        for iterations in (few, many):
            done = self.run(core, text, f"-iterations={iterations}", "-instruction-info=0", "-resource-pressure=0")
            found = re.search(r"^Total Cycles:\s+(\d+)", done.stdout, re.M)
            if not found and "instruction requires:" in done.stderr:
                return None
            if not found:
                raise Missing(f"{self.program} does not take this build's instructions: {done.stderr.strip()[:300]}")
            total.append(int(found[1]))
        return (total[1] - total[0]) / (many - few)

    @functools.lru_cache(maxsize=None)
    def most(self, core, instruction):
        """Multiply-adds a cycle of independent instructions of that kind."""
        parts = instruction.split(", ")
        rest = [re.sub(r"v\d+", f"v{i}", part) for i, part in enumerate(parts[1:])]
        lines = [", ".join([re.sub(r"v\d+", f"v{result}", parts[0]), *rest]) for result in range(8, 32)]
        cycles = self.cycles(core, lines)
        return cycles and len(lines) * multiply_adds(instruction) / cycles


# ---- the report ----
def row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |"


def turn_cell(mca, core, loop):
    cycles = mca.cycles(core, loop.turn)
    return "-" if cycles is None else f"{cycles:.1f} ({100 * loop.products / cycles / mca.most(core, loop.multiplies[0]):.0f} %)"


def group_cell(mca, core, loop):
    shares = []
    for group in GROUPS:
        turns = group // loop.k
        cycles = mca.cycles(core, loop.turn * turns + loop.between)
        if cycles is None:
            return "-"
        shares.append(f"{100 * turns * loop.products / cycles / mca.most(core, loop.multiplies[0]):.0f} %")
    return ", ".join(shares)


def print_loops(mca, loops):
    print(row("kernel", "loop", "multiplies", "instructions", "for 64 multiply-adds", *(f"{core}: cycles (share)" for core in CORES)))
    print("|---" * (5 + len(CORES)) + "|")
    for loop in loops:
        print(row(loop.kernel, loop.place, f"{len(loop.multiplies)} {loop.multiply.upper()}", len(loop.turn),
                  f"{64 * len(loop.turn) / loop.products:.2f}", *(turn_cell(mca, core, loop) for core in CORES)))


def print_groups(mca, loops):
    print(f"\nShares with what a group costs, for groups of {GROUPS[0]} and for a row of {GROUPS[1]} as one group:\n")
    print(row("kernel", "loop", "turns", "instructions a group", *CORES))
    print("|---" * (4 + len(CORES)) + "|")
    for loop in loops:
        print(row(loop.kernel, loop.place, ", ".join(str(group // loop.k) for group in GROUPS), len(loop.between),
                  *(group_cell(mca, core, loop) for core in CORES)))


def print_most(mca, loops):
    kinds = {}
    for loop in loops:
        kinds.setdefault(loop.multiply, loop.multiplies[0])
    print("\nA core's most, instructions a cycle by the model:\n")
    print(row("", *CORES))
    print("|---" * (1 + len(CORES)) + "|")
    for multiply, instruction in kinds.items():
        most = [mca.most(core, instruction) for core in CORES]
        print(row(multiply.upper(), *(f"{m / multiply_adds(instruction):.2g}" if m else "-" for m in most)))


def is_aarch64(path):
    with open(path, "rb") as file:
        head = file.read(20)
    return head[:4] == b"\x7fELF" and int.from_bytes(head[18:20], "little") == AARCH64


def objects_of(build):
    """[(kernel, path)]: matmuls and attention of the ISAs of a build."""
    with open(os.path.join(build, "isas"), encoding="utf-8") as file:
        isas = file.read().split()
    found = []
    for isa in isas:
        paths = sorted(glob.glob(os.path.join(glob.escape(build), "kernels", isa, "*.o"))) if isa != "ref" else []
        for path in filter(is_aarch64, paths):
            operation = os.path.basename(path)[:-2].removesuffix("_" + isa)
            if operation.startswith(("matmul", "attention")):
                found.append((f"{isa} {operation}", path))
    return found


def objdump_for(path):
    for program in ("objdump", "aarch64-linux-gnu-objdump"):
        if shutil.which(program) and output_of(program, "-d", path).returncode == 0:
            return program
    raise Missing("no objdump here reads 64-bit ARM; binutils-aarch64-linux-gnu brings one")


def estimate(build, objects):
    objdump, mca = objdump_for(objects[0][1]), Mca()
    loops = [loop for kernel, path in objects for f in functions_of(objdump, path) for loop in hot_loops(kernel, f)]
    if not loops:
        print(f"no loop of {build} multiplies and adds", file=sys.stderr)
        return 1
    print(f"Hot loops of {build}, estimated by llvm-mca {mca.version}, not measured: a model of the core, without caches.\n")
    print_loops(mca, loops)
    grouped = [loop for loop in loops if loop.k]
    if grouped:
        print_groups(mca, grouped)
    print_most(mca, loops)
    return 0


def main(arguments):
    if arguments in (["--help"], ["-h"]):
        print(__doc__)
        return 0
    if len(arguments) > 1 or any(a.startswith("-") for a in arguments):
        print("usage: tools/estimate_cycles.py [BUILD]", file=sys.stderr)
        return 2
    build = arguments[0] if arguments else "build/aarch64"
    try:
        objects = objects_of(build)
    except OSError:
        print(f"{build}/isas is missing; build first: make aarch64", file=sys.stderr)
        return 2
    if not objects:
        print(f"{build} holds no matmul or attention for 64-bit ARM; make aarch64 builds them", file=sys.stderr)
        return 2
    try:
        return estimate(build, objects)
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
