#!/bin/bash
# Which kernels the program takes, and what it says of them: $LAYERLAB (build/layerlab) from the repository's top folder.
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
program=${LAYERLAB:-build/layerlab}
unset LL_ISA

run 2 'no ISA is called "z80"' "$program" info --isa z80
LL_ISA=z80 run 2 'LL_ISA: no ISA is called "z80"' "$program" info
LL_ISA=z80 run 0 "ref" "$program" info --isa ref
LL_ISA=ref run 0 '"matmul_i8": "ref"' "$program" info --json

# An ISA of another architecture is known, and not built.
here=X86 elsewhere=ARM
[ "$("$program" info | grep -c '^ISAs.*avx')" = 1 ] || here=ARM elsewhere=X86
while read -r isa; do
    run 2 "$isa is an ISA of $elsewhere, which this program was not built for; it has ref" "$program" info --isa "$isa"
done < <(sed -n "s/^ISA(\([a-z0-9_]*\), $elsewhere,.*/\1/p" kernels/isa.def)
# One of this architecture that the CPU lacks, where there is one.
while read -r isa; do
    "$program" info | grep -q "$isa (not on this CPU)" || continue
    run 3 "ISA $isa: this CPU lacks it" "$program" info --isa "$isa"
    run 0 "$isa: this CPU lacks " "$program" info --kernels
done < <(sed -n "s/^ISA(\([a-z0-9_]*\), $here,.*/\1/p" kernels/isa.def)

run 2 "--drop needs a MODEL" "$program" info --kernels --drop attn:1
run 2 'leave "smollm2-135m" out' "$program" info --kernels smollm2-135m
strongest=$("$program" info --kernels | sed -n 's/^matmul_i8 *//p')
check "an ISA for matmul_i8" 1 "$(wc -w <<<"$strongest")"
part="$strongest: ref was asked for"
[ "$strongest" != ref ] || part="matmul_i8       ref"
run 0 "$part" "$program" info --kernels --isa ref
check "ref for every operation" 16 "$(grep -cE '^[a-z0-9_]+ +ref$' "$folder/out")"
why='(ref was asked for|this CPU lacks [A-Za-z0-9_, -]+(; --isa [a-z0-9_]+ takes it all the same)?)'
check "a reason for each better one" "" "$(grep '^ ' "$folder/out" | grep -vE "^ +[a-z0-9_]+: $why\$")"
run 0 '"better": [' "$program" info --kernels --isa ref --json
check "the same as JSON" 16 "$(grep -c '^    "isa": "ref"' "$folder/out")"
finish
