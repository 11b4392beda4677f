#!/bin/bash
# Random weights of a true shape: timings and memory, never a word on quality; what fits is known before any work.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
program=${LAYERLAB:-build/layerlab}
small="--prompt 32 --generate 20 --repetitions 1"
# layerlab ARGUMENT...: what it prints in $folder/out, its errors in $folder/err, its status in $status.
layerlab() {
    "$program" "$@" >"$folder/out" 2>"$folder/err" </dev/null
    status=$?
}
# refused NAME STATUS PART ARGUMENT...: one line, of that status, holding PART.
refused() {
    layerlab "${@:4}"
    check "$1: exit" "$2" "$status"
    if grep -qF -- "$3" "$folder/err"; then ok "$1"; else fail "$1" "$(tail -n 2 "$folder/err")" "expected: $3"; fi
}
# json KEY: the value of a key of the printed object.
json() { sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}$/\1/p" "$folder/out"; }

# shellcheck disable=SC2086 # several options in one word
layerlab speed smollm2-135m --synthetic $small --json
check "speed: exit" 0 "$status"
check "speed says so first" 1 "$(head -n 1 "$folder/err" | grep -c SYNTHETIC)"
check "what is timed whole is exact" exact "$(json method)"
check "speed: source" synthetic "$(json source)"
check "speed: all blocks" 30/30 "$(json resident)"
check "speed: KV-cache of 52 positions, rounded up to 64" $((30 * 2 * 64 * 3 * 64 * 2)) "$(json kv_bytes)"
check "speed tells its peak memory" 1 "$(grep -c VmHWM "$folder/err")"

# shellcheck disable=SC2086
layerlab speed smollm2-135m --synthetic --resident 8 --kv int8 --batch 3 $small --json
check "resident: exit" 0 "$status"
check "resident: blocks" 8/30 "$(json resident)"
check "batch" 3 "$(json batch)"
check "int8 KV-cache with its scales" $((3 * 30 * 2 * 64 * 3 * (64 + 4))) "$(json kv_bytes)"

refused "no quality" 2 "--synthetic is for speed, sweep and info" quality smollm2-135m --synthetic
refused "no importance" 2 "--synthetic is for speed, sweep and info" importance smollm2-135m --synthetic
refused "no plan" 2 "--synthetic is for speed, sweep and info" plan smollm2-135m --synthetic
refused "no text" 2 "--synthetic is for speed, sweep and info" generate smollm2-135m --synthetic --prompt x
refused "no tokenizer" 2 "--synthetic is for speed, sweep and info" tokenize smollm2-135m --synthetic
refused "resident without synthetic" 2 "add --synthetic" speed smollm2-135m --resident 8
refused "too few resident blocks" 2 "expected 8 to the model's 30 blocks" speed smollm2-135m --synthetic --resident 7
refused "too many resident blocks" 2 "expected 8 to the model's 30 blocks" speed smollm2-135m --synthetic --resident 31
layerlab info smollm2-135m --synthetic
check "info takes it too" 0 "$status"
refused "too many tokens" 1 "context is 8192" speed smollm2-135m --synthetic --prompt 8000 --generate 800
refused "an unknown model" 2 "neither a file nor a model of the list" speed llama9 --synthetic
LAYERLAB_MODELS=$folder refused "absent weights" 1 "--synthetic" speed llama2-13b
layerlab speed smollm2-135m --synthetic --batch 4096 --prompt 4096 --generate 4096
check "what does not fit: exit" 3 "$status"
check "what does not fit, with figures" 1 "$(grep -c 'needs .* of weights, .* of KV-cache .* are available' "$folder/err")"

sweep() {
    # shellcheck disable=SC2086
    layerlab sweep smollm2-135m --synthetic --counts "${counts:-0,4}" $small --out "$folder/sweep" "$@"
}
sweep
check "sweep: exit" 0 "$status"
check "sweep: a row of the full model and of every kind" 6 "$(wc -l <"$folder/sweep/speed.csv")"
check "sweep: every row says synthetic" 5 "$(grep -c ',smollm2-135m,synthetic,' "$folder/sweep/speed.csv")"
check "sweep: no other rows" "samples.csv speed.csv" "$(cd "$folder/sweep" && echo *.csv)"
check "sweep: no plan" 0 "$(find "$folder/sweep" -name plan.json | wc -l)"
check "sweep: no quality in the report" 0 "$(grep -c '| *perplexity *|' "$folder/sweep/report.md")"
before=$(sha256sum "$folder/sweep"/*.csv)
sweep
check "again: nothing is missing" 1 "$(grep -c 'every row was there' "$folder/out")"
check "again: the same rows" "$before" "$(sha256sum "$folder/sweep"/*.csv)"
# What is free changes by the minute: a resumed sweep of the largest batch keeps to what its rows were measured with.
counts=0 sweep --batch 2
sed -i 's/^\(synthetic-[^,]*,int8,128,bf16,[^,]*,[^,]*,[^,]*,30\/30\),2,/\1,9,/' "$folder/sweep/speed.csv"
counts=0 sweep --batch max
check "resumed: the batch of the rows" "7 1" "$(wc -l <"$folder/sweep/speed.csv") $(grep -c 'every row was there' "$folder/out")"
sweep --kv int8
check "another KV-cache: rows of its own" 12 "$(wc -l <"$folder/sweep/speed.csv")"
counts=0 sweep --matmul onednn
check "another matmul: rows of its own" 13 "$(wc -l <"$folder/sweep/speed.csv")"
check "another matmul: told in the ISA" 1 "$(grep -c 'matmul_i8=onednn-' "$folder/sweep/speed.csv")"
finish
