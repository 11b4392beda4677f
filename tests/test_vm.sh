#!/bin/bash
# tests/vm.sh: the machine that was asked for, what its script says and how it ends, and machines that cannot be or do not last.
set -u
. tests/lib.sh
LAYERLAB=${LAYERLAB:-build/layerlab}
build=$(dirname "$LAYERLAB")
echo true >"$folder/true.sh"

run 2 "--nodes '': expected MiB:CPUS" tests/vm.sh --script "$folder/true.sh"
run 2 "--nodes '1024': expected MiB:CPUS" tests/vm.sh --nodes 1024 --script "$folder/true.sh"
run 2 "node 1 has neither memory nor CPUs" tests/vm.sh --nodes 512:1,0:0 --script "$folder/true.sh"
run 2 "a machine needs memory and a CPU" tests/vm.sh --nodes 512:0,512:0 --script "$folder/true.sh"
run 2 "no file ''" tests/vm.sh --nodes 512:1
run 2 "no file '$folder/none'" tests/vm.sh --nodes 512:1 --script "$folder/true.sh" -- "$folder/none"
run 2 "--seconds 'soon'" tests/vm.sh --nodes 512:1 --seconds soon --script "$folder/true.sh"
run 2 "unknown option --fast" tests/vm.sh --fast yes
run 2 "--nodes needs a value" tests/vm.sh --nodes
mkdir "$folder/a"
cp "$folder/true.sh" "$folder/a"
run 2 "two files are named true.sh" tests/vm.sh --nodes 512:1 --script "$folder/true.sh" -- "$folder/true.sh" "$folder/a/true.sh"

have_vm "$build" || finish
mkdir "$folder/tmp"
# vm STATUS PART NODES SCRIPT OPTION...: as run, of a machine with these nodes.
vm() {
    echo "$4" >"$folder/script.sh"
    BUILD=$build TMPDIR=$folder/tmp run "$1" "$2" tests/vm.sh --nodes "$3" --seconds 120 --script "$folder/script.sh" "${@:5}"
}

# ---- what was asked for ---------------------------------------------------------------------------------------------------------------
# A node like any, a smaller one, one without memory, one without CPUs.
# shellcheck disable=SC2016 # those are for the shell in there
printf '#!/bin/sh\necho "given $1"\n' >"$folder/given"
# shellcheck disable=SC2016
vm 7 "given by name" 700:2,300:1,0:1,200:0 '
for node in /sys/devices/system/node/node*; do
    echo "node ${node##*/node} $(cat $node/cpulist) $(sed -n "s/.*MemTotal: *\([0-9]*\) kB/\1/p" $node/meminfo)"
done
pwd
id -u
./given "by name"
./layerlab info | grep "^topology"
echo "an error" >&2
seq 1 20000
exit 7' --log "$folder/log" -- "$folder/given" "$LAYERLAB"
check "CPUs of each node" "0 0-1;1 2;2 3;3" "$(sed -n 's/^node \(.*\) [0-9]*$/\1/p' "$folder/out" | sed 's/ $//' | paste -sd';')"
check "memory of each node, but what the kernel keeps of it" "700 300 0 200" "$(awk '/^node / {
    split("700 300 0 200", asked)
    MiB = asked[$2 + 1]
    print ($NF <= MiB * 1024 && $NF >= MiB * 1024 * 0.8 ? MiB : $NF " kB")}' "$folder/out" | paste -sd' ')"
check "where, and as whom" "/work 0" "$(sed -n '/^node/!p' "$folder/out" | head -n 2 | paste -sd' ')"
check "the program runs there" 1 "$(grep -c '^topology .* 4 CPUs' "$folder/out")"
check "errors come as errors, and nothing else with them" "an error" "$(cat "$folder/err")"
check "all lines come" "$(seq 1 20000 | cksum)" "$(tail -n 20000 "$folder/out" | cksum)"
check "and no others" 20008 "$(wc -l <"$folder/out")"
check "the log has the kernel's" 1 "$(grep -c 'Linux version' "$folder/log")"

# ---- what cannot be, and what does not last -------------------------------------------------------------------------------------------
vm 124 "vm: the script was not done within 15 s" 300:1 'echo before; sleep 1000' --seconds 15
check "what it had said" before "$(cat "$folder/out")"
check "and that is all" 1 "$(grep -vc '^  ' "$folder/err")"
vm 125 "vm: the machine stopped before the script was done" 300:1 'poweroff -f; sleep 100'
vm 125 "Kernel panic" 300:1 'echo c >/proc/sysrq-trigger; sleep 100'
head -c 100000 /dev/zero >"$folder/zeros"
vm 125 "vm: $folder/zeros is no Linux kernel" 300:1 true --kernel "$folder/zeros"
check "in one line" 1 "$(cat "$folder/out" "$folder/err" | wc -l)"
vm 125 "vm: no kernel at $folder/none" 300:1 true --kernel "$folder/none"
vm 124 "vm: the boot was not done within 1 s" 300:32 true --seconds 1
vm 125 "vm: the emulator failed" 1:1 true
echo 'void gone(void) {}' | gcc -shared -Wl,-soname,libgone.so -o "$folder/libgone.so" -x c -
echo 'void gone(void); int main(void) { gone(); }' | gcc -o "$folder/needs" -x c - -x none "$folder/libgone.so"
vm 125 "needs libgone.so, which is not here" 300:1 true -- "$folder/needs"
check "nothing is left behind" "" "$(ls "$folder/tmp")"
finish
