#!/bin/bash
# A sweep's other orders: their plans are written down, measured, and found again by a run that goes on.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
program=${LAYERLAB:-build/layerlab}
model=${LAYERLAB_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
run 2 'no order is called "rando"' "$program" sweep nothing --orders reverse,rando
run 2 'no order is called ""' "$program" sweep nothing --orders reverse,
run 2 "--orders cost needs timings" "$program" sweep nothing --orders cost --no-speed
run 2 "random weights have none" "$program" sweep smollm2-135m --synthetic --orders reverse
run 2 "--cost-mix takes generation|prefill|decode" "$program" sweep nothing --cost-mix both
run 2 "--metric takes cosine|no-residual|magnitude" "$program" importance nothing --metric cosin
if [ ! -r "$model" ]; then
    skip_for model "plans of other orders"
    finish
fi
sweep() {
    "$program" sweep "$model" --samples 2 --length 48 --window 64 --max-windows 1 --counts 2,3 --prompt 16 --generate 4 --repetitions 1 --quiet \
        --orders "$1" --out "$2" "${@:3}" >"$folder/out" 2>"$folder/err" </dev/null || fail "sweep --orders $1" "$(cat "$folder/err")"
}
# plans FILE ORDER: kind, number and modules.
plans() {
    awk -F'"' -v OFS='"' '{for (i = 2; i <= NF; i += 2) gsub(",", ";", $i)} 1' "$1" | awk -F, -v order="$2" '$4 ~ order {print $4, $8, $9, $10}'
}
sums() { cat "$1"/{importance,plans,quality,speed}.csv | sha256sum; }

whole=$folder/whole
sweep all "$whole"
check "plans of the paper's order: four kinds, two numbers" 8 "$(plans "$whole/plans.csv" '^importance$' | wc -l)"
check "plans of five seeds" 40 "$(plans "$whole/plans.csv" '^random-[0-4]$' | wc -l)"
check "iterative plans of every number" 12 "$(plans "$whole/plans.csv" '^iterative$' | wc -l)"
check "the deepest go first" "reverse attn 3 attn:27-29" "$(plans "$whole/plans.csv" '^reverse$' | grep 'attn 3')"
check "Python draws the same" "random-1 attn 3 \"attn:4;18;27\"" "$(plans "$whole/plans.csv" '^random-1$' | grep 'attn 3')"
check "what modules cost" 3 "$(wc -l <"$whole/costs.csv")"
# Every plan has its quality.
missing=0
while read -r _ kind dropped drop; do
    [ "$dropped" = 1 ] && continue # iterative, on the way
    awk -F'"' -v OFS='"' '{for (i = 2; i <= NF; i += 2) gsub(",", ";", $i)} 1' "$whole/quality.csv" | grep -qF ",$kind,$dropped,$drop," || missing=$((missing + 1))
done < <(plans "$whole/plans.csv" '^[a-z]' | grep -v ^order)
check "plans without quality" 0 "$missing"

before=$(sums "$whole")
sweep all "$whole"
check "a second run changes nothing" "$before" "$(sums "$whole")"

# Cut within the iterative plans, quality gone: what is there is taken, and the end is the same.
cp -r "$whole" "$folder/cut"
last=$(grep -n ',iterative,.*,mlp,2,' "$folder/cut/plans.csv" | cut -d: -f1)
head -n "$last" "$whole/plans.csv" >"$folder/cut/plans.csv"
rm "$folder/cut/quality.csv"
sweep all "$folder/cut"
check "gone on from a cut file: the same plans" "$(plans "$whole/plans.csv" .)" "$(plans "$folder/cut/plans.csv" .)"

# What an earlier run found is taken as it is, not found again.
sed '/,iterative,.*,attn,1,/s/attn:[0-9]*/attn:0/' "$whole/plans.csv" >"$folder/cut/plans.csv"
grep -v ',iterative,.*,attn,[23],' "$folder/cut/plans.csv" >"$folder/plans" && cp "$folder/plans" "$folder/cut/plans.csv"
sweep iterative "$folder/cut"
check "iterative dropping goes on from the rows" 2 "$(plans "$folder/cut/plans.csv" '^iterative$' | grep 'attn [23]' | grep -c 'attn:0;')"

# A row that contradicts itself is named.
sed '/,iterative,.*,attn,2,/s/"*attn:[0-9,]*"*/mlp:0/' "$whole/plans.csv" >"$folder/cut/plans.csv"
run 1 '"mlp:0" does not drop 2 of kind attn' "$program" sweep "$model" --samples 2 --length 48 --window 64 --max-windows 1 --counts 2,3 --no-speed \
    --orders iterative --out "$folder/cut"
run 2 "--orders reverse: other orders than importance are measured at numbers of modules up to half of the layers, here 15" \
    "$program" sweep "$model" --counts 16 --orders reverse --out "$folder/none"

# By cost, from times that are written down: what costs nothing to keep is kept.
by_cost() { # ATTN MLP: microseconds of one attention layer, one MLP layer
    rm -rf "$folder/cost" && cp -r "$whole" "$folder/cost" && rm "$folder/cost/plans.csv"
    awk -F, -v OFS=, -v attn="$1" -v mlp="$2" 'NR > 1 {for (i = 1; i <= NF; i++) if ($i == "attn" || $i == "mlp") {$(i + 2) = $i == "attn" ? attn : mlp; $(i + 3) = 0}} 1' \
        "$whole/costs.csv" >"$folder/cost/costs.csv"
    sweep cost "$folder/cost"
}
modules() { plans "$folder/cost/plans.csv" "^$1$" | awk -v kind="$2" -v dropped="$3" '$2 == kind && $3 == dropped {print $4}'; }
by_cost 1000 0.001
check "attention alone is dear: as many as joint has of it" "$(modules importance attn 2)" "$(modules cost joint 2)"
by_cost 0.001 1000
check "MLP alone is dear: the least important one saves more than joint's" "$(plans "$folder/cost/plans.csv" '^cost$' | head -n 1)" "cost joint 1 mlp:17"

# Named, they are asked too.
sweep reverse "$folder/asked" --no-speed --tasks openbookqa --limit 2
check "tasks are asked of the orders that are named" 18 "$(wc -l <"$folder/asked/tasks.csv")"

# By default a quick sweep has the paper's order alone.
sweep importance "$folder/plain"
check "the paper's order alone" 9 "$(wc -l <"$folder/plain/plans.csv")"
# Importance is of float32 and a whole KV-cache, whatever the rows' own: its files know nothing of these.
sweep iterative "$folder/kv" --kv int8 --no-speed
check "importance beside an int8 KV-cache" "$(cut -d, -f1-11 "$folder/plain/importance.csv")" "$(cut -d, -f1-11 "$folder/kv/importance.csv")"
check "iterative plans beside it" "$(plans "$whole/plans.csv" '^iterative$')" "$(plans "$folder/kv/plans.csv" '^iterative$')"
check "and its quality" 10 "$(wc -l <"$folder/plain/quality.csv")"
finish
