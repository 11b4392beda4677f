#!/bin/bash
# Layerlab beside llama.cpp and ik_llama.cpp: the same Q8_0 model, the same threads, in turn, each at its best settings.
#
#   tools/compare_peers.sh [MODEL] [options]       MODEL: a listed name (default smollm2-135m) or a GGUF
#
#   --ik DIR            a checkout of ik_llama.cpp, built here and measured too
#   --llama-bench FILE  llama.cpp's llama-bench, built already; else it is built from its source package on PyPI
#   --ik-bench FILE     ik_llama.cpp's llama-bench, built already
#   --blocks N          of a listed model: random weights of its shape, its first N blocks (default: its weights where they
#                       are here, else all blocks of its shape)
#   --prompt N          tokens of prefill (default 512)      --generate N   tokens of decode (default 64)
#   --repetitions N     rounds (default 5)                   --out DIR      default: results/peers/<date>-<machine>
#   --help              this text
#
# Every round runs Layerlab (groups of 128, and of 32 as Q8_0 has) and each setting of each peer once, so that a ratio is of
# neighbours in time: "1.50 x (1.45 to 1.60)" is Layerlab's tokens/s over the peer's, the median and the spread of the rounds.
# MODEL.md (the table, and what was run how) and MODEL.csv come out. Nothing else should run meanwhile.
#
#   tools/compare_peers.sh                                                       the default model beside llama.cpp
#   tools/compare_peers.sh llama2-13b --blocks 8 --ik CHECKOUT --repetitions 3   a fifth of a 13B, without its weights
#
# Needs cmake, a C++ compiler, python3 with venv. CC and CXX name other compilers; where the CPU has AMX, llama.cpp wants clang
# (gcc 12 leaves out what sets the tiles up: SIGILL). What is built, and models made, stay in build/peers.
# Exit: 0; 1 a program failed (its row says so); 2 usage; 3 something is missing.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
again="tools/compare_peers.sh${*:+ ${*@Q}}"
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

[ -z "$ik" ] || [ -z "$ik_bench" ] || fail 2 "--ik and --ik-bench: expected one of them"
[ -z "$ik" ] || [ -f "$ik/CMakeLists.txt" ] || fail 2 "--ik $ik: expected a checkout of ik_llama.cpp, there is no CMakeLists.txt"
[ -z "$blocks" ] || [ ! -f "$model" ] || fail 2 "--blocks is for listed models; $model is a file"

# build NAME SOURCE EXAMPLES: llama-bench of a source tree, for this CPU; prints its path. EXAMPLES: ON where it is one of them.
build() {
    local folder=$work/$1 log=$work/$1.log
    command -v cmake >/dev/null || fail 3 "cmake is missing (Debian: apt-get install cmake g++)"
    say "building $1, some minutes; log: $log"
    { cmake -S "$2" -B "$folder" -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF -DLLAMA_CURL=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES="$3" -DLLAMA_BUILD_TOOLS=ON -DLLAMA_BUILD_SERVER=OFF &&
        cmake --build "$folder" --target llama-bench -j "$(nproc)"; } >"$log" 2>&1 || fail 3 "building $1 failed; see $log"
    echo "$folder/bin/llama-bench"
}

# told NAME PROGRAM: NAME's version and how PROGRAM was built, as far as the folder that cmake built it in tells.
told() {
    local cache source compiler version
    cache=$(dirname "$(dirname "$2")")/CMakeCache.txt
    [ -f "$cache" ] || { echo "$1 built already"; return; }
    source=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$cache")
    compiler=$(sed -n 's/^CMAKE_CXX_COMPILER:[A-Z]*=//p' "$cache")
    case $source in
    */vendor/llama.cpp) version="as in $(basename "${source%/vendor/llama.cpp}")" ;;
    *) version=$(git -C "$source" describe --always --dirty 2>/dev/null || echo "of unknown commit") ;;
    esac
    echo "$1 $version, built by $("$compiler" --version 2>/dev/null | head -n 1) as $(sed -n 's/^CMAKE_BUILD_TYPE:[A-Z]*=//p' "$cache")"
}

# The source package's own llama.cpp.
fetch_llama() {
    local archive=$work/${PACKAGE//-/_}-$VERSION.tar.gz
    if [ ! -e "$archive" ]; then
        say "downloading $PACKAGE $VERSION"
        python3 -m pip download --quiet --no-deps --no-binary "$PACKAGE" --dest "$work" "$PACKAGE==$VERSION" >"$work/pip.log" 2>&1 ||
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

# weights NAME: where those of a listed model are; nothing if they are not here.
weights() {
    local told
    told=$(cd "$top" && build/layerlab info "$1" --json) || exit 2
    (cd "$top" && python3 -c 'import json, os, sys
model = json.loads(sys.argv[1])["model"]
print(os.path.realpath(model["file"]) if model["here"] else "")' "$told")
}

# make_model: the Q8_0 file that all read; prints its path. It is made again when what it was made from has changed.
make_model() {
    local file=$model name target from made
    name=$(basename "$model" .gguf)
    if [ ! -f "$model" ]; then
        file=$(weights "$model") || exit
        [ -z "$blocks" ] || file=
        [ ! -d "$file" ] || fail 2 "$model: its weights here are a folder; expected a GGUF, or --blocks for random ones"
    fi
    if [ -n "$file" ]; then
        from="$(realpath "$file") $(stat -c '%s %Y' "$file")"
        made=("$file")
    else
        name+=-synthetic${blocks:+-$blocks-blocks}
        from="random weights"
        made=(--synthetic "$model" ${blocks:+--blocks "$blocks"})
    fi
    target=$work/$name-q8_0.gguf
    if [ ! -e "$target" ] || [ "$(cat "$target.from" 2>/dev/null)" != "$from" ]; then
        say "writing $target"
        python "$top/tools/peer_model.py" "${made[@]}" "$target.tmp" >&2 || { rm -f "$target.tmp"; fail 1 "no model could be made of $model"; }
        mv "$target.tmp" "$target" && echo "$from" >"$target.from" || exit 1
    fi
    echo "$target"
}

[ -x "$top/build/layerlab" ] || fail 3 "build/layerlab is not there; run make first"
mkdir -p "$work" || exit 3
file=$(make_model) || exit
peers=() versions="$("$top/build/layerlab" --version)"
if [ -z "$llama_bench" ]; then
    sources=$(fetch_llama) || exit
    llama_bench=$(build llama.cpp "$sources" OFF) || exit
fi
versions+="; $(told llama.cpp "$llama_bench")"
peers+=(--peer "llama.cpp=$llama_bench")
[ -z "$ik" ] || ik_bench=$(build ik_llama.cpp "$ik" ON) || exit
if [ -n "$ik_bench" ]; then
    versions+="; $(told ik_llama.cpp "$ik_bench")"
    peers+=(--peer "ik_llama.cpp=$ik_bench")
fi
python3 "$top/tools/compare_peers.py" --model "$file" --layerlab "$top/build/layerlab" "${peers[@]}" ${out:+--out "$out"} \
    --label "$(basename "$file" .gguf)" --versions "$versions." --again "$again" ${more[@]+"${more[@]}"}
