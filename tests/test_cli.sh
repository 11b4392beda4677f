#!/bin/bash
# The program as a user meets it: $LAYERLAB (build/layerlab) from the repository's top folder. An argument: only tests whose
# name holds it run. Tests of real runs are kept short; LL_TEST_QUICK leaves them out.
set -u
cd "$(dirname "$0")/.." || exit 1
program=$(realpath "${LAYERLAB:-build/layerlab}") || exit 1
folder=$(mktemp -d /tmp/layerlab-cli-XXXXXX)
trap 'rm -rf "$folder"' EXIT
out=$folder/stdout err=$folder/stderr
model=${LAYERLAB_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
commands=(info tokenize generate importance plan calibration quality speed sweep report export)
filter=${1:-}
passed=0 failed=0 skipped=0
trouble='' lacking=''
unset LL_ISA

# ---- the runner ------------------------------------------------------------------------------------------------------

complain() {
    trouble=yes
    echo "  $1"
}
# lacks WHAT WHY: the running test is skipped; a failure where LL_REQUIRE names WHAT.
lacks() {
    lacking=yes
    echo "  lacks $1: $2"
    case ",${LL_REQUIRE:-}," in *",all,"* | *",$1,"*) complain "$1 is required" ;; esac
}
# case_ NAME FUNCTION [quick|model|slow]
case_() {
    [[ $1 == *"$filter"* ]] || return 0
    trouble='' lacking=''
    if [ "${3:-quick}" = slow ] && [ -n "${LL_TEST_QUICK:-}" ]; then
        lacking=yes
        echo "  LL_TEST_QUICK is set"
    elif [ "${3:-quick}" != quick ] && [ ! -r "$model" ]; then
        lacks model "no default model; tools/fetch_model.sh fetches it"
    else
        "$2"
    fi
    if [ -n "$trouble" ]; then
        failed=$((failed + 1))
        echo "FAIL cli/$1"
    elif [ -n "$lacking" ]; then
        skipped=$((skipped + 1))
        echo "skip cli/$1"
    else
        passed=$((passed + 1))
        echo "ok   cli/$1"
    fi
}
# run ARGUMENTS: leaves $out, $err and $status.
run() {
    timeout 120 "$program" "$@" >"$out" 2>"$err" </dev/null
    status=$?
}
# works ARGUMENTS: exit 0.
works() {
    run "$@"
    [ $status = 0 ] || complain "$* exits $status: $(head -c 400 "$err")"
}
# refused STATUS PART ARGUMENTS: that exit code, nothing on standard output, and an error line that holds PART at stderr's end.
refused() {
    local expected=$1 part=$2 line
    shift 2
    run "$@"
    line=$(tail -n 1 "$err")
    [ $status = "$expected" ] || complain "$* exits $status, not $expected: $line"
    [[ $line == "layerlab: "* ]] || complain "$* ends stderr with: $line"
    [[ $line == *"$part"* ]] || complain "$*: \"$line\" does not hold \"$part\""
    [ "$(grep -c '^layerlab: ' "$err")" = 1 ] || complain "$* prints $(grep -c '^layerlab: ' "$err") error lines"
    [ ! -s "$out" ] || complain "$* prints on standard output: $(head -c 100 "$out")"
}
holds() {
    grep -qF -- "$1" "$out" || complain "the output does not hold \"$1\": $(head -c 300 "$out")"
}
# number KEY: the value of a key of the JSON in $out.
number() {
    sed -n "s/^ *\"$1\": *\([-0-9.eE+]*\),\{0,1\}\$/\1/p" "$out" | head -n 1
}
# between KEY LOW HIGH
between() {
    awk -v x="$(number "$1")" -v a="$2" -v b="$3" 'BEGIN {exit !(x != "" && x + 0 >= a && x + 0 <= b)}' ||
        complain "$1 is \"$(number "$1")\", not between $2 and $3"
}

# ---- help ------------------------------------------------------------------------------------------------------------

help_program() {
    works --help
    for command in "${commands[@]}"; do holds "  $command "; done
    holds "attn@8"
    holds "LAYERLAB_MODELS"
    holds "LL_ISA"
    holds "smollm2-135m"
    holds "Exit codes"
    works --version
    holds "layerlab "
}
help_commands() {
    for command in "${commands[@]}"; do
        works "$command" --help
        holds "layerlab $command "
        holds "Options:"
        holds "Example:"
        mv "$out" "$folder/long"
        works "$command" whatever -h
        cmp -s "$out" "$folder/long" || complain "$command -h differs from --help"
    done
}
# The examples that --help prints, as they are printed.
help_examples() {
    local top=$PWD
    mkdir -p "$folder/examples/results" "$folder/bin"
    ln -sf "$program" "$folder/bin/layerlab"
    ln -sfn "$top/harness" "$folder/examples/harness"
    ln -sfn "$(realpath "$(dirname "$model")")" "$folder/examples/models"
    ln -sfn "$top/results/smollm2-135m" "$folder/examples/results/smollm2-135m"
    for command in "${commands[@]}"; do
        example=$("$program" "$command" --help | sed -n '/^Example:/{n;p;}')
        [[ $example == *"layerlab $command "* ]] || complain "$command: no example: $example"
        (cd "$folder/examples" && PATH=$folder/bin:$PATH LAYERLAB_MODELS=models timeout 300 bash -c "$example") >"$out" 2>"$err" ||
            complain "$example: $(tail -n 1 "$err")"
        [ -s "$out" ] || [ "$command" = plan ] || complain "$example: prints nothing"
    done
}

# ---- usage -----------------------------------------------------------------------------------------------------------

usage_unknown() {
    refused 2 "no command is given"
    refused 2 "did you mean quality?" qualiti
    refused 2 "layerlab --help" 'xx yy'
    refused 2 "did you mean --window?" quality smollm2-135m --windoww 4
    refused 2 "plan takes no --drop" plan smollm2-135m --drop none
    refused 2 "--drop needs a MODEL" info --drop none
    refused 2 "--synthetic needs a MODEL" info --synthetic
    refused 2 "needs a MODEL" quality
    refused 2 "needs a DIR" report
    refused 2 "takes one MODEL" quality a b
    refused 2 "generate needs --prompt" generate smollm2-135m
}
usage_values() {
    refused 2 "--threads takes a whole number from 1 to 1024, found \"0\"" quality smollm2-135m --threads 0
    refused 2 "found \"-1\"" quality smollm2-135m --threads -1
    refused 2 "found \"2x\"" speed smollm2-135m --prompt 2x
    refused 2 "--group takes 128, 32 or channel" info --group 64
    refused 2 "--weights takes int8 or f32" quality smollm2-135m --weights q4
    refused 2 "--window" quality smollm2-135m --window 1
    refused 2 "--temperature" generate smollm2-135m --prompt x --temperature hot
    refused 2 "--counts" sweep smollm2-135m --counts 1,x
    refused 2 "given twice" quality smollm2-135m --json --json
    refused 2 "needs a value" quality smollm2-135m --text
}
usage_matmul() {
    refused 2 "--matmul takes own or onednn, found \"foo\"" info --matmul foo
    refused 2 "is for int8 weights" quality smollm2-135m --weights f32 --matmul onednn
    works info --json
    [ "$(grep -cE '"onednn": "[0-9]+\.[0-9]+\.[0-9]+, ' "$out")" = 1 ] || complain "info does not tell oneDNN's version"
}
# ---- models ----------------------------------------------------------------------------------------------------------

model_missing() {
    refused 1 "/nowhere.gguf" info "$folder/nowhere.gguf"
    refused 2 "smollm2-135m" info nosuchmodel
    mkdir -p "$folder/empty"
    LAYERLAB_MODELS=$folder/empty refused 1 "tools/fetch_model.sh smollm2-135m" quality smollm2-135m
}
# gguf_text TEXT: a length of 64 bits and the text. Short texts only.
gguf_text() {
    printf "\\x$(printf %02x ${#1})\\0\\0\\0\\0\\0\\0\\0%s" "$1"
}
model_strange() {
    : >"$folder/none.gguf"
    printf 'GG' >"$folder/two.gguf"
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 98362432\n' >"$folder/lfs.gguf"
    printf 'PK\003\004 something else, long enough to hold a header' >"$folder/zip.gguf"
    for file in none two lfs zip; do refused 1 "$file.gguf" info "$folder/$file.gguf"; done
    refused 1 "LFS" info "$folder/lfs.gguf"
    refused 1 "$folder" info "$folder"
    { # version 3, a tensor of one F32, one key: general.architecture, a text
        printf 'GGUF\3\0\0\0\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0'
        gguf_text general.architecture
        printf '\10\0\0\0'
        gguf_text gptneox
        gguf_text output_norm.weight
        printf '\1\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0'
        head -c 64 /dev/zero
    } >"$folder/other.gguf"
    refused 1 "gptneox" info "$folder/other.gguf"
    refused 1 "gptneox" generate "$folder/other.gguf" --prompt x
    { # a text of 2^62 bytes
        printf 'GGUF\3\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0'
        printf '\0\0\0\0\0\0\0\100general.architecture'
    } >"$folder/huge.gguf"
    refused 1 "huge.gguf" info "$folder/huge.gguf"
    { # 2^60 tensors
        printf 'GGUF\3\0\0\0\0\0\0\0\0\0\0\20\0\0\0\0\0\0\0\0'
        head -c 64 /dev/zero
    } >"$folder/many.gguf"
    refused 1 "many.gguf" info "$folder/many.gguf"
}
model_damaged() {
    mkdir -p "$folder/damaged"
    local copy=$folder/damaged/${model##*/}
    cp "$model" "$copy"
    printf 'X' | dd of="$copy" bs=1 seek=90000000 conv=notrunc status=none
    LAYERLAB_MODELS=$folder/damaged refused 1 "SHA-256" tokenize smollm2-135m
    truncate -s 50000000 "$copy"
    LAYERLAB_MODELS=$folder/damaged refused 1 "50000000" tokenize smollm2-135m
    refused 1 "$copy" info "$copy"
    refused 1 "$copy" generate "$copy" --prompt x
    truncate -s 100000 "$copy"
    refused 1 "$copy" tokenize "$copy"
    rm -rf "$folder/damaged"
}
info_model() {
    works info "$model"
    holds "134515008"
    holds "memory at 4096 tokens, batch 1"
    holds "file size             98.4 MB"
    holds "weights at 16 bits each       269 MB"
    works info "$model" --group channel --json
    for key in layers hidden heads kv_heads head_dim mlp vocab context file_bytes weight_bytes kv_bytes threads isa \
        available_bytes; do holds "\"$key\":"; done
    [ "$(number layers)" = 30 ] || complain "layers: $(number layers)"
    [ "$(number vocab)" = 49152 ] || complain "vocab: $(number vocab)"
    between parameters 134000000 135000000
    holds '"shape_of": "smollm2-135m"'
    works info "$model" --synthetic
    holds "shape                 as smollm2-135m"
    holds "weights               SYNTHETIC"
    holds "file size             98.4 MB"
}
# A model of the list is known without any file.
info_listed() {
    mkdir -p "$folder/empty"
    export LAYERLAB_MODELS=$folder/empty
    works info smollm2-135m
    holds "not here ($folder/empty/SmolLM2-135M-Instruct.Q4_1.gguf); run tools/fetch_model.sh smollm2-135m"
    works info llama2-70b
    holds "https://huggingface.co/meta-llama/Llama-2-70b-hf (Llama 2 Community License, to be accepted there first)"
    holds "not here ($folder/empty/llama2-70b); hf download"
    holds "68976648192"
    holds "weights int8, groups of 128"
    works info llama2-13b --length 2048 --batch 32 --drop attn:20-39 --json
    for key in here resident_blocks fits dropped; do holds "\"$key\":"; done
    holds '"drop": "attn:20-39"'
    for value in '"layers": 40' '"hidden": 5120' '"heads": 40' '"kv_heads": 40' '"mlp": 13824' '"vocab": 32000' \
        '"kv_bytes": 53687091200' '"kv_bytes": 26843545600' '"weight_bytes": 26031728640'; do holds "$value"; done
    works info llama2-13b --length 2048 --drop attn:20-39
    holds "attn:20-39"
    works info vicuna-13b --length 4096
    holds "more than the context"
    refused 1 "tools/fetch_model.sh smollm2-135m" quality smollm2-135m
    printf 'GGUF' >"$folder/empty/llama2-7b.gguf"
    refused 1 "llama2-7b.gguf" info llama2-7b
    works info llama2-7b --synthetic
    holds "weights               SYNTHETIC"
    works info llama2-7b --synthetic --json
    for value in '"here": null' '"file": null' '"synthetic": true' '"shape_of": null' '"layers": 32'; do holds "$value"; done
    if [ -r "$model" ]; then
        cp "$model" "$folder/empty/llama2-7b.gguf"
        works info llama2-7b
        holds "another shape than llama2-7b"
        rm "$folder/empty/llama2-7b.gguf"
    fi
    refused 2 "layer 40" info llama2-13b --drop attn:40
    refused 2 "--length" info llama2-13b --length 1073741824 --batch 1
    unset LAYERLAB_MODELS
}
info_machine() {
    works info
    holds "memory here"
    holds "matmul_i8"
    holds "smollm2-135m"
    works info --threads 3
    holds "3 (as --threads says)"
}

# ---- tokenize --------------------------------------------------------------------------------------------------------

# The first texts of the golden file and every twentieth of the rest, short ones.
tokenize_golden() {
    local compared=0 line hex wanted got
    while IFS= read -r line; do
        hex=$(sed -n 's/.*"hex": *"\([0-9a-f]*\)".*/\1/p' <<<"$line")
        wanted=$(sed -n 's/.*"ids": *\[\([0-9, ]*\)\].*/\1/p' <<<"$line" | tr -d ' ' | tr ',' ' ')
        # shellcheck disable=SC2001,SC2059 # the text is bytes of two hex digits
        got=$(printf "$(sed 's/../\\x&/g' <<<"$hex")" | "$program" tokenize "$model" --ids)
        [ "$got" = "$wanted" ] || complain "hex $hex gives \"$got\", not \"$wanted\""
        compared=$((compared + 1))
    done < <(awk 'length($0) < 4000 && (NR <= 8 || NR % 20 == 0)' tests/golden/tokens.jsonl)
    [ $compared -ge 15 ] || complain "only $compared texts of tests/golden/tokens.jsonl were compared"
}
tokenize_forms() {
    local got
    got=$(printf 'Hello world' | "$program" tokenize "$model" --ids)
    [ "$got" = "19556 905" ] || complain "Hello world: $got"
    got=$(printf 'a\n\\\303' | "$program" tokenize "$model" | cut -f 2 | tr '\n' '|')
    [ "$got" = 'a|\n|\\|\xC3|' ] || complain "escapes: $got"
    printf 'Hello world' | "$program" tokenize "$model" --json >"$out" || complain "--json fails"
    holds '"id": 905'
    holds '"text": " world"'
    works tokenize "$model" --ids
    [ "$(wc -c <"$out")" = 1 ] || complain "an empty text gives $(head -c 50 "$out")"
    works tokenize "$model"
    [ ! -s "$out" ] || complain "an empty text gives $(head -c 50 "$out")"
}

# ---- drops, texts, outputs -------------------------------------------------------------------------------------------

drop_refused() {
    local run=(generate "$model" --prompt x --max-tokens 1 --quiet --drop)
    refused 2 "there is no layer 30" "${run[@]}" attn:30
    refused 2 "dropped twice" "${run[@]}" attn:25,25
    refused 2 "dropped twice" "${run[@]}" attn:25+block:24-26
    refused 2 "expected" "${run[@]}" attn:
    refused 2 "expected" "${run[@]}" heads:3
    refused 2 "--plan" "${run[@]}" joint@4
    refused 1 "nowhere.json" "${run[@]}" joint@4 --plan "$folder/nowhere.json"
    echo '{"version": 99}' >"$folder/bad.json"
    refused 1 "bad.json" "${run[@]}" joint@4 --plan "$folder/bad.json"
}
text_refused() {
    : >"$folder/empty.txt"
    echo 'short' >"$folder/short.txt"
    echo '{"body": "x"}' >"$folder/key.jsonl"
    echo '{"text": ' >"$folder/broken.jsonl"
    echo 'x' >"$folder/text.pdf"
    refused 1 "empty.txt" quality "$model" --text "$folder/empty.txt"
    refused 1 "window" quality "$model" --text "$folder/short.txt" --quiet
    refused 1 "key.jsonl" importance "$model" --calib "$folder/key.jsonl"
    refused 1 "broken.jsonl" plan "$model" --calib "$folder/broken.jsonl"
    refused 1 "text.pdf" quality "$model" --text "$folder/text.pdf"
    refused 1 "nowhere.txt" quality "$model" --text "$folder/nowhere.txt"
    refused 1 "--prompt" generate "$model" --prompt '' --quiet
    refused 1 "" report "$folder/nofolder"
    mkdir -p "$folder/norows"
    refused 1 "" report "$folder/norows"
    refused 1 "norows/speed.csv" report results/smollm2-135m "$folder/norows" --out "$folder/compared"
}
prompt_long() {
    refused 1 "context holds 8192" generate "$model" --quiet --prompt "$(printf 'ab cd %.0s' {1..5000})"
}
outputs_refused() {
    refused 1 "nofolder/plan.json" plan smollm2-135m --out "$folder/nofolder/plan.json"
    refused 1 "is a folder" plan smollm2-135m --out "$folder"
    refused 1 "nofolder/rows.csv" importance smollm2-135m --csv "$folder/nofolder/rows.csv"
    : >"$folder/file"
    refused 1 "$folder/file" sweep smollm2-135m --out "$folder/file/rows" --quiet
}
# full ARGUMENTS: a full disk under standard output.
full() {
    timeout 120 "$program" "$@" >/dev/full 2>"$err" </dev/null
    status=$?
    [ $status = 3 ] || complain "$* into a full disk exits $status"
    grep -q '^layerlab: .*No space left' "$err" || complain "$*: $(tail -n 1 "$err")"
}
output_full() {
    [ -w /dev/full ] || { lacks devfull "no /dev/full here"; return; }
    full --help
    full quality --help
    full info
    full info --json
}
output_full_model() {
    [ -w /dev/full ] || { lacks devfull "no /dev/full here"; return; }
    full generate "$model" --prompt Hello --max-tokens 4 --quiet
    full importance "$model" --samples 1 --length 16 --quiet --csv -
}
# The reader is gone before anything is written.
output_closed() {
    { sleep 0.3; "$program" --help; echo $? >"$folder/code"; } 2>"$err" | true
    while [ ! -s "$folder/code" ]; do sleep 0.1; done
    [ "$(cat "$folder/code")" = 3 ] || complain "a closed pipe: exit $(cat "$folder/code")"
    grep -q '^layerlab: standard output' "$err" || complain "a closed pipe: $(cat "$err")"
}

# ---- the scripts' forms ----------------------------------------------------------------------------------------------

form_quality() {
    works quality "$model" --text harness/data/wikitext2-test.txt --window 256 --first-window 0 --max-windows 2 --weights f32 \
        --json --quiet
    [ ! -s "$err" ] || complain "--quiet prints $(head -c 100 "$err")"
    # 28.4408 by tests/golden/perplexity.json
    between perplexity 28.438 28.444
    between stderr 0.1 20
    [ "$(number tokens)" = 510 ] || complain "tokens: $(number tokens)"
    works quality "$model" --text harness/data/wikitext2-test.txt --window 256 --max-windows 2 --weights f32 --drop attn:20-27 --json
    between perplexity 432.94 433.03
    grep -q 'threads\? (' "$err" || complain "stderr does not say the threads: $(head -n 1 "$err")"
    works quality "$model" --text harness/data/wikitext2-test.txt --window 64 --first-window 100 --max-windows 1 --kl --json --drop mlp:3
    between kl 0.0001 20
    between top1 0 1
    [ "$(number tokens)" = 63 ] || complain "tokens: $(number tokens)"
}
form_importance() {
    works importance "$model" --calib harness/data/c4.jsonl --samples 1 --length 64 --csv - --quiet
    [ "$(head -n 1 "$out")" = kind,layer,importance ] || complain "header: $(head -n 1 "$out")"
    [ "$(wc -l <"$out")" = 91 ] || complain "$(wc -l <"$out") lines"
    for kind in attn mlp block; do
        [ "$(grep -cE "^$kind,[0-9]+,[0-9.e+-]+\$" "$out")" = 30 ] || complain "$(grep -c "^$kind," "$out") rows of $kind"
    done
    cp "$out" "$folder/rows"
    works importance "$model" --calib harness/data/c4.jsonl --samples 1 --length 64 --csv "$folder/rows.csv" --quiet
    [ ! -s "$out" ] || complain "with --csv FILE it prints $(head -c 100 "$out")"
    cmp -s "$folder/rows" "$folder/rows.csv" || complain "--csv FILE differs from --csv -"
}
form_speed() {
    works speed "$model" --prompt 32 --generate 4 --repetitions 1 --json --quiet
    for key in prefill_tokens_per_s decode_tokens_per_s bandwidth_share int8_share; do between $key 0.000001 1000000; done
    works speed "$model" --prompt 32 --generate 4 --repetitions 1 --drop block:20-27 --json --quiet
    for key in prefill_tokens_per_s decode_tokens_per_s int8_share bandwidth_share speedup_prefill speedup_decode \
        speedup_predicted; do between $key 0.000001 1000000; done
    between speedup_predicted 1.05 1.5
    between kv_bytes 600000 1300000 # 22 layers, 36 to 48 positions, 3 heads of 64, bf16
}
form_plan() {
    works quality "$model" --window 2 --max-windows 1 --json --out "$folder/quality.json" --quiet
    grep -q '"stderr": null' "$folder/quality.json" || complain "one scored token: $(head -c 300 "$folder/quality.json")"
    [ ! -s "$out" ] || complain "with --out it prints $(head -c 100 "$out")"
    works quality "$model" --window 2 --max-windows 1 --json --out - --quiet
    if ! cmp -s "$out" "$folder/quality.json" || [ -e ./- ]; then
        complain "--out - is not standard output"
    fi
    refused 2 "--window 8194 is more than the model's context of 8192" quality "$model" --window 8194 --max-windows 1 --quiet
    refused 1 "no whole window" quality "$model" --window 2 --first-window 999999 --out "$folder/none.json" --quiet
    [ -z "$(find "$folder" -name 'none.json*')" ] || complain "a failed run leaves its output"
    works plan "$model" --samples 1 --length 64 --out "$folder/plan.json" --quiet
    [ ! -s "$out" ] || complain "with --out it prints $(head -c 100 "$out")"
    works plan "$model" --samples 1 --length 64 --quiet --out -
    cmp -s "$out" "$folder/plan.json" || complain "the plan on standard output differs from the file"
    works quality "$model" --window 64 --max-windows 1 --drop joint@3 --plan "$folder/plan.json" --json --quiet
    grep -qE '"drop": "[^"]*(attn|mlp|block):' "$out" || complain "joint@3 is not resolved"
    refused 2 "--drop" quality "$model" --plan "$folder/plan.json"
}
form_generate() {
    works generate "$model" --prompt 'The capital of France is' --max-tokens 4
    holds "Paris"
    grep -q 'tokens/s' "$err" || complain "stderr does not say the speed"
    works generate "$model" --prompt 'The capital of France is' --max-tokens 4 --threads 1 --quiet --json
    holds '"text": " Paris'
    [ ! -s "$err" ] || complain "--quiet prints $(head -c 100 "$err")"
    works generate "$model" --prompt 'Once upon' --max-tokens 6 --temperature 1 --seed 7 --quiet
    cp "$out" "$folder/first"
    works generate "$model" --prompt 'Once upon' --max-tokens 6 --temperature 1 --seed 7 --quiet
    cmp -s "$out" "$folder/first" || complain "the same seed gives another text"
    works generate "$model" --prompt 'Once upon' --max-tokens 6 --temperature 1 --seed 8 --quiet
    ! cmp -s "$out" "$folder/first" || complain "another seed gives the same text"
}

case_ help/program help_program
case_ help/commands help_commands
case_ help/examples help_examples slow
case_ usage/unknown usage_unknown
case_ usage/values usage_values
case_ usage/matmul usage_matmul
case_ model/missing model_missing
case_ model/strange model_strange
case_ model/damaged model_damaged model
case_ info/model info_model model
case_ info/listed info_listed
case_ info/machine info_machine
case_ tokenize/golden tokenize_golden model
case_ tokenize/forms tokenize_forms model
case_ refused/drops drop_refused model
case_ refused/texts text_refused slow
case_ refused/long\ prompt prompt_long slow
case_ refused/outputs outputs_refused
case_ output/full output_full
case_ output/full,\ model output_full_model slow
case_ output/closed output_closed
case_ form/quality form_quality slow
case_ form/importance form_importance slow
case_ form/speed form_speed slow
case_ form/plan form_plan slow
case_ form/generate form_generate slow

echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
