#!/bin/bash
# The whole experiment from an empty tree: installs what is missing, builds, fetches the model, sweeps, prints the table.
set -u
from=$PWD
cd "$(dirname "$0")" || exit 3

usage() {
    cat <<'END'
usage: ./run_all.sh [MODEL] [--quick | --full] [--tasks[=NAME,...]] [--synthetic] [--out DIR] [-- SWEEP OPTIONS]

Drops attention layers, MLP layers and blocks out of MODEL and measures what that costs in quality and gains in speed.
Prints the table, and where its CSV and plots lie. Run again, it does only what is missing.

  MODEL        a name of model/models.def (tools/fetch_model.sh --list), the path of a .gguf file, or a folder in Hugging
               Face form; default: smollm2-135m
  --quick      minutes: the default but for models of the paper's tables
  --full       hours: more texts, more plans
               (without either, a model of the paper's tables gets the paper's numbers of modules and 2,048 + 2,048 tokens)
  --tasks      also the accuracy of tasks (ARC, BoolQ, ...) as lm-evaluation-harness scores it, in the form of the paper's table 1; without
               names its eight, as far as their data is there: samples come with the program, $LAYERLAB_DATA is for the whole
               (build/layerlab tasks)
  --synthetic  random weights of MODEL's true shape: speed and memory, no quality. What happens anyway for a listed model
               whose weights are neither here nor in any package
  --out DIR    where results go; default: out/MODEL/PROTOCOL
  --           what follows goes to the sweep as it is: --exact, --batch 4, --kv int8, --counts 8,16 (layerlab sweep --help)

Exit: 0 done; 1 bad input; 2 bad usage; 3 something is missing here (memory, disk, network, packages).
END
}
misuse() {
    echo "run_all.sh: $*" >&2
    exit 2
}

# Paths are the caller's, wherever this script lies.
absolute() { case "$1" in /*) echo "$1" ;; *) echo "$from/$1" ;; esac; }
# own_paths OPTION...: the sweep's options, as it will be told them.
own_paths() {
    while [ $# -gt 0 ]; do
        case "$1" in
        --text=?* | --calib=?* | --out=?*) options+=("${1%%=*}=$(absolute "${1#*=}")") ;;
        --text | --calib | --out)
            options+=("$1")
            if [ -n "${2:-}" ]; then
                options+=("$(absolute "$2")")
                shift
            fi
            ;;
        *) options+=("$1") ;;
        esac
        shift
    done
}
for name in LAYERLAB_MODELS LAYERLAB_CACHE LAYERLAB_DATA; do
    [ -z "${!name:-}" ] || export "$name=$(absolute "${!name}")"
done

# Names of tasks; those that are files are the caller's.
own_tasks() {
    local name list=
    for name in ${1//,/ }; do
        [[ $name != *.json ]] || name=$(absolute "$name")
        list=$list${list:+,}$name
    done
    echo "$list"
}

model=
out=
tasks=
options=()
while [ $# -gt 0 ]; do
    case "$1" in
    -h | --help)
        usage
        exit 0
        ;;
    --quick | --full | --synthetic) options+=("$1") ;;
    --tasks) tasks=paper ;;
    --tasks=?*) tasks=$(own_tasks "${1#--tasks=}") ;;
    --out)
        [ -n "${2:-}" ] || misuse "--out needs a folder"
        out=$2
        shift
        ;;
    --out=?*) out=${1#--out=} ;;
    --)
        shift
        own_paths "$@"
        break
        ;;
    -*) misuse "unknown option $1 (see --help)" ;;
    *)
        [ -z "$model" ] || misuse "one model at a time: $model, $1"
        model=$1
        ;;
    esac
    shift
done

[ -z "$out" ] || options+=(--out "$(absolute "$out")")

names=$(tools/fetch_model.sh --list)
[ -n "$model" ] || model=${names%% *}
fetch=
if [[ " $names " == *" $model "* ]]; then
    [[ " ${options[*]-} " == *" --synthetic "* ]] || fetch=$model
elif [ -e "$(absolute "$model")" ]; then
    model=$(absolute "$model")
elif [[ "$model" == */* || "$model" == *.gguf ]]; then
    echo "run_all.sh: nothing at $model" >&2
    exit 1
else
    misuse "no model named '$model'; models: $names (or the path of a .gguf file or a folder)"
fi

# What a package cannot bring is measured without weights; the first line says so.
if [ -n "$fetch" ] && ! said=$(tools/fetch_model.sh --check "$fetch" 2>&1); then
    echo "run_all.sh: SYNTHETIC weights: speed and memory of $model's true shape, no quality. For all of it: ${said#fetch_model: }"
    fetch=
    tasks=
    options+=(--synthetic)
fi
[ -z "$tasks" ] || options+=(--tasks "$tasks")

tools/deps.sh || exit
# A newer compiler's new warnings are no reason to stop a newcomer.
make WERROR= layerlab || { echo "run_all.sh: the build failed (above)" >&2; exit 3; }
[ -z "$fetch" ] || tools/fetch_model.sh "$fetch" || exit
exec build/layerlab sweep "$model" "${options[@]}"
