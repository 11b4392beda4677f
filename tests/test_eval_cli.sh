#!/bin/bash
# Tasks as a user meets them: what is there, what is asked, what is wrong with it, and a sweep that asks them.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
LAYERLAB=${LAYERLAB:-build/layerlab}
model=${LAYERLAB_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
unset LAYERLAB_DATA
field() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval("d" + sys.argv[2]))' "$1" "$2"; }

# ---- which tasks there are ----------------------------------------------------------------------------------------------------------------
run 0 "whole: RTE.zip of super.gluebenchmark.com" "$LAYERLAB" tasks
"$LAYERLAB" tasks --json >"$folder/tasks"
check "the nine of the paper and BANKING77" "arc_challenge banking77 boolq gsm8k hellaswag mmlu openbookqa piqa rte winogrande" \
    "$(python3 -c 'import json, sys; print(*[t["task"] for t in json.load(open(sys.argv[1]))])' "$folder/tasks")"
check "settings are those of the paper's table 5" "$(tail -n +2 results/paper/table5_task_settings.csv | sed 's/exact_match/strict/' | sort)" \
    "$(python3 -c 'import json, sys; [print(t["task"], t["num_fewshot"], t["metric"], sep=",") for t in json.load(open(sys.argv[1])) if t["task"] != "banking77"]' "$folder/tasks" | sort)"
run 0 "sample" "$LAYERLAB" tasks mmlu
run 2 "did you mean mmlu?" "$LAYERLAB" tasks mlmu
mkdir -p "$folder/data/rte" "$folder/data/piqa"
printf '%s\n' '{"premise": "It rains.", "hypothesis": "It is wet.", "label": "entailment", "idx": 0}' \
    '{"premise": "It rains.", "hypothesis": "It is dry.", "label": "not_entailment", "idx": 1}' >"$folder/data/rte/val.jsonl"
LAYERLAB_DATA=$folder/data run 0 "part            2 of   277" "$LAYERLAB" tasks rte

if [ ! -r "$model" ]; then
    skip_for model "questions"
    finish
fi
# ask STATUS PART OPTION...
ask() { run "$1" "$2" "$LAYERLAB" eval "$model" --quiet "${@:3}"; }

# ---- mistyped, missing, damaged -----------------------------------------------------------------------------------------------------------
ask 2 "did you mean piqa?" --tasks pica
ask 2 "names piqa twice" --tasks piqa,boolq,piqa
ask 2 "an empty name" --tasks piqa,
ask 2 "--subset needs --limit" --tasks piqa --subset
ask 2 "--paired compares" --tasks piqa --paired
ask 2 "--too-long takes refuse or cut" --tasks piqa --too-long yes
ask 2 "--num-fewshot" --tasks piqa --num-fewshot some
ask 2 "--limit" --tasks piqa --limit 0
ask 1 "rte: its data is not there" --tasks rte
ask 1 "no_such.json" --tasks no_such.json
ask 1 "examples" --tasks arc_challenge --num-fewshot 200
export LAYERLAB_DATA=$folder/data
half='{"premise": "It rai'
printf '%s' "$half" >>"$folder/data/rte/val.jsonl"
ask 1 "rte/val.jsonl: line 3" --tasks rte
sed -i '$d' "$folder/data/rte/val.jsonl"
sed -i 's/not_entailment/perhaps/' "$folder/data/rte/val.jsonl"
ask 1 'line 2: the right answer "perhaps" is none of the 2 keys' --tasks rte
sed -i 's/perhaps/not_entailment/; s/"idx": 1/"idx": 0/' "$folder/data/rte/val.jsonl"
ask 1 'line 2: idx "0" was in line 1 already' --tasks rte
sed -i '2s/"idx": 0/"idx": 1/' "$folder/data/rte/val.jsonl"
cp harness/data/tasks/piqa/valid.jsonl "$folder/data/piqa/"
head -n 99 harness/data/tasks/piqa/valid-labels.lst >"$folder/data/piqa/valid-labels.lst"
ask 1 "has 99 labels, expected one for each of 100 records" --tasks piqa
rm "$folder/data/piqa/valid-labels.lst"
ask 1 "valid-labels.lst" --tasks piqa
rm "$folder/data/piqa/valid.jsonl"

# ---- asked --------------------------------------------------------------------------------------------------------------------------------
run 0 "rte: the limit of 9 questions is more than there are" "$LAYERLAB" eval "$model" --tasks rte --limit 9
ask 0 "" --tasks rte,openbookqa --limit 3 --log-samples "$folder/log" --json --out "$folder/scores"
check "a line a question" 5 "$(wc -l <"$folder/log")"
check "the log's verdicts are the score" True \
    "$(python3 -c 'import json, sys; log = [json.loads(l) for l in open(sys.argv[1])]; d = json.load(open(sys.argv[2]))["results"]
right = [l["acc_norm"] for l in log if l["task"] == "openbookqa"]; print(abs(sum(right) / len(right) - d["openbookqa"]["acc_norm"]) < 1e-9)' \
        "$folder/log" "$folder/scores")"
check "the log holds the prompt" "It rains." "$(head -n 1 "$folder/log" | python3 -c 'import json, sys; print(json.loads(sys.stdin.readline())["choices"][0]["context"].split("\n")[0])')"
check "fewer tokens are computed than asked" True "$(field "$folder/scores" '["results"]["openbookqa"]["tokens_computed"] < d["results"]["openbookqa"]["tokens_asked"]')"
ask 0 "" --tasks openbookqa --limit 6 --batch 1 --out "$folder/one"
ask 0 "" --tasks openbookqa --limit 6 --batch 5 --threads 1 --out "$folder/five"
check "batch and threads change nothing" "$(cat "$folder/one")" "$(cat "$folder/five")"
ask 0 "paired error" --tasks openbookqa --limit 6 --drop mlp:3-20 --paired
ask 0 "strict" --tasks gsm8k --limit 1 --num-fewshot 1
cat >"$folder/mine.json" <<'END'
{"task": "mine", "questions": ["questions.csv"], "columns": ["sum", "a", "b", "right"], "doc_to_text": "{{sum}} =",
 "doc_to_choice": ["{{a}}", "{{b}}"], "doc_to_target": "{{right}}", "targets": ["a", "b"], "metric": "acc"}
END
mkdir "$folder/data/mine"
printf '1 + 1,2,3,a\n"2 + 2",5,4,b\n' >"$folder/data/mine/questions.csv"
ask 0 "mine" --tasks "$folder/mine.json"
sed -i 's/"metric"/"metrik"/' "$folder/mine.json"
ask 1 'unknown key "metrik"; did you mean "metric"?' --tasks "$folder/mine.json"

# ---- kept answers -------------------------------------------------------------------------------------------------------------------------
keep=(--tasks rte --answers "$folder/answers" --json)
ask 0 "" "${keep[@]}" --out "$folder/first"
ask 0 '"tokens_computed": 0' "${keep[@]}"
ask 0 "" "${keep[@]}" --out "$folder/again"
check "answers that were kept give the same" "$(field "$folder/first" '["results"]["rte"]["acc"]')" "$(field "$folder/again" '["results"]["rte"]["acc"]')"
sed -i '$d' "$folder"/answers/rte-*.jsonl
ask 0 "" "${keep[@]}" --out "$folder/again"
check "only what is missing is asked" True "$(field "$folder/again" '["results"]["rte"]["tokens_computed"] < '"$(field "$folder/first" '["results"]["rte"]["tokens_computed"]')")"
sed -i 's/It rains/It snows/' "$folder/data/rte/val.jsonl"
ask 1 "data_sha256" "${keep[@]}"
sed -i 's/It snows/It rains/' "$folder/data/rte/val.jsonl"

# ---- a sweep ------------------------------------------------------------------------------------------------------------------------------
sweep=("$LAYERLAB" sweep "$model" --samples 2 --length 48 --window 64 --max-windows 2 --counts 4 --no-speed --limit 4
    --tasks "rte,openbookqa" --out "$folder/sweep")
run 0 "## Tasks" "${sweep[@]}"
check "a row for every drop and task" 11 "$(wc -l <"$folder/sweep/tasks.csv")"
check "no timings" no "$([ -e "$folder/sweep/speed.csv" ] && echo yes || echo no)"
for file in accuracy.svg tasks.png; do
    check "$file is there" yes "$([ -s "$folder/sweep/$file" ] && echo yes || echo no)"
done
run 0 "paper: llama2-13b" cat "$folder/sweep/report.md"
run 0 "guessing" cat "$folder/sweep/report.md"
run 0 "McNemar" cat "$folder/sweep/report.md"
cp "$folder/sweep/tasks.csv" "$folder/before.csv"
run 0 "every row was there already" "${sweep[@]}"
check "a second run changes no row" "$(sha256sum <"$folder/before.csv")" "$(sha256sum <"$folder/sweep/tasks.csv")"
sed -i '$d' "$folder/sweep/tasks.csv"
run 0 "## Tasks" "${sweep[@]}"
check "a row that is lost comes back from the answers" "$(tail -n 1 "$folder/before.csv" | cut -d, -f1-25)" \
    "$(tail -n 1 "$folder/sweep/tasks.csv" | cut -d, -f1-25)"
sed -i 's/It rains/It snows/' "$folder/data/rte/val.jsonl"
run 1 "rte was scored with data_sha256" "${sweep[@]}"
run 2 "random weights say nothing" "$LAYERLAB" sweep smollm2-135m --synthetic --tasks piqa
finish
