#!/bin/bash
# Runs test programs and scripts one after the other and adds up their closing lines "N passed, N failed, N skipped".
# One that dies, runs out of time or ends without that line is one failure, named. LL_TEST_TIMEOUT: seconds for each (1800).
set -u
passed=0 failed=0 skipped=0
troubles=() skips=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

trouble() {
    failed=$((failed + 1))
    troubles+=("$1")
    echo "FAIL $1"
}

for program; do
    name=$(basename "$program")
    echo "== $name"
    runner=()
    [[ $program != *.sh ]] || runner=(bash)
    start=$SECONDS
    timeout -k 10 "${LL_TEST_TIMEOUT:-1800}" "${runner[@]}" "$program" </dev/null 2>&1 | tee "$log"
    status=${PIPESTATUS[0]}
    echo "== $name: $((SECONDS - start)) s"
    closing=$(grep -aE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
    mapfile -t -O ${#skips[@]} skips < <(grep -a '^skip ' "$log")
    if [ "$status" = 124 ] || [ "$status" = 137 ]; then
        trouble "$name (killed, or out of time: ${LL_TEST_TIMEOUT:-1800} s)"
    elif [ -z "$closing" ]; then
        trouble "$name (exit $status without a closing line)"
    else
        read -r p _ f _ s _ <<<"$closing"
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
        mapfile -t -O ${#troubles[@]} troubles < <(grep -a '^FAIL ' "$log" | sed "s|^FAIL |$name: |")
        if [ "$f" = 0 ] && [ "$status" != 0 ]; then
            trouble "$name (exit $status after its closing line)"
        elif [ $((p + f + s)) = 0 ]; then
            trouble "$name (ran no test)"
        fi
    fi
done
[ $# -gt 0 ] || trouble "nothing to run"

[ ${#skips[@]} = 0 ] || printf '%s\n' "-- skipped:" "${skips[@]#skip }"
[ ${#troubles[@]} = 0 ] || printf '%s\n' "-- failed:" "${troubles[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
