#!/bin/bash
# Layerlab beside llama.cpp and ik_llama.cpp: the same Q8_0 model, the same threads, in turn, each at its best settings.
#
#   tools/compare_peers.sh [MODEL] [options]       MODEL: a listed name (default smollm2-135m) or a GGUF
#
#   --ik DIR            a checkout of ik_llama.cpp, built here and measured too
#   --llama-bench FILE  llama.cpp's llama-bench, built already; else it is built from its source package on PyPI
#   --ik-bench FILE     ik_llama.cpp's llama-bench, built already
#   --blocks N          of a listed model without weights here: random weights of its shape, its first N blocks (default: all)
#   --prompt N          tokens of prefill (default 512)      --generate N   tokens of decode (default 64)
#   --repetitions N     rounds (default 5)                   --out DIR      default: results/peers/<model>-<date>
#   --help              this text
#
# Needs cmake, a C++ compiler, python3 with venv. What is built, and models made, stay in build/peers. A table and its rows come out.
# Exit: 0; 1 a program failed (its row says so); 2 usage; 3 something is missing.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
again="tools/compare_peers.sh $*"
PACKAGE=llama-cpp-python VERSION=0.3.36
GGUF=0.19.0 NUMPY=2.2.6
work=$top/build/peers

fail() {
    local status=$1
    shift
    echo "compare_peers: $*" >&2
    exit "$status"
}
say() { echo "compare_peers: $*" >&2; }

model='' ik='' llama_bench='' ik_bench='' blocks='' out=''
more=()
while [ $# -gt 0 ]; do
    case $1 in
    -h | --help)
        sed -n '2,/^set -u/{/^set -u/!s/^# \{0,1\}//p}' "$0"
        exit 0
        ;;
    --ik | --llama-bench | --ik-bench | --blocks | --out | --prompt | --generate | --repetitions)
        [ $# -ge 2 ] || fail 2 "$1 takes a value; see --help"
        case $1 in
        --ik) ik=$2 ;;
        --llama-bench) llama_bench=$2 ;;
        --ik-bench) ik_bench=$2 ;;
        --blocks) blocks=$2 ;;
        --out) out=$2 ;;
        *) more+=("$1" "$2") ;;
        esac
        case $1 in
        --blocks | --prompt | --generate | --repetitions) [[ $2 =~ ^[1-9][0-9]{0,5}$ ]] || fail 2 "$1 $2: expected a number from 1 on" ;;
        esac
        shift
        ;;
    -*) fail 2 "no option $1; see --help" ;;
    *)
        [ -z "$model" ] || fail 2 "one model at a time; see --help"
        model=$1
        ;;
    esac
    shift
done
model=${model:-smollm2-135m}
for tool in "$llama_bench" "$ik_bench"; do
    [ -z "$tool" ] || [ -x "$tool" ] || fail 2 "$tool is no program"
done

# build NAME SOURCE: llama-bench of a source tree, for this CPU; prints its path.
build() {
    local folder=$work/$1 log=$work/$1.log
    command -v cmake >/dev/null || fail 3 "cmake is missing (Debian: apt-get install cmake g++)"
    say "building $1, some minutes; log: $log"
    { cmake -S "$2" -B "$folder" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_SERVER=OFF &&
        cmake --build "$folder" --target llama-bench -j "$(nproc)"; } >"$log" 2>&1 || fail 3 "building $1 failed; see $log"
    echo "$folder/bin/llama-bench"
}

# The source package's own llama.cpp.
fetch_llama() {
    local archive=$work/${PACKAGE//-/_}-$VERSION.tar.gz
    if [ ! -e "$archive" ]; then
        say "downloading $PACKAGE $VERSION"
        python3 -m pip download --quiet --no-deps --no-binary :all: --dest "$work" "$PACKAGE==$VERSION" >"$work/pip.log" 2>&1 ||
            fail 3 "$PACKAGE==$VERSION could not be had; see $work/pip.log"
    fi
    tar -xzf "$archive" -C "$work" || fail 3 "$archive does not unpack"
    echo "$work/${PACKAGE//-/_}-$VERSION/vendor/llama.cpp"
}

python() {
    if [ ! -x "$work/venv/bin/python" ]; then
        say "making a Python environment with gguf $GGUF and numpy $NUMPY"
        { python3 -m venv "$work/venv" && "$work/venv/bin/pip" install --quiet "gguf==$GGUF" "numpy==$NUMPY"; } >"$work/venv.log" 2>&1 ||
            { rm -rf --one-file-system "$work/venv"; fail 3 "no Python environment; see $work/venv.log"; }
    fi
    "$work/venv/bin/python" "$@"
}

# make_model: the Q8_0 file that all read; prints its path.
make_model() {
    local source=$model name target
    name=$(basename "$model" .gguf)
    if [ ! -f "$model" ]; then
        (cd "$top" && build/layerlab info "$model" --json) >"$work/$name.json" || exit 2
        source=$work/$name.json
        [ -n "$blocks" ] || ! python3 -c 'import json, sys; sys.exit(not json.load(open(sys.argv[1]))["model"]["here"])' "$source" ||
            source=$(cd "$top" && realpath "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["model"]["file"])' "$source")")
    fi
    [[ $source != *.json ]] || name+=-synthetic${blocks:+-$blocks-blocks}
    target=$work/$name-q8_0.gguf
    if [ ! -e "$target" ]; then
        say "writing $target"
        # shellcheck disable=SC2086 # empty or a number
        python "$top/tools/peer_model.py" "$source" "$target.tmp" $blocks >&2 || fail 1 "no model could be made of $source"
        mv "$target.tmp" "$target" || exit 1
    fi
    echo "$target"
}

[ -x "$top/build/layerlab" ] || fail 3 "build/layerlab is not there; run make first"
mkdir -p "$work" || exit 3
file=$(make_model) || exit
peers=() versions="Layerlab $(git -C "$top" describe --always --dirty 2>/dev/null || echo 'of unknown commit')"
if [ -z "$llama_bench" ]; then
    sources=$(fetch_llama) || exit
    llama_bench=$(build llama.cpp "$sources") || exit
fi
peers+=(--peer "llama.cpp=$llama_bench")
versions+="; llama.cpp as in $PACKAGE $VERSION"
if [ -n "$ik" ] && [ -z "$ik_bench" ]; then
    ik_bench=$(build ik_llama.cpp "$ik") || exit
fi
if [ -n "$ik_bench" ]; then
    peers+=(--peer "ik_llama.cpp=$ik_bench")
    versions+="; ik_llama.cpp $([ -z "$ik" ] || git -C "$ik" describe --always 2>/dev/null)"
fi
versions+=". All built for this CPU ($(c++ --version | head -n 1), Release, GGML_NATIVE)."
threads=$("$top/build/layerlab" info --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["machine"]["threads"])') || fail 3 "info tells no threads"
name=$(basename "$file" -q8_0.gguf)
python3 "$top/tools/compare_peers.py" --model "$file" --layerlab "$top/build/layerlab" "${peers[@]}" --threads "$threads" \
    --out "${out:-$top/results/peers/$name-$(date +%F)}" --label "$name, Q8_0" --versions "$versions" --again "$again" ${more[@]+"${more[@]}"}
