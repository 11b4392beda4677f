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
echo "loading" >&2
echo "[{\"avg_ts\": 1}, {\"avg_ts\": \$speed}]"
END
    chmod +x "$folder/$1"
}
fake fast 200
fake slow 50
printf '#!/bin/bash\nexit 3\n' >"$folder/fails"
printf '#!/bin/bash\necho "[{}]"\n' >"$folder/rubbish"
printf '#!/bin/bash\necho "GGML_ASSERT"\n' >"$folder/text"
cat >"$folder/layerlab" <<'END'
#!/bin/bash
case "$*" in
*"--group 128"*) echo '{"prefill_tokens_per_s": 100, "decode_tokens_per_s": 10, "int8_share": 0.8, "bandwidth_share": 0.9}' ;;
*) echo '{"prefill_tokens_per_s": 75, "decode_tokens_per_s": 10, "int8_share": 0.6, "bandwidth_share": 0.9}' ;;
esac
END
chmod +x "$folder"/{fails,rubbish,text,layerlab}

# shellcheck disable=SC2317 # run calls it
compare() {
    python3 tools/compare_peers.py --model m.gguf --layerlab "$folder/layerlab" --threads 2 --repetitions 3 --out "$folder/results" --label toy "$@"
}
row() { grep "^$1" "$folder/results/peers.csv"; }

if python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; then
    run 0 "2.00 x (2.00 to 2.00)" compare --peer "llama.cpp=$folder/slow" --peer "ik_llama.cpp=$folder/fast"
    check "the best setting counts" "prefill,ik_llama.cpp,-fa 1 -rtr 1,200.0,200.0,200.0,0.5,0.5,0.5,NA,3," "$(row prefill,ik)"
    check "the other group stands beside" "prefill,Layerlab,--group 32,75.0,75.0,75.0,1.3333333333333333,1.3333333333333333,1.3333333333333333,0.6,3," "$(row 'prefill,Layerlab,--group 32')"
    check "shares are Layerlab's own" "0.9" "$(row 'decode,Layerlab,--group 128' | cut -d, -f10)"
    run 1 "| llama.cpp | \`-fa 1\` | failed: " compare --peer "llama.cpp=$folder/fails"
    check "what failed has no speed" "NA" "$(row prefill,llama | cut -d, -f4)"
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
run 2 "is no program" tools/compare_peers.sh --llama-bench "$folder/nowhere"
finish
