#!/bin/bash
# Whether what an ISA is compiled with and what its line in isa.def asks of the CPU are the same: tools/check_flags.sh [COMPILER]
#
# A flag without its bit is an illegal instruction on some CPU, a bit without its flag keeps the ISA from CPUs that could run it. Looks at the
# ISAs of the compiler's architecture (default: gcc's). Prints what differs. Exit: 0 nothing differs; 1 something does; 2 no such compiler.
set -u
cd "$(dirname "$0")/.." || exit 2
read -r -a compiler <<<"${1:-gcc}"
machine=$("${compiler[@]}" -dumpmachine 2>/dev/null) || { echo "check_flags: ${compiler[*]}: no such compiler" >&2; exit 2; }
[[ $machine == aarch64* ]] && architecture=ARM || architecture=X86

# The macro by which compilers tell a feature of cpu.h; a bit that is a judgement has none. clang 14 writes AMX_TILE without the line.
macro_of() {
    case $architecture:$1 in
    *:FAST_*) ;;
    ARM:ASIMDDP) echo __ARM_FEATURE_DOTPROD ;;
    ARM:I8MM) echo __ARM_FEATURE_MATMUL_INT8 ;;
    ARM:BF16) echo __ARM_FEATURE_BF16_VECTOR_ARITHMETIC ;;
    ARM:*) echo "__ARM_FEATURE_$1" ;;
    *) echo "__$1__" ;;
    esac
}
# What every CPU has that has AVX2, or SDOT.
implied='^__(FP_FAST_.*|(AVX|CRC32|F16C|POPCNT|SSE3|SSSE3|SSE4_1|SSE4_2|XSAVE)__|ARM_FEATURE_(ATOMICS|CRC32|QRDMX|BF16_SCALAR_ARITHMETIC))$'
# The macros that flags add to those of a plain compiler, a line each.
macros() { "${compiler[@]}" "$@" -dM -E -x c - </dev/null | awk '{print $2}' | sed 's/^__AMX\([A-Z]\)/__AMX_\1/' | sort -u; }

features=$(sed -n 's/^#define LL_CPU_\([A-Z0-9_]*\) .*/\1/p' kernels/cpu.h)
plain=$(macros)
status=0 compared=0
complain() {
    status=1
    echo "$1"
}
while read -r isa of bits; do
    [ "$of" = "$architecture" ] || [ "$of" = ANY ] || continue
    compared=$((compared + 1))
    read -r -a flags < <(sed -n "s/^FLAGS_$isa *:= *//p" "kernels/$isa/flags.mk")
    added=$(comm -13 <(echo "$plain") <(macros "${flags[@]}") | grep -Ev "$implied")
    for feature in $features; do
        macro=$(macro_of "$feature")
        [ -n "$macro" ] || continue
        grep -qw "LL_CPU_$feature" <<<"$bits" && asked=yes || asked=no
        grep -qx "$macro" <<<"$added" && compiled=yes || compiled=no
        added=$(grep -vx "$macro" <<<"$added")
        case $asked:$compiled in
        yes:no) complain "$isa: isa.def asks for LL_CPU_$feature, but flags.mk does not compile for it ($macro)" ;;
        no:yes) complain "$isa: flags.mk compiles for $macro, but isa.def does not ask for LL_CPU_$feature" ;;
        esac
    done
    for macro in $added; do
        complain "$isa: flags.mk compiles for $macro, which is no feature of cpu.h"
    done
done < <({ echo '#define ISA(name, architecture, features) name architecture features ;' && cat kernels/isa.def; } | "${compiler[@]}" -E -P -x c - | tr -d '\n' | tr ';' '\n')
[ $compared -gt 1 ] || complain "kernels/isa.def: no ISA of $architecture was found there"
exit $status
