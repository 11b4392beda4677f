#!/bin/bash
# tools/slurm/ under a real Slurm: controller, node daemon and munge of this test's own, on this machine, on ports of their own. Nothing
# of an installed Slurm's configuration is read or changed, and the daemons die with this script, however that ends.
# shellcheck disable=SC2317 # functions that await and traps call
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
export LAYERLAB=${LAYERLAB:-build/layerlab}
model=${LAYERLAB_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
for program in slurmctld slurmd munged sbatch squeue scancel sinfo setpriv; do
    if ! command -v $program >/dev/null; then
        skip_without slurm "array jobs: no $program (tools/deps.sh --slurm)"
        finish
    fi
done
if [ "$(id -u)" != 0 ]; then
    skip_without root "slurmd starts jobs as their users, which root alone may"
    finish
fi
if [ -n "${LL_TEST_QUICK:-}" ]; then
    skip_without quick "array jobs"
    finish
fi
if [ ! -r "$model" ]; then
    skip_for model "array jobs"
    finish
fi

# ---- daemons ----
daemons=()
stop() {
    local daemon
    [ ${#daemons[@]} -lt 3 ] || timeout 5 scancel --user root --signal KILL 2>/dev/null
    for daemon in "${daemons[@]}"; do kill -KILL "$daemon" 2>/dev/null; done
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 143' TERM INT HUP
# begin NAME COMMAND...: in the background; the system kills it when this script is no more. A namespace also takes along what slurmd has
# started, where one can be had (in some containers none can).
apart=(unshare --pid --fork --kill-child --mount-proc)
"${apart[@]}" true 2>/dev/null || apart=()
begin() {
    setpriv --pdeathsig KILL "${@:2}" >"$folder/$1.out" 2>&1 </dev/null &
    daemons+=($!)
    disown $!
}
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 10000))
        (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null || break
    done
    echo $port
}
# await SECONDS COMMAND...: false when it never succeeds in that time.
await() {
    local end=$((SECONDS + $1))
    until "${@:2}" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.2
    done
}
chmod 755 "$folder" # munge's user passes through
mkdir "$folder/munge" "$folder/state" "$folder/spool"
head -c 256 /dev/urandom >"$folder/munge/key"
chmod 600 "$folder/munge/key"
chown -R munge "$folder/munge"
host=$(hostname -s)
controller=$(free_port) node=$(free_port)
cat >"$folder/slurm.conf" <<END
ClusterName=layerlab-test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller
SlurmdPort=$node
SlurmUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge/socket
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=4
PartitionName=test Nodes=$host Default=YES OverSubscribe=YES:4 State=UP
END
export SLURM_CONF=$folder/slurm.conf
begin munged --reuid munge --regid munge --clear-groups munged --foreground --key-file="$folder/munge/key" \
    --socket="$folder/munge/socket" --pid-file="$folder/munge/pid" --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"
await 5 test -S "$folder/munge/socket"
begin slurmctld slurmctld -D
begin slurmd "${apart[@]}" slurmd -D
is_idle() { [ "$(sinfo --noheader --format %T)" = idle ]; }
if ! await 20 is_idle; then
    fail "Slurm starts" "$(tail -n 5 "$folder"/*.out "$folder"/slurm*.log "$folder"/munge/log 2>&1)"
    finish
fi
ok "Slurm starts"

# ---- jobs ----
# A node has a part for itself; this one has four, since their times are not looked at.
submit() { sbatch --parsable --oversubscribe --output="$folder/%x-%a.log" "$@" 2>"$folder/sbatch.err" || cat "$folder/sbatch.err" >&2; }
options=(--no-speed --samples 1 --length 32 --window 32 --max-windows 1 --counts 2 --threads 1)
is_done() { [ -z "$(squeue --noheader)" ]; }
most=0
watch() {
    local running
    running=$(squeue --noheader --states RUNNING --format %i | wc -l)
    [ "$running" -le "$most" ] || most=$running
    is_done
}
job=$(submit --array=1-4 tools/slurm/sweep.sbatch "$model" "${options[@]}" --out "$folder/parts")
submit --dependency="afterok:$job" tools/slurm/merge.sbatch "$folder/whole" "$folder/parts" >/dev/null
await 50 watch || fail "the jobs end" "$(squeue)"
check "the parts ran at the same time" 4 "$most"
check "a folder for each part" "shard-1-of-4 shard-2-of-4 shard-3-of-4 shard-4-of-4" "$(cd "$folder/parts" && echo *)"
for part in 1 2 3 4; do
    run 0 "Part $part of 4" cat "$folder/layerlab-sweep-$part.log"
done
run 0 "Rows of 4 folders" cat "$folder"/layerlab-merge-*.log
"$LAYERLAB" sweep "$model" "${options[@]}" --out "$folder/alone" --quiet >"$folder/out" 2>&1 </dev/null || fail "a sweep without Slurm" "$(cat "$folder/out")"
values() { columns "$1" kind dropped drop perplexity perplexity_stderr kl top1 tokens data_sha256; }
check "rows of four kinds and of the full model" 6 "$(wc -l <"$folder/whole/quality.csv")"
check "as without Slurm: quality" "$(values "$folder/alone/quality.csv")" "$(values "$folder/whole/quality.csv")"
check "as without Slurm: the plan" "$(cat "$folder/alone/plan.json")" "$(cat "$folder/whole/plan.json")"

# Submitted again: one part of four, whose rows are there; an array that says nothing of the others; arguments forgotten.
LAYERLAB_PARTS=4 submit --array=2 --job-name=again tools/slurm/sweep.sbatch "$model" "${options[@]}" --out "$folder/parts" >/dev/null
submit --array=2 --job-name=unclear tools/slurm/sweep.sbatch "$model" --out "$folder/parts" >/dev/null
submit --array=1 --job-name=nothing tools/slurm/sweep.sbatch >/dev/null
submit --job-name=single tools/slurm/sweep.sbatch "$model" >/dev/null
submit --job-name=empty tools/slurm/merge.sbatch "$folder/new" "$folder/state" >/dev/null
await 30 is_done || fail "the second jobs end" "$(squeue)"
run 0 "nothing was missing" cat "$folder/again-2.log"
run 0 "say by LAYERLAB_PARTS=N" cat "$folder/unclear-2.log"
run 0 "names no model" cat "$folder/nothing-1.log"
run 0 "is for array jobs" cat "$folder"/single-*.log
run 0 "has no parts of a sweep" cat "$folder"/empty-*.log
finish
