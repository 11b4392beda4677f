#!/bin/bash
# Threads and pages on NUMA nodes, asked of a real kernel with several of them (tests/vm.sh): where the plan says they are, there they are.
# What the program says of itself is checked against /proc.
set -u
. tests/lib.sh
LAYERLAB=${LAYERLAB:-build/layerlab}
build=$(dirname "$LAYERLAB")
have_vm "$build" || finish
mkdir "$folder/tmp"

# Runs layerlab with $arguments in the background and tells, once it has its weights: "thread CPUS" for each thread but the first, which is
# bound only while it works (the program itself tells of it, below), and for each mapping of
# a megabyte or more "pages POLICY N0=.. N1=..".
cat >"$folder/facts.sh" <<'GUEST'
./layerlab speed smollm2-135m --synthetic --resident 8 --prompt 1 --generate 8 --exact --repetitions 1 --json --quiet $arguments >speed &
pid=$!
while kill -0 $pid && ! awk '/anon=/ { split($0, a, "anon="); sum += a[2] } END { exit sum < 25000 }' /proc/$pid/numa_maps; do sleep 0.2; done
for task in /proc/$pid/task/*; do [ $task = /proc/$pid/task/$pid ] || echo thread $(sed -n 's/^Cpus_allowed_list:[^0-9]*//p' $task/status); done
awk '/anon=/ { on = ""; for (i = 3; i <= NF; i++) { if ($i ~ /^N[0-9]/) on = on " " $i; if ($i ~ /^anon=/) size = substr($i, 6) + 0 }
    if (size > 256) print "pages", $2 on }' /proc/$pid/numa_maps
wait $pid && echo decoded
GUEST

# guest NODES ARGUMENTS: what layerlab does on such a machine, in $folder/out.
guest() {
    { echo "arguments='$2'"; cat "$folder/facts.sh"; } >"$folder/script.sh"
    BUILD=$build TMPDIR=$folder/tmp tests/vm.sh --nodes "$1" --seconds 240 --script "$folder/script.sh" -- "$LAYERLAB" >"$folder/out" 2>"$folder/err" ||
        fail "a machine of $1 with '$2'" "$(tail -n 3 "$folder/out" "$folder/err")"
}
threads() { grep '^thread ' "$folder/out" | cut -d' ' -f2 | sort -n | tr '\n' ' '; }
# share POLICY NODE: of the pages with that policy in percent, rounded down, how many are on the node.
share() {
    awk -v policy="$1" -v node="N$2" '$1 == "pages" && $2 ~ "^" policy { for (i = 3; i <= NF; i++) { split($i, n, "="); all += n[2]; if (n[1] == node) on += n[2] } }
        END { if (all > 256) print int(100 * on / all); else print "no pages" }' "$folder/out"
}
at_least() { if [ "$3" -ge "$2" ] 2>/dev/null; then ok "$1"; else fail "$1" "found:    $3" "expected: $2 or more"; fi; }

guest 1024:2,1024:2 ''
check "split: a thread on every core" "1 2 3 " "$(threads)"
at_least "split: what node 0 holds is there" 99 "$(share bind:0 0)"
at_least "split: what node 1 holds is there" 99 "$(share bind:1 1)"
at_least "split: what they share is on both" 40 "$(share interleave 0)"
check "split: decodes" decoded "$(tail -n 1 "$folder/out")"

guest 1024:2,1024:2 '--numa interleave'
at_least "interleave: half of the pages on node 0" 45 "$(share interleave 0)"
at_least "interleave: half of the pages on node 1" 45 "$(share interleave 1)"
check "interleave: nothing is bound to one node" "no pages" "$(share bind 0)"

guest 1024:2,1024:2 '--nodes 1'
check "--nodes 1: its cores alone" "3 " "$(threads)"
at_least "--nodes 1: its memory alone" 99 "$(share bind:1 1)"

guest 1024:2,1024:2 '--numa off --bind none --threads 3'
check "off: threads anywhere" "0-3 0-3 " "$(threads)"
check "off: nothing is bound" "no pages" "$(share bind 0)"

# Memory, or cores, on one node only.
guest 1024:2,0:2 ''
check "a node without memory: its cores work too" "1 2 3 " "$(threads)"
guest 900:2,700:0 ''
check "a node without cores: is not used" "1 " "$(threads)"
at_least "a node without cores: no page is on it" 99 "$(share bind:0 0)"

# A node that is too small, and what the program says of itself. Its second node has no room for half of the weights.
cat >"$folder/facts.sh" <<'GUEST'
./layerlab info smollm2-135m --synthetic --placement --length 256 $arguments 2>&1
echo "exit $?"
GUEST
guest 1400:2,96:2 ''
check "too small: is refused" "exit 3" "$(tail -n 1 "$folder/out")"
check "too small: which node, and what to do" 1 "$(grep -c 'node 1 is to hold .* MB are available there; leave it out with --nodes, or take --numa interleave' "$folder/out")"
guest 1400:2,96:2 '--nodes 0'
check "too small: goes without it" "exit 0" "$(tail -n 1 "$folder/out")"
check "says that all pages are in place" 1 "$(grep -c 'pages looked at are on it (\(100\|99\)' "$folder/out")"
check "says that all threads are bound" 1 "$(grep -c '2 of 2 are bound to their CPU' "$folder/out")"
finish
