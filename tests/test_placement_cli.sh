#!/bin/bash
# What a user says of nodes and threads, and what the program says of them.
set -u
. tests/lib.sh
LAYERLAB=${LAYERLAB:-build/layerlab}
field() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval("d" + sys.argv[2]))' "$1" "$2"; }

# ---- the plan for other machines ----------------------------------------------------------------------------------------------------------
run 0 "split: 96 threads on 2 nodes of 2" "$LAYERLAB" info llama2-13b --placement --topology 'numa:2 core:48 pu:2'
run 0 "times as fast as one of these nodes" "$LAYERLAB" info llama2-13b --placement --topology 'numa:2 core:48 pu:2'
run 0 "interleave: 96 threads on 1 node of 2" "$LAYERLAB" info llama2-13b --placement --numa interleave --topology 'numa:2 core:48 pu:2'
run 0 "split: 5 threads on 2 nodes of 4" "$LAYERLAB" info llama2-13b --placement --nodes 3,1 --threads 5 --topology 'numa:4 core:4 pu:1'
"$LAYERLAB" info llama3-70b --placement --topology 'numa:8 core:12 pu:2' --length 8192 --json >"$folder/plan"
check "eight nodes in JSON" 8 "$(field "$folder/plan" '["nodes"].__len__()')"
check "nodes hold alike" True "$(field "$folder/plan" '["nodes"] and min(n["weight_bytes"] for n in d["nodes"]) > 0.97 * max(n["weight_bytes"] for n in d["nodes"])')"
check "no CPU twice" 96 "$(python3 -c 'import json, sys; print(len({cpu for node in json.load(open(sys.argv[1]))["nodes"] for cpu in node["cpus"]}))' "$folder/plan")"
run 2 "node 5 does not exist" "$LAYERLAB" info llama2-13b --placement --nodes 5 --topology 'numa:2 core:4 pu:1'
run 1 "expected a topology that" "$LAYERLAB" info llama2-13b --placement --topology "$folder/none.xml"
echo "no topology" >"$folder/bad.xml"
run 1 "bad.xml" "$LAYERLAB" info llama2-13b --placement --topology "$folder/bad.xml"
run 2 'levels such as "numa:2 core:8 pu:2"' "$LAYERLAB" info llama2-13b --placement --topology 'sockets:2'
run 2 "--placement needs a MODEL" "$LAYERLAB" info --placement
run 2 "go with --placement" "$LAYERLAB" info llama2-13b --dry-run

run 0 "interleave: 1 threads on 1 node of 2" "$LAYERLAB" info llama2-13b --placement --numa interleave --threads 1 --topology 'numa:2 core:4 pu:1'
run 0 "node all 2" "$LAYERLAB" info llama2-13b --placement --numa interleave --threads 1 --topology 'numa:2 core:4 pu:1'
run 1 "context is 4096 positions" "$LAYERLAB" info llama2-13b --placement --length 100000 --topology 'numa:2 core:4 pu:1'

run 0 "split" "$LAYERLAB" info llama2-13b --placement --topology 'numa:2 l3:2 core:8 pu:2' --svg "$folder/plan.svg"
check "a picture: every core" 32 "$(grep -c 'class="busy"' "$folder/plan.svg")"
check "a picture: a frame a node" 2 "$(grep -c 'class="frame"' "$folder/plan.svg")"
check "a picture is XML" yes "$(python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1]); print("yes")' "$folder/plan.svg")"
run 1 "cannot be" "$LAYERLAB" info llama2-13b --placement --topology 'numa:2 core:8 pu:2' --svg "$folder/none/plan.svg"

# ---- mistyped -----------------------------------------------------------------------------------------------------------------------------
run 2 "--numa takes split, interleave or off" "$LAYERLAB" speed smollm2-135m --numa both
run 2 "--huge-pages takes on or off" "$LAYERLAB" speed smollm2-135m --huge-pages always
run 2 "--bind takes core or none" "$LAYERLAB" speed smollm2-135m --bind socket
run 2 "--nodes takes numbers of nodes such as 0,1" "$LAYERLAB" speed smollm2-135m --nodes 0,
run 2 "--nodes takes numbers of nodes such as 0,1" "$LAYERLAB" speed smollm2-135m --nodes all
for option in '--virtual-nodes 2' '--numa off' '--nodes 0' '--bind none' '--decode-threads 1'; do
    # shellcheck disable=SC2086
    run 2 "sweep takes no ${option% *}" "$LAYERLAB" sweep smollm2-135m $option
done
run 2 "from 1 to 16" "$LAYERLAB" speed smollm2-135m --virtual-nodes 17

# ---- this machine -------------------------------------------------------------------------------------------------------------------------
few=(--synthetic --placement --length 64)
OMP_PROC_BIND=true GOMP_CPU_AFFINITY=0 run 0 "OMP_PROC_BIND is not followed" "$LAYERLAB" info smollm2-135m "${few[@]}"
"$LAYERLAB" info smollm2-135m "${few[@]}" --json >"$folder/here" 2>"$folder/err"
OMP_PROC_BIND=true GOMP_CPU_AFFINITY=0 "$LAYERLAB" info smollm2-135m "${few[@]}" --json >"$folder/omp" 2>"$folder/err"
check "OpenMP's variables change no thread's place" "$(field "$folder/here" '["nodes"][0]["cpus"]')" "$(field "$folder/omp" '["nodes"][0]["cpus"]')"
check "every thread is bound" "$(field "$folder/here" '["threads"]')" "$(field "$folder/here" '["threads_bound"]')"
"$LAYERLAB" info smollm2-135m "${few[@]}" --huge-pages off --json >"$folder/small" 2>"$folder/err"
check "huge pages off: none" 0 "$(field "$folder/small" '["huge_bytes"]')"
if grep -q '\[never\]' /sys/kernel/mm/transparent_hugepage/enabled 2>/dev/null; then
    check "huge pages: the system gives none" 0 "$(field "$folder/here" '["huge_bytes"]')"
else
    check "huge pages: most of the weights" True "$(field "$folder/here" '["huge_bytes"] > d["nodes"][0]["weight_bytes"] / 2')"
fi
first=$(taskset -cp $$ | sed 's/.*: *\([0-9]*\).*/\1/')
run 0 "split: 1 threads on 1 node" taskset -c "$first" "$LAYERLAB" info smollm2-135m "${few[@]}"
run 0 "3 threads on 3 nodes of" "$LAYERLAB" info smollm2-135m "${few[@]}" --threads 3 --virtual-nodes 3
run 0 "more than the cores here" "$LAYERLAB" info smollm2-135m "${few[@]}" --threads 300
run 2 "--decode-threads takes" "$LAYERLAB" generate smollm2-135m --prompt x --decode-threads some
run 0 "1 of 3 threads decode" "$LAYERLAB" speed smollm2-135m --synthetic --resident 8 --threads 3 --decode-threads 1 --prompt 4 --generate 2 --repetitions 1
run 0 "tokens/s over 2 tokens" "$LAYERLAB" speed smollm2-135m --synthetic --resident 8 --decode-threads probe --prompt 4 --generate 2 --repetitions 1
run 0 "0 of 3 are bound" "$LAYERLAB" info smollm2-135m "${few[@]}" --bind none --threads 3
finish
