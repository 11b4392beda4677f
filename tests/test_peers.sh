#!/bin/bash
# tools/compare_peers: programs that only print results, so that ratios are known beforehand.
set -u
. tests/lib.sh

# fake NAME TOKENS_PER_S: a llama-bench; where it is asked for quantized caches, half as fast.
fake() {
    cat >"$folder/$1" <<END
#!/bin/bash
speed=$2
case "\$*" in *q8_0*) speed=\$((speed / 2)) ;; esac
[[ "\$*" =~ -p\ ([0-9]+)\ -n\ ([0-9]+) ]]
echo "loading" >&2
echo "[{\"build_commit\": \"c0ffee\", \"n_prompt\": \${BASH_REMATCH[1]}, \"n_gen\": \${BASH_REMATCH[2]}, \"avg_ts\": \$speed}]"
END
    chmod +x "$folder/$1"
}
fake fast 200
fake slow 50
fake infinite Infinity
printf '#!/bin/bash\necho "loading |" >&2\necho "no | memory" >&2\nexit 3\n' >"$folder/fails"
printf '#!/bin/bash\nkill -ILL $$\n' >"$folder/dies"
printf '#!/bin/bash\n[[ "$*" != *"-fa 1"* ]] || exit 3\nexec "%s" "$@"\n' "$folder/slow" >"$folder/half"
printf '#!/bin/bash\necho "[{\\"n_prompt\\": 5, \\"n_gen\\": 0, \\"avg_ts\\": 7}]"\n' >"$folder/other"
printf '#!/bin/bash\necho "[{}]"\n' >"$folder/rubbish"
printf '#!/bin/bash\necho "GGML_ASSERT"\n' >"$folder/text"
cat >"$folder/layerlab" <<'END'
#!/bin/bash
case "$*" in
"info --json") echo '{"machine": {"cpu": "A CPU (R)", "cores": 2, "threads": 2, "isa": {"matmul_i8": "wide"}}}' ;;
*"--group 128"*) echo '{"prefill_tokens_per_s": 100, "decode_tokens_per_s": 10, "int8_share": 0.8, "bandwidth_share": 0.9}' ;;
*) echo '{"prefill_tokens_per_s": 75, "decode_tokens_per_s": 10, "int8_share": 0.6, "bandwidth_share": 0.9}' ;;
esac
END
chmod +x "$folder"/{fails,dies,half,other,rubbish,text,layerlab}

# shellcheck disable=SC2317 # run calls it
compare() {
    python3 tools/compare_peers.py --model m.gguf --layerlab "$folder/layerlab" --repetitions 3 --out "$folder/results" --label toy "$@"
}
row() { grep "^$1" "$folder/results/toy.csv"; }
# shellcheck disable=SC2317 # run calls it
table() { cat "$folder/results/toy.md"; }

if python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    run 0 "2.00 x (2.00 to 2.00)" compare --peer "llama.cpp=$folder/slow" --peer "ik_llama.cpp=$folder/fast"
    check "the best setting counts" "prefill,ik_llama.cpp,-fa 1 -rtr 1,200.0,200.0,200.0,0.5,0.5,0.5,0.375,0.375,0.375,NA,3," "$(row prefill,ik)"
    check "the other group stands beside" "prefill,Layerlab,--group 32,75.0,75.0,75.0,NA,NA,NA,NA,NA,NA,0.6,3," "$(row 'prefill,Layerlab,--group 32')"
    run 0 "A CPU (R), 2 cores, wide; 2 threads; $(date +%F). 3 rounds" table
    run 0 "llama.cpp, decode (says build c0ffee: of the git tree around its sources): \`$folder/slow -m m.gguf -t 2 -p 0 -n 64 -r 1 -o json -fa 1\`" table
    OMP_PROC_BIND=close run 0 "\`OMP_PROC_BIND=close\`" compare --peer "llama.cpp=$folder/slow"
    run 0 "round 3 of 3, llama.cpp -fa 0, some 0.0 min left" compare --peer "llama.cpp=$folder/slow"
    check "shares are Layerlab's own" "0.9" "$(row 'decode,Layerlab,--group 128' | cut -d, -f13)"
    run 1 "| llama.cpp | \`-fa 1\` | failed: exit 3: no / memory |  |  |  |" compare --peer "llama.cpp=$folder/fails"
    check "what failed has no speed" "NA NA" "$(row prefill,llama | cut -d, -f4 | xargs)"
    run 1 "| llama.cpp | \`-fa 1\` | failed: SIGILL |" compare --peer "llama.cpp=$folder/dies"
    run 1 "| llama.cpp | \`-fa 1\` | failed: exit 3 |" compare --peer "llama.cpp=$folder/half"
    check "the setting that ran stands beside" "50.0 NA" "$(row decode,llama | cut -d, -f4 | xargs)"
    run 1 "printed what is no result: ValueError('5 and 0 tokens, asked for 512 and 0')" compare --peer "llama.cpp=$folder/other"
    run 1 "inf tokens/s" compare --peer "llama.cpp=$folder/infinite"
    run 1 "printed what is no result" compare --peer "llama.cpp=$folder/rubbish"
    run 1 "printed what is no result" compare --peer "llama.cpp=$folder/text"
    run 1 "failed: " compare --peer "llama.cpp=$folder/nowhere" --peer "ik_llama.cpp=$folder/fast"
    check "the others count all the same" "200.0" "$(row prefill,ik | cut -d, -f4)"
    run 1 "expected NAME=PATH" compare --peer "other=$folder/fast"
else
    skip_for python3 "comparing with peers"
fi

run 0 "a checkout of ik_llama.cpp" tools/compare_peers.sh --help
run 2 "no option --nope" tools/compare_peers.sh --nope
run 2 "--blocks x: expected a number" tools/compare_peers.sh --blocks x
run 2 "--ik takes a value" tools/compare_peers.sh --ik
run 2 "one model at a time" tools/compare_peers.sh a b
touch "$folder/model.gguf"
run 2 "--blocks is for listed models" tools/compare_peers.sh "$folder/model.gguf" --blocks 2
run 2 "expected one of them" tools/compare_peers.sh --ik "$folder" --ik-bench "$folder/fast"
run 2 "there is no CMakeLists.txt" tools/compare_peers.sh --ik "$folder"
run 2 "is no program" tools/compare_peers.sh --llama-bench "$folder/nowhere"
finish
