#!/bin/bash
# Builds and runs the fuzzers: `make fuzz` calls it with MAKE, BUILD (a folder of its own), SECONDS_EACH and T.
# A crash leaves its input in $BUILD/crashes and the command that repeats it. An input that is worth keeping becomes a seed.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:?is set by make fuzz}
# What an input may hold is counted byte by byte (entry.c); these stop what escapes that: the inputs are small, so that
# 64 MB for one allocation and 512 MB for the process (shadow memory and quarantine are most of it) are far beyond need.
limits="-max_len=65536 -malloc_limit_mb=64 -rss_limit_mb=512 -timeout=10"
export ASAN_OPTIONS=quarantine_size_mb=16:detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1

skip() {
    echo "skip fuzz: $1"
    case ",${LL_REQUIRE:-}," in
    *,fuzz,* | *,all,*) echo "0 passed, 1 failed, 0 skipped" && exit 1 ;;
    esac
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}

command -v clang >/dev/null || skip "no clang here; tools/deps.sh --dev installs it"
mkdir -p "$build"
echo '#include <stddef.h>
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t length);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t length) { return data && length ? 0 : 0; }' |
    clang -fsanitize=fuzzer,address,undefined -x c -o "$build/probe" - 2>/dev/null ||
    skip "this clang has no libFuzzer; tools/deps.sh --dev installs it (libclang-rt-dev)"

$MAKE --no-print-directory CC=clang CFLAGS='-O1 -g -Wno-pass-failed' SANITIZE=fuzzer-no-link,address,undefined BUILD="$build" fuzzers || exit 1

# fuzz NAME: one target, for its time; what it finds and its last line go to $build/NAME.log.
fuzz() {
    local name=$1 corpus=$build/corpus/$1 log=$build/$1.log dictionary=
    mkdir -p "$corpus" "$build/crashes"
    [ ! -f "tests/fuzz/$name.dict" ] || dictionary=-dict=tests/fuzz/$name.dict
    # shellcheck disable=SC2086 # lists of words
    if "$build/fuzzers/$name" $limits $dictionary -max_total_time="$SECONDS_EACH" -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$name-" "$corpus" "tests/fuzz/seeds/$name" >"$log" 2>&1; then
        echo "ok   fuzz/$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs"
    else
        tail -n 60 "$log"
        echo "  repeat it: $build/fuzzers/$name $limits $(grep -o "$build/crashes/[^ ]*" "$log" | tail -n 1)"
        echo "FAIL fuzz/$name ($log)"
    fi
}
export build limits SECONDS_EACH
export -f fuzz

names=()
for driver in tests/fuzz/fuzz_*.c; do
    name=$(basename "$driver" .c)
    [[ $name != *"${T:-}"* ]] || names+=("${name#fuzz_}")
done
[ ${#names[@]} -gt 0 ] || { echo "no fuzzer's name holds \"${T:-}\"" >&2 && exit 2; }
results=$(mktemp)
trap 'rm -f "$results"' EXIT
printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}' | tee "$results"
passed=$(grep -c '^ok ' "$results") failed=$((${#names[@]} - $(grep -c '^ok ' "$results")))
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
