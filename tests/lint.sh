#!/bin/bash
# What the compiler does not see. tests/lint.sh [LIBRARY.a LIBRARY.so]: each check prints what it found and one line.
set -u
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0

# Our own files: tracked or about to be; texts made by others or by machines are not ours to format.
files() {
    { git ls-files -co --exclude-standard -- "$@" 2>/dev/null || find . -type f | sed 's|^\./||'; } |
        grep -Ev '^(build|models|out|results|harness/data|tests/golden/[^.]*\.(bin|json|txt)$|LICENSE)' | while read -r file; do
        [ ! -f "$file" ] || echo "$file"
    done
}
# report NAME FINDINGS: empty findings pass.
report() {
    if [ -z "$2" ]; then
        passed=$((passed + 1))
        echo "ok   lint/$1"
    else
        failed=$((failed + 1))
        printf '%s\n' "$2" | sed 's/^/  /'
        echo "FAIL lint/$1"
    fi
}
skip() {
    skipped=$((skipped + 1))
    echo "  $2"
    echo "skip lint/$1"
}

mapfile -t sources < <(files '*.c' '*.h' '*.inc')
mapfile -t scripts < <(files '*.sh' '*.sbatch' .ci/run)
mapfile -t code < <(files '*.c' '*.h' '*.inc' '*.def' '*.sh' '*.sbatch' '*.py' '*.gp' '*.mk' Makefile .ci/run)

# Other versions of clang-format lay the same text out otherwise.
formatter=
for candidate in clang-format-14 clang-format; do
    [ -n "$formatter" ] || ! $candidate --version 2>/dev/null | grep -q 'version 14\.' || formatter=$candidate
done
if [ -n "$formatter" ]; then
    report format "$($formatter --dry-run -Werror "${sources[@]}" 2>&1 | grep 'error:' | cut -d: -f1 | sort | uniq -c |
        awk '{print $2 ": " $1 " places; make fmt"}')"
else
    skip format "no clang-format 14 here"
fi
if command -v shellcheck >/dev/null; then
    report shell "$(shellcheck -f gcc "${scripts[@]}")"
else
    skip shell "no shellcheck here"
fi

# The libraries: every name that they give away is ours, and they hold no state.
for library; do
    name=$(basename "$library")
    dynamic=
    [[ $library == *.a ]] || dynamic=--dynamic
    [ -f "$library" ] || { report "symbols of $name" "no file $library"; continue; }
    # shellcheck disable=SC2086 # empty or one option
    report "symbols of $name" "$(nm $dynamic --defined-only --extern-only --format=posix "$library" |
        awk 'NF >= 2 && $1 !~ /^ll_/ {print $1 " is exported"}')"
done
for library; do
    [[ $library == *.a && -f $library ]] || continue
    report "no state in $(basename "$library")" "$(size -A "$library" | awk '
        /:$|\(ex / {object = $1}
        $1 ~ /^\.(data|bss|tdata|tbss)/ && $1 !~ /^\.data\.rel\.ro/ && $2 > 0 {print object " holds " $2 " bytes of " $1}')"
done

# Hot loops keep their sums in registers: as we compile, not without optimisation or under sanitizers.
for library; do
    build=$(dirname "$library")
    [[ $library == *.a && -f $library ]] || continue
    status=3
    if grep -q -- '-O2' "$build/flags" && ! grep -q -- -fsanitize "$build/flags"; then
        spills=$(tools/check_spills.sh --quiet "$build" 2>&1)
        status=$?
    fi
    if [ $status = 3 ]; then
        skip spills "needs an objdump, and a build with -O2 and without sanitizers"
    else
        report spills "$(grep -v ' 0 complaints$' <<<"$spills")"
    fi
done

# What is compiled without AVX-512 has no EVEX instruction (62 in 64-bit mode), by whatever name an assembler calls it.
evex() { # ISA OBJECTS...
    local listing
    listing=$(objdump -dw "${@:2}" 2>&1) || { echo "objdump: ${listing##*$'\n'}"; return; }
    grep -qP '\t[0-9a-f ]+\t' <<<"$listing" || echo "$1 has no instructions"
    awk -F'\t' -v isa="$1" '$2 ~ /^62 / {print isa " has " $3; exit}' <<<"$listing"
}
for library; do
    build=$(dirname "$library")
    [[ $library == *.a && -f $library && $(uname -m) == x86_64 ]] || continue
    report encodings "$(tr ' ' '\n' <"$build/isas" | while read -r isa; do
        grep -q avx512 "kernels/$isa/flags.mk" || evex "$isa" "$build/kernels/$isa"/*.o
    done)"
done

report flags "$(tools/check_flags.sh "${CC:-gcc}" 2>&1)"

# An ISA is one folder and one line: nothing else may know its name. ref, the oracle, is known to all.
isas=$(sed -n 's/^ISA(\([a-z0-9_]*\),.*/\1/p' kernels/isa.def | grep -vx ref | paste -sd'|')
report "ISA names" "$(printf '%s\n' "${code[@]}" | grep -Ev "^kernels/(isa\.def$|($isas)/)" | xargs grep -nE "(^|[^A-Za-z0-9])($isas)([^A-Za-z0-9]|\$)" | cut -c1-160)"

# Arrows point one way: harness -> model -> kernels.h.
arrows() {
    local room=$1 file header other # then the rooms that it may know
    shift
    files "$room/*.c" "$room/*.h" | xargs grep -oE '^#include "[^"]+"' /dev/null | sed 's/:.*"\(.*\)"/ \1/' |
        while read -r file header; do
            [ "$header" != kernels.h ] || continue
            for other in "${file%/*}" "$room" "$@"; do
                [ ! -f "$other/$header" ] || continue 2
            done
            echo "$file includes $header, which is not $room/'s to know"
        done
}
report rooms "$(arrows kernels && arrows model && arrows harness model)"

report "open ends" "$(printf '%s\n' "${code[@]}" | xargs grep -nwE 'TO''DO|FIX''ME|XX''X|HA''CK' | cut -c1-160)"
report "file length" "$(for file in "${sources[@]}" "${scripts[@]}"; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 500 ] || echo "$file has $lines lines, at most 500"
done)"
# By our format a function's body opens at the end of a line that began in column 0, or of its continuation, and closes in column 0.
report "function length" "$(for file in "${sources[@]}"; do
    limit=60
    [[ ! $file =~ ^kernels/($isas)/ ]] || limit=120
    awk -v limit=$limit -v file="$file" '
        /^[A-Za-z_]/ && !/^[A-Za-z_0-9]+:/ {start = NR; head = $0} # a label is no start
        /^}/ && start {
            if (NR - start + 1 > limit && head ~ /\(/ && head !~ /=/)
                print file ":" start ": " NR - start + 1 " lines, at most " limit
            start = 0
        }' "$file"
done)"
# Every header stands alone, in C and, the contract, in C++ too. The folders of ISAs need their own flags.
report headers "$(for file in $(files 'kernels/*.h' 'model/*.h' 'harness/*.h' 'tests/*.h' | grep -Ev '^kernels/.*/'); do
    "${CC:-gcc}" -std=c11 -D_GNU_SOURCE -fsyntax-only -Ikernels -Imodel -Iharness -Itests -x c - 2>&1 <<<"#include \"$file\"" |
        grep -m 1 error:
done
"${CC:-gcc}" -std=c11 -Wall -Wextra -Wpedantic -fsyntax-only -x c - 2>&1 <<<'#include "kernels/kernels.h"')"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
