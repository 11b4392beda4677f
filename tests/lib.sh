# shellcheck shell=bash
# For tests/test_*.sh: the same lines as test.h prints. Sourced from the repository's top folder.
#
#   . tests/lib.sh
#   run 2 "no model named" tools/fetch_model.sh nope
#   check "says so once" "1" "$(wc -l <"$folder/err")"
#   finish
passed=0 failed=0 skipped=0
folder=$(mktemp -d "${TMPDIR:-/tmp}/layerlab-test-XXXXXX")
trap 'rm -rf "$folder"' EXIT
script=$(basename "$0" .sh)

ok() {
    passed=$((passed + 1))
    echo "ok   $script/${1//$folder/TMP}"
}
# fail NAME FOUND...
fail() {
    failed=$((failed + 1))
    printf '  %s\n' "${@:2}"
    echo "FAIL $script/${1//$folder/TMP}"
}
# check NAME EXPECTED FOUND
check() {
    if [ "$2" = "$3" ]; then ok "$1"; else fail "$1" "found:    $3" "expected: $2"; fi
}
# run STATUS PART COMMAND...: the command exits so and its output (in $folder/out and $folder/err) holds the part.
run() {
    local status=$1 part=$2 found
    shift 2
    "$@" >"$folder/out" 2>"$folder/err" </dev/null
    found=$?
    if [ "$found" != "$status" ]; then
        fail "$*" "exit $found, expected $status" "$(head -n 3 "$folder/err")"
    elif [ -n "$part" ] && ! cat "$folder/out" "$folder/err" | grep -qF -- "$part"; then
        fail "$*" "says: $(tail -n 3 "$folder/out" "$folder/err")" "expected to hold: $part"
    else
        ok "$*: $part"
    fi
}
# skip_for WHAT NAME: the named test lacks something; where LL_REQUIRE names it, that is a failure.
skip_for() {
    if [[ ,${LL_REQUIRE:-}, == *,all,* || ,${LL_REQUIRE:-}, == *,$1,* ]]; then
        fail "$2" "$1 is required and not here"
    else
        skip_without "$1" "$2"
    fi
}
# skip_without WHAT NAME: the same for what tools/deps.sh --dev does not install; "all" does not ask for it, its name does.
skip_without() {
    if [[ ,${LL_REQUIRE:-}, == *,$1,* ]]; then
        fail "$2" "$1 is required and not here"
        return
    fi
    skipped=$((skipped + 1))
    echo "  lacks $1"
    echo "skip $script/$2"
}
# have_vm BUILD: whether tests/vm.sh can run; else says what is skipped. Where all programs are there the kernel alone is fetched, which
# installs nothing.
have_vm() {
    local program lacks=${LL_TEST_QUICK:+quick}
    for program in qemu-system-x86_64 cpio busybox; do
        command -v $program >/dev/null || lacks=$program
    done
    [ -z "$lacks" ] && tools/deps.sh --vm "$1/vm" >"$folder/deps" 2>&1 && return
    [ -n "$lacks" ] || tail -n 3 "$folder/deps"
    skip_without vm "virtual machines"
    return 1
}
# columns FILE COLUMN...: those of a CSV file, by name.
columns() {
    awk -F'"' -v OFS='"' '{for (i = 2; i <= NF; i += 2) gsub(",", ";", $i)} 1' "$1" | # a quoted cell holds commas of its own
        awk -F, -v names="${*:2}" 'NR == 1 {n = split(names, want, " "); for (i = 1; i <= NF; i++) at[$i] = i}
        {line = ""; for (i = 1; i <= n; i++) line = line " " $(at[want[i]]); print line}'
}
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ] && [ $((passed + skipped)) -gt 0 ]
    exit
}
