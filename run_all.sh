#!/bin/bash
# The whole experiment from an empty tree: installs what is missing, builds, fetches the model, sweeps, prints the table.
set -u
from=$PWD
cd "$(dirname "$0")" || exit 3

usage() {
    cat <<'END'
usage: ./run_all.sh [MODEL] [--full] [--out DIR]

Drops attention layers, MLP layers and blocks out of MODEL and measures what that costs in quality and gains in speed.
Prints the table, and where its CSV and plots lie. Run again, it does only what is missing.

  MODEL      a name of model/models.def (tools/fetch_model.sh --list) or the path of a .gguf file; default: smollm2-135m
  --full     the full protocol (more texts, more plans; hours) instead of the quick one (minutes)
  --out DIR  where results go; default: out/MODEL/quick or out/MODEL/full

Exit: 0 done; 1 bad input; 2 bad usage; 3 something is missing here (memory, disk, network, packages).
END
}
misuse() {
    echo "run_all.sh: $*" >&2
    exit 2
}

model=
protocol=quick
out=
while [ $# -gt 0 ]; do
    case "$1" in
    -h | --help)
        usage
        exit 0
        ;;
    --full) protocol=full ;;
    --out)
        [ -n "${2:-}" ] || misuse "--out needs a folder"
        out=$2
        shift
        ;;
    --out=?*) out=${1#--out=} ;;
    -*) misuse "unknown option $1 (see --help)" ;;
    *)
        [ -z "$model" ] || misuse "one model at a time: $model, $1"
        model=$1
        ;;
    esac
    shift
done

# Paths are the caller's, wherever this script lies.
absolute() { case "$1" in /*) echo "$1" ;; *) echo "$from/$1" ;; esac; }
[ -z "$out" ] || out=$(absolute "$out")

names=$(tools/fetch_model.sh --list)
[ -n "$model" ] || model=${names%% *}
case "$model" in
*/* | *.gguf)
    model=$(absolute "$model")
    [ -f "$model" ] || { echo "run_all.sh: no file $model" >&2; exit 1; }
    fetch=
    ;;
*)
    [[ " $names " == *" $model "* ]] || misuse "no model named '$model'; models: $names (or the path of a .gguf file)"
    fetch=$model
    ;;
esac
if [ -z "$out" ]; then
    name=${model##*/}
    out=out/${name%.gguf}/$protocol
fi

tools/deps.sh || exit
# A newer compiler's new warnings are no reason to stop a newcomer.
make WERROR= layerlab || { echo "run_all.sh: the build failed (above)" >&2; exit 3; }
[ -z "$fetch" ] || tools/fetch_model.sh "$fetch" || exit
options=()
[ "$protocol" = quick ] || options=(--full)
exec build/layerlab sweep "$model" --out "$out" "${options[@]}"
