#!/bin/bash
# layerlab export as a user meets it. tests/test_export.c has the formats.
set -u
cd "$(dirname "$0")/.." || exit 1
# shellcheck source=tests/lib.sh
. tests/lib.sh
program=${LAYERLAB:-build/layerlab}
model=${LAYERLAB_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf

run 2 "export needs --out PATH" "$program" export smollm2-135m --drop attn:1
run 0 "--format gguf|hf|config" "$program" export --help
run 1 "cannot be opened" "$program" export "$folder/none.gguf" --drop attn:1 --out "$folder/out.gguf"

# perplexity ARGUMENTS: of a few tokens, as JSON gives it.
perplexity() {
    "$program" quality "$@" --window 32 --max-windows 1 --json --quiet 2>&1 | grep '"perplexity"'
}

if [ ! -r "$model" ]; then
    skip_for model "exports of the default model"
    finish
fi

run 2 "nothing to drop" "$program" export "$model" --out "$folder/out.gguf"
run 2 "there is no layer 30" "$program" export "$model" --drop block:30 --out "$folder/out.gguf"
run 2 "ends in .gguf" "$program" export "$model" --drop block:1 --out "$folder/out"
run 2 "tensors stay its own bytes" "$program" export "$model" --drop block:1 --format hf --out "$folder/out"
run 2 "expected gguf, hf or config" "$program" export "$model" --drop block:1 --format onnx --out "$folder/out.gguf"
run 2 "is the source itself" "$program" export "$model" --drop block:1 --out "$model" --force
check "nothing was written" "err out" "$(cd "$folder" && echo *)"

run 0 "dropped     block:2,26" "$program" export "$model" --drop block:2,26 --out "$folder/blocks.gguf"
check "says how many blocks are left" "28 of 30, numbered anew" "$(sed -n 's/^blocks *//p' "$folder/out")"
check "a block drop needs no note" "" "$(cat "$folder/err")"
check "blocks: the same perplexity" "$(perplexity "$model" --drop block:2,26)" "$(perplexity "$folder/blocks.gguf")"
run 1 "is there already" "$program" export "$model" --drop attn:20-27 --out "$folder/blocks.gguf"
run 0 "llama.cpp cannot load" "$program" export "$model" --drop attn:20-27+mlp:3 --out "$folder/blocks.gguf" --force --json
check "JSON names the drop" '  "drop": "attn:20-27+mlp:3",' "$(grep '"drop"' "$folder/out")"
check "JSON counts tensors" '  "tensors": 228,' "$(grep '"tensors"' "$folder/out")"
check "halves: the same perplexity" "$(perplexity "$model" --drop attn:20-27+mlp:3)" "$(perplexity "$folder/blocks.gguf")"
run 0 "attn:20-27" "$program" info "$folder/blocks.gguf"

run 0 "(config)" "$program" export "$model" --drop block:3+attn:5 --format config --out "$folder/lists.json" --quiet
check "config holds the lists" '{ "num_hidden_layers": 30, "drop_attn_list": [3, 5], "drop_mlp_list": [3] }' "$(
    tr -s '\n ' ' ' <"$folder/lists.json" | sed 's/ $//'
)"
finish
