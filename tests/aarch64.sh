#!/bin/bash
# The build for 64-bit ARM, on another machine: tests/aarch64.sh ARM_BUILD ROOT THIS_BUILD (make check-aarch64). An emulator runs the
# checker of every ISA and the program on cores that have them all, some and none, and what a model says is compared with this machine's.
# shellcheck source=tests/lib.sh
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
arm=$1 root=$2 here=$3
model=${LAYERLAB_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
isas=$(tr ' ' '\n' <"$arm/isas" | grep -vx ref)

# suite NAME COMMAND...: a test program's lines, added up; one that dies is a failure, whatever it had said.
suite() {
    local name=$1 status p f s
    shift
    echo "== $name"
    timeout "${LL_TEST_TIMEOUT:-1800}" "$@" >"$folder/suite" 2>&1
    status=$?
    cat "$folder/suite"
    read -r p _ f _ s _ < <(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$folder/suite" | tail -n 1)
    [ -n "${s:-}" ] || { fail "$name" "no closing line"; return; }
    [ "$status" = 0 ] || [ "$f" != 0 ] || fail "$name" "exit $status after its closing line"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}
# program CPU: a script that runs the program on that core, for scripts that take $LAYERLAB.
program() {
    printf '#!/bin/sh\nexec qemu-aarch64-static -L %q -cpu %q %q "$@"\n' "$root" "$1" "$arm/layerlab" >"$folder/layerlab-$1"
    chmod +x "$folder/layerlab-$1"
    echo "$folder/layerlab-$1"
}

# Every ISA against ref where all are there; none may be left out. -cpu max is the emulator's newest core.
suite "check, all features" env LL_REQUIRE="$(paste -sd, <<<"$isas")" qemu-aarch64-static -L "$root" -cpu max "$arm/tests/check"
suite "which ISA, all features" env LAYERLAB="$(program max)" tests/test_isa.sh
run 0 " 0 complaints" tools/check_spills.sh --quiet "$arm"
check "flags and bits" "" "$(tools/check_flags.sh aarch64-linux-gnu-gcc 2>&1)"
# A core with SDOT alone, and one with nothing: the probe must go back to ref, and what is asked for by name is refused.
suite "which ISA, Neoverse N1" env LAYERLAB="$(program neoverse-n1)" tests/test_isa.sh
suite "which ISA, Cortex-A72" env LAYERLAB="$(program cortex-a72)" tests/test_isa.sh
check "Neoverse N1 takes an ISA and leaves one" "1 1" "$("$(program neoverse-n1)" info | grep '^ISAs' | tr ',' '\n' |
    awk '/not on this CPU/ {lacks = 1} !/ref|not on this CPU/ {takes = 1} END {print takes + 0, lacks + 0}')"
check "Cortex-A72 has ref for every operation" 16 "$("$(program cortex-a72)" info --kernels | grep -cE '^[a-z0-9_]+ +ref$')"
for isa in $isas; do
    run 3 "ISA $isa: this CPU lacks it" "$folder/layerlab-cortex-a72" info --isa "$isa"
done

# A text through a model with dropped modules, here and there. In f32 what differs are the roundings of attention and of sums. In int8 such a
# rounding now and then moves a value to the next of 255 steps, which moves perplexity by a percent, also between this machine's own
# ISAs; without attention all that is left is exact on every ISA, so that perplexity is the same to the last sums.
figure() { sed -n "s/^  \"$2\": \(.*[^,]\),*\$/\1/p" "$folder/$1"; }
near() { awk -v a="$1" -v b="$2" -v bound="$3" 'BEGIN {d = a - b; print (a > 0 && b > 0 && d * d <= bound * bound * b * b) ? "near" : a " and " b}'; }
# compare CPU BOUND ARGUMENTS...: the perplexities of that core and of this machine within BOUND of each other.
compare() {
    local cpu=$1 bound=$2 name
    shift 2
    local command=(quality smollm2-135m --window 128 --max-windows 2 --json "$@")
    run 0 '"perplexity"' "$here/layerlab" "${command[@]}"
    cp "$folder/out" "$folder/here"
    run 0 '"perplexity"' "$(program "$cpu")" "${command[@]}"
    cp "$folder/out" "$folder/there"
    for name in tokens windows weights drop text_sha256 left_out; do
        [ -n "$(figure here $name)" ] || fail "$cpu, $*: $name" "no such key here"
        check "$cpu, $*: $name" "$(figure here $name)" "$(figure there $name)"
    done
    check "$cpu, $*: perplexity within $bound" near "$(near "$(figure there perplexity)" "$(figure here perplexity)" "$bound")"
}
if [ -r "$model" ]; then
    compare max 1e-3 --weights f32 --drop "attn:3,20-22+mlp:27"
    compare max 1e-9 --drop attn:0-29
    compare neoverse-n1 1e-9 --drop attn:0-29
else
    skip_for model "a model"
fi
finish
