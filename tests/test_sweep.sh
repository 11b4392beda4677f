#!/bin/bash
# A small sweep of the real model: interrupted at any point and run again, it ends with the rows of an uninterrupted one.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
program=${LAYERLAB:-build/layerlab}
model=${LAYERLAB_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
if [ ! -r "$model" ]; then
    skip_for model "resume"
    finish
fi
sweep() {
    "$program" sweep "$model" --samples "${samples:-2}" --length 48 --window 64 --max-windows 2 --counts 0,2 --prompt 32 --generate 40 \
        --repetitions 1 --out "$1" "${@:2}" >"$folder/out" 2>"$folder/err" </dev/null
}
# says NAME PART FILE: the file holds the part.
says() {
    if grep -q -- "$2" "$3"; then ok "$1"; else fail "$1" "$(tail -n 3 "$3")" "expected to hold: $2"; fi
}
# What a folder measures, without its timings, commit, machine and date.
rows() {
    columns "$1/importance.csv" metric kind layer importance tokens
    columns "$1/quality.csv" kind dropped drop perplexity kl top1 tokens
    columns "$1/speed.csv" kind dropped drop kv_bytes
}

whole=$folder/whole parts=$folder/parts
sweep "$whole" || fail "an uninterrupted sweep" "$(cat "$folder/err")"
check "importance rows" 271 "$(wc -l <"$whole/importance.csv")"
check "quality rows" 6 "$(wc -l <"$whole/quality.csv")"
check "speed rows" 6 "$(wc -l <"$whole/speed.csv")"
check "the full model is at no distance from itself" " none 0 1" \
    "$(columns "$whole/quality.csv" kind dropped top1 | sed -n 2p)"
for file in report.md plan.json samples.csv placement.svg; do
    says "$file is there" . "$whole/$file"
done

says "the report shows where threads and memory were" "placement.svg" "$whole/report.md"

sums() { cat "$whole"/*.csv "$whole"/plan.json | sha256sum; }
before=$(sums)
sweep "$whole"
says "a second run says that nothing is missing" "every row was there" "$folder/out"
check "a second run changes no row" "$before" "$(sums)"

# Killed at a dozen places, at least one of them within each stage.
for pause in 0.3 0.7 1 1.3 1.6 2 2.3 2.7 3 3.5 4 5; do
    sweep "$parts" &
    sleep "$pause"
    pkill -KILL -P $! 2>/dev/null
    kill -KILL $! 2>/dev/null
    wait $! 2>/dev/null
done
sweep "$parts" || fail "the last of the interrupted runs" "$(cat "$folder/err")"
check "killed and run again: the same rows" "$(rows "$whole")" "$(rows "$parts")"

# Killed within importance: what the documents before had added up to is taken from its file, not computed again.
samples=${LL_TEST_QUICK:+40}
samples=${samples:-200} # long enough to be killed within, fewer under sanitizers
sweep "$folder/long" || fail "a longer calibration" "$(cat "$folder/err")"
sweep "$folder/killed" &
for _ in $(seq 600); do
    [ -s "$folder/killed/importance.part.json" ] && break
    sleep 0.1
done
pkill -KILL -P $! 2>/dev/null
kill -KILL $! 2>/dev/null
wait $! 2>/dev/null
part=$folder/killed/importance.part.json
if [ -s "$part" ]; then
    cp "$part" "$folder/part"
    sweep "$folder/killed"
    check "killed within importance: the same rows" "$(rows "$folder/long")" "$(rows "$folder/killed")"
    mkdir "$folder/taken" "$folder/other"
    sed 's/"documents": [0-9]*/"documents": '"$samples"'/; s/"tokens": [0-9]*/"tokens": 12345/' "$folder/part" >"$folder/taken/importance.part.json"
    sweep "$folder/taken"
    check "what was added up is taken" 12345 "$(columns "$folder/taken/importance.csv" tokens | sed -n '2s/ //p')"
    sed 's/"length": 48/"length": 47/; s/"tokens": [0-9]*/"tokens": 12345/' "$folder/part" >"$folder/other/importance.part.json"
    sweep "$folder/other"
    check "what belongs to another length is not" "$(rows "$folder/long")" "$(rows "$folder/other")"
else
    fail "killed within importance" "importance.part.json was never written"
fi
samples=2

# What can be refused before hours of work is.
run 1 "nowhere.txt" "$program" sweep "$model" --text nowhere.txt --out "$folder/early"
echo "Few words." >"$folder/short.txt"
run 1 "no whole window" "$program" sweep "$model" --text "$folder/short.txt" --out "$folder/early"
mkdir -p "$folder/early" && echo "a,b" >"$folder/early/speed.csv"
run 1 "speed.csv" "$program" sweep "$model" --out "$folder/early"
check "refused before the first row" 1 "$(wc -l <"$folder/early/importance.csv")"

# A cut last row is measured again; the others are kept.
truncate -s -20 "$parts/quality.csv"
kept=$(head -n 5 "$parts/quality.csv" | sha256sum)
sweep "$parts" || fail "after a cut row" "$(cat "$folder/err")"
says "a cut row is named" "the last row was cut" "$folder/err"
check "after a cut row: the same rows" "$(rows "$whole")" "$(rows "$parts")"
check "after a cut row: the rows before it are kept" "$kept" "$(head -n 5 "$parts/quality.csv" | sha256sum)"

# A CSV of another version is refused and left as it is.
sed -i '1s/perplexity/ppl/' "$parts/quality.csv"
kept=$(sha256sum <"$parts/quality.csv")
sweep "$parts"
check "another version: exit" 1 $?
says "another version: named" "quality.csv.*ppl" "$folder/err"
check "another version: left alone" "$kept" "$(sha256sum <"$parts/quality.csv")"

run 1 "its context is 8192 positions" "$program" sweep "$model" --prompt 8000 --generate 300 --out "$folder/too-long"
run 1 "modules cannot be dropped" "$program" sweep "$model" --counts 60,61 --out "$folder/too-many"
finish
