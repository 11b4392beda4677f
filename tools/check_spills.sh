#!/bin/bash
# Vector registers that hot loops spill: tools/check_spills.sh [--quiet] [BUILD...] (default: build; build/clang is clang's,
# build/aarch64 that for 64-bit ARM).
#
# Reads the disassembly of the kernels of every ISA that was built but ref. A hot loop is an innermost loop with a packed multiply:
#   OBJECT FUNCTION FROM-TO multiplies M loads L stores S total T spills N reloads R
# Loads and stores count memory operands of every instruction (a prefetch is a load; of ARM's LDP and the like each register counts),
# so that ports can be counted. Below it stands each access to a place on the stack that is named by a constant; arrays there
# that are walked with a pointer or an index are none of it.
#   spill   stored and loaded within the loop; N counts the stores. This fails, unless kernels/ISA/spills.txt accepts it:
#           lines of COMPILER FUNCTION MULTIPLIES MOST REASON..., for the loops of the function with so many multiplies.
#   reload  loaded and never stored there: a constant without a register of its own. It waits for nothing and costs a load,
#           which is counted above: no failure.
#   store   stored and never loaded there: no failure.
# --quiet: only what fails, and a line an ISA.
# Exit: 0 no spill; 1 a spill, or nothing to check; 2 usage, or no build; 3 no objdump here reads the objects.
set -u
quiet=0
[ "${1:-}" != --quiet ] || { quiet=1; shift; }
[[ ${1:-} != -* ]] || { echo "usage: tools/check_spills.sh [--quiet] [BUILD...]" >&2; exit 2; }
[ $# -gt 0 ] || set -- build
tools=$(dirname "$0")

# reader OBJECT MACHINE: the objdump that reads the object.
reader() {
    local candidate
    for candidate in objdump "$2-linux-gnu-objdump"; do
        ! "$candidate" -d "$1" >/dev/null 2>&1 || { echo "$candidate"; return; }
    done
    echo "no objdump here reads $1; it comes with binutils, on other machines with binutils-${2//_/-}-linux-gnu" >&2
    exit 3
}

failed=0
for build; do
    [ -f "$build/isas" ] || { echo "$build/isas is missing; build first: make BUILD=$build" >&2; exit 2; }
    for isa in $(tr ' ' '\n' <"$build/isas" | grep -vx ref); do
        objects=("$build/kernels/$isa"/*.o)
        [ -f "${objects[0]}" ] || { echo "no objects in $build/kernels/$isa" >&2; exit 2; }
        accepted=$tools/../kernels/$isa/spills.txt
        [ -f "$accepted" ] || accepted=/dev/null
        compiler=gcc
        ! readelf -p .comment "${objects[0]}" | grep -q clang || compiler=clang
        machine=x86_64 language=x86
        ! readelf -h "${objects[0]}" | grep -q AArch64 || machine=aarch64 language=arm
        objdump=$(reader "${objects[0]}" $machine) || exit 3
        "$objdump" -d --no-show-raw-insn "${objects[@]}" |
            awk -v accepted="$accepted" -v compiler=$compiler -v isa="$isa" -v quiet=$quiet -f "$tools/spills_$language.awk" \
                -f "$tools/spills.awk" "$accepted" - || failed=1
    done
done
exit $failed
