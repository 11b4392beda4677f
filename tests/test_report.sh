#!/bin/bash
# The report of a small sweep of the real model: its commands measure its rows again, a full disk leaves the old one, a browser shows it.
set -u
cd "$(dirname "$0")/.." || exit 1
. tests/lib.sh
program=${LAYERLAB:-build/layerlab}
model=${LAYERLAB_MODELS:-models}/SmolLM2-135M-Instruct.Q4_1.gguf
results=$folder/results
cp -r results/smollm2-135m "$results"
rm -f "$results"/*.png "$results"/*.svg
page=$results/report.html

# ---- the committed rows, without a model ----
"$program" report "$results" --quiet >/dev/null 2>"$folder/err" || fail "a report of committed rows" "$(cat "$folder/err")"
kept=$(sha256sum <"$page")
if command -v xmllint >/dev/null; then
    check "report.html is well-formed" "" "$(xmllint --noout "$page" 2>&1)"
else
    skip_without xmllint "well-formed"
fi
check "nothing is loaded from elsewhere" "" "$(grep -oE '(src|href|url)[=(]["'\'']?https?:[^"'\'' ]*' "$page")"

# A full disk: what was there stays as it was, and nothing is left beside it.
(trap '' XFSZ; ulimit -f 64; "$program" report "$results" --quiet >/dev/null 2>"$folder/err")
check "no space: exit" 3 $?
if grep -q "report.* cannot be written: File too large; make room" "$folder/err"; then ok "no space: told"; else fail "no space: told" "$(cat "$folder/err")"; fi
check "no space: the old page stays" "$kept" "$(sha256sum <"$page")"
check "no space: nothing is left" "" "$(find "$results" -name '*.part-*' -o -name '.plot-*')"
rm "$page" && mkdir "$page"
run 1 "report.html: is a folder" "$program" report "$results" --quiet
rmdir "$page"
"$program" report "$results" --quiet >/dev/null 2>&1
check "the same rows make the same page" "$kept" "$(sha256sum <"$page")"

# ---- a browser ----
# Pixels of a screenshot say little here; that it is drawn at all, at two widths and on paper, and finds nothing wrong says something.
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -n "$browser" ]; then
    look() { timeout 120 "$browser" --headless=new --no-sandbox --disable-gpu --user-data-dir="$folder/profile" "$@" "file://$page" 2>"$folder/err"; }
    look --dump-dom >"$folder/dom" </dev/null
    check "a browser finds every picture" "$(grep -c '<svg' "$page")" "$(grep -o '<svg' "$folder/dom" | wc -l)"
    check "a browser finds every table" "$(grep -c '<table' "$page")" "$(grep -o '<table' "$folder/dom" | wc -l)"
    for width in 1280 400; do
        look --window-size=$width,2000 --screenshot="$folder/$width.png" >/dev/null </dev/null
        if [ "$(wc -c <"$folder/$width.png")" -gt 50000 ]; then ok "drawn $width wide"; else fail "drawn $width wide" "$(tail -n 3 "$folder/err")"; fi
    done
    look --print-to-pdf="$folder/page.pdf" >/dev/null </dev/null
    if [ "$(head -c 5 "$folder/page.pdf")" = %PDF- ]; then ok "printed"; else fail "printed" "$(tail -n 3 "$folder/err")"; fi
else
    skip_without chromium "a browser shows it"
fi

# ---- commands measure rows again ----
if [ ! -r "$model" ]; then
    skip_for model "commands of rows"
    finish
fi
sweep=$folder/sweep
"$program" sweep smollm2-135m --samples 2 --length 48 --window 64 --max-windows 2 --first-window 1 --counts 2 --prompt 32 --generate 8 --repetitions 1 \
    --tasks openbookqa --limit 4 --threads 1 --out "$sweep" >"$folder/out" 2>"$folder/err" </dev/null || fail "a small sweep" "$(cat "$folder/err")"
# The commands of a kind as the page has them, with the program under test.
commands() { sed -n "s/^\(<pre[^>]*><code>\)\{0,1\}build\/layerlab $1 /$1 /p" "$sweep/report.html" | sed "s/&#39;/'/g; s/&amp;/\&/g; s/&lt;/</g; s/&gt;/>/g"; }
again() { eval "\"$program\" $1 ${2:-}" 2>"$folder/err" </dev/null; }
# number JSON KEY
number() { sed -n 's/.*"'"$2"'": *\([-0-9.e+]*\).*/\1/p' <<<"$1" | head -n 1; }
cell() { # FILE KIND COLUMN
    awk -F'"' -v OFS='"' '{for (i = 2; i <= NF; i += 2) gsub(",", ";", $i)} 1' "$sweep/$1.csv" |
        awk -F, -v kind="$2" -v name="$3" 'NR == 1 {for (i = 1; i <= NF; i++) at[$i] = i; next} $(at["kind"]) == kind {print $(at[name]); exit}'
}
same() { # NAME GOT WANTED: equal as far as the row's digits go
    if awk -v a="$2" -v b="$3" 'BEGIN {d = a - b; if (d < 0) d = -d; if (b < 0) b = -b; exit !(a != "" && d <= 1e-6 * b + 1e-9)}'; then ok "$1"; else
        fail "$1" "got $2, the row has $3" "$(tail -n 2 "$folder/err")"
    fi
}
n=0
for kind in none attn mlp block joint; do
    n=$((n + 1))
    line=$(commands quality | sed -n "${n}p")
    same "quality again: $kind" "$(number "$(again "$line" --json)" perplexity)" "$(cell quality $kind perplexity)"
done
line=$(commands eval | sed -n 2p)
same "tasks again" "$(number "$(again "$line" --json)" acc_norm)" "$(cell tasks attn value)"
line=$(commands importance | head -n 1)
check "importance again: a row" "attn,0,$(cell importance attn importance)" "$(again "$line" '--csv -' | sed -n 2p)"
line=$(commands speed | sed -n 2p)
again "$line" --json >"$folder/out"
check "speed again: runs" 0 $?
check "speed again: the same drop" "$(cell speed attn drop | tr -d ';"')" "$(grep -o 'attn:[0-9,]*' "$folder/out" | head -n 1 | tr -d ',')"

# What a table says would measure its missing rows does: they are beside the paper's afterwards.
part() { sed -n '/^### Table 4/,/^### Table 6/p' "$sweep/report.md"; }
line=$(part | sed -n 's/^build\/layerlab //p')
check "a table names what is missing" 0 "$(part | grep -c 'here, attn-15 of 30')"
again "$line" --quiet >"$folder/out" || fail "the command of what is missing" "$line" "$(tail -n 2 "$folder/err")"
check "the command of what is missing measures it" 3 "$(part | grep -c 'here, attn-15 of 30')" # as 20 of 40, and 40 of 80 of two models
finish
