#!/bin/bash
# Quality of other weights in one sweep: other precisions, pruned by Wanda. Each row is what `quality` says of that model alone.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
program=${LAYERLAB:-build/layerlab}
model=${LAYERLAB_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
if [ ! -r "$model" ]; then
    skip_for model "variants"
    finish
fi
sweep() {
    "$program" sweep "$model" --samples "${samples:-3}" --length 64 --window 64 --max-windows 2 --counts 2 --no-speed --out "$folder/out-rows" "$@" \
        >"$folder/out" 2>"$folder/err" </dev/null
}
rows=$folder/out-rows/quality.csv
# perplexity WEIGHTS GROUP KV KIND: of that row.
perplexity() {
    awk -F, -v w="$1" -v g="$2" -v k="$3" -v kind="$4" 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i}
        $at["weights"] == w && $at["group"] ~ g && $at["kv"] == k && $at["kind"] == kind {gsub(/"[^"]*"/, "x"); print $at["perplexity"]}' "$rows"
}
# quality ARGUMENTS: what the command says of the same windows.
quality() {
    "$program" quality "$model" --window 64 --max-windows 2 --json --quiet "$@" 2>>"$folder/err" |
        awk '$1 == "\"perplexity\":" {printf "%.9g\n", $2}'
}

sweep --precisions f32,int8:channel,int8:128+kv8 || fail "a sweep at four precisions" "$(cat "$folder/err")"
check "the report is of the sweep's own weights" 1 \
    "$(grep -c "full model .* $(printf %.2f "$(perplexity int8 128 bf16 none)") " "$folder/out-rows/report.md")"
sweep --precisions f32,int8:channel,int8:128+kv8 --wanda 2:4,mlp@2,attn@3 || fail "a sweep of variants" "$(cat "$folder/err")"
# Four precisions of full, attn, mlp, block and joint; beside the pruned ones the three attention layers that the counts had not.
check "rows: 4 x 5, 3 pruned, 1 to set beside" 24 "$(($(wc -l <"$rows") - 1))"
check "the f32 row" "$(quality --weights f32)" "$(perplexity f32 NA f32 none)"
check "one scale a row" "$(quality --group channel)" "$(perplexity int8 channel bf16 none)"
check "int8 KV-cache" "$(quality --kv int8)" "$(perplexity int8 128 int8 none)"
check "2:4" "$(quality --weights f32 --wanda 2:4 --samples 3 --length 64)" "$(perplexity f32-wanda-2:4 '^3x64-' f32 none)"
check "as many as an MLP drop" "$(quality --weights f32 --wanda mlp@2 --samples 3 --length 64)" \
    "$(perplexity f32-wanda-mlp@2 '^3x64-' f32 none)"
drop=$(awk -F'"' '/,f32,NA,/ && /,attn,3,/ {print $2}' "$rows")
check "the drop beside attn@3" "$(quality --weights f32 --drop "$drop")" "$(perplexity f32 NA f32 attn | tail -n 1)"
run 0 "f32-wanda-2:4 weights" "$program" quality "$model" --weights f32 --wanda 2:4 --samples 2 --length 32 --window 64 --max-windows 1 --kl
check "half of the weights are 0" "50.00" "$(sed -n 's/^pruned *\([0-9]*\.[0-9][0-9]\).*/\1/p' "$folder/out")"
before=$(sha256sum <"$rows")
sweep --precisions f32,int8:channel,int8:128+kv8 --wanda 2:4,mlp@2,attn@3
check "a second run says that nothing is missing" 1 "$(grep -c '^Nothing was missing' "$folder/out")"
check "a second run adds no row" "$before" "$(sha256sum <"$rows")"
samples=2 sweep --wanda 2:4
check "another calibration is another row" 1 "$(grep -c ',f32-wanda-2:4,2x64-' "$rows")"

# Tasks: pruned weights are asked the questions that the f32 ones were, and stand beside their answers.
sweep --tasks piqa --limit 8 --precisions int8:32 --wanda 2:4 || fail "tasks of variants" "$(cat "$folder/err")"
score() { # WEIGHTS COLUMN
    awk -F, -v w="$1" -v c="$2" 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i}
        $at["weights"] == w && $at["kind"] == "none" {print $at[c]}' "$folder/out-rows/tasks.csv"
}
answers=$("$program" eval "$model" --weights f32 --wanda 2:4 --samples 3 --length 64 --tasks piqa --limit 8 --json --quiet 2>>"$folder/err" |
    awk -F'[:,]' '/"acc_norm":/ {printf "%.9g\n", $2}')
check "the pruned model's score" "$answers" "$(score f32-wanda-2:4 value)"
difference=$(awk -v a="$(score f32-wanda-2:4 value)" -v b="$(score f32 value)" 'BEGIN {printf "%.9g\n", a - b}')
check "and its difference from the f32 one" "$difference" "$(score f32-wanda-2:4 difference)"
rm -r "$folder/out-rows/answers" # without the f32 answers there is nothing to compare with
sed -i '/f32-wanda/d' "$folder/out-rows/tasks.csv"
sweep --tasks piqa --limit 8 --precisions int8:32 --wanda 2:4 || fail "tasks without the answers" "$(cat "$folder/err")"
check "the same score, no difference" "$answers NA" "$(score f32-wanda-2:4 value) $(score f32-wanda-2:4 difference)"

run 0 "holds 1 documents: these are used where 5 were asked for" "$program" quality "$model" --weights f32 --wanda 0.5 --calib harness/data/wikitext2-test.txt --samples 5 \
    --length 32 --window 64 --max-windows 1
: >"$folder/empty.txt"
run 1 "empty.txt" "$program" quality "$model" --weights f32 --wanda 2:4 --calib "$folder/empty.txt"
run 2 "the model has 30 blocks" "$program" sweep "$model" --wanda attn@31 --out "$folder/none"
run 2 "more than the model's context" "$program" quality "$model" --weights f32 --wanda 2:4 --length 9999
finish
