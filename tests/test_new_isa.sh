#!/bin/bash
# A new ISA is one folder and one line: in a copy of the tree an ISA is added by these alone, built, chosen, checked, and broken.
# shellcheck disable=SC2317 # `run` calls remake by name
set -u
. tests/lib.sh
build=$(dirname "${LAYERLAB:-build/layerlab}")
if [ -n "${LL_TEST_QUICK:-}" ] || [ ! -f "$build/flags" ]; then
    skipped=1
    echo "  LL_TEST_QUICK is set, or $build is no build"
    echo "skip $script/all"
    finish
fi
tree=$folder/tree isa=$folder/tree/kernels/testisa
mkdir -p "$tree/results"
cp -a Makefile kernels model harness tests tools "$tree"
cp -a results/paper "$tree/results"
# Of this build what make looks at; other builds lie in the same folder.
mkdir "$tree/build"
find "$build" -maxdepth 1 -type f -exec cp -a {} "$tree/build" \;
for room in kernels model harness tests; do cp -a "$build/$room" "$tree/build"; done
cc=$(sed 's/ -std=.*//' "$build/flags")
remake() { env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -C "$tree" -s BUILD=build CC="$cc" "$@"; }

# ---- a folder and a line ---------------------------------------------------------------------------------------------------------------
mkdir "$isa"
echo 'FLAGS_testisa := -ffp-contract=off' >"$isa/flags.mk"
cat >"$isa/testisa.h" <<'END'
#ifndef LL_TESTISA_H
#define LL_TESTISA_H
#include "kernels.h"
extern const ll_kernels ll_table_testisa;
void ll_add_f32_testisa(float *y, const float *x, size_t n);
#endif
END
cat >"$isa/table_testisa.c" <<'END'
#include "testisa.h"

const ll_kernels ll_table_testisa = {
    .add_f32 = ll_add_f32_testisa,
};
END
cat >"$isa/add_testisa.c" <<'END'
#include "testisa.h"

void ll_add_f32_testisa(float *y, const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        y[i] = y[i] + x[i];
}
END
cp kernels/isa.def "$folder/isa.def"
with_line() { { cat "$folder/isa.def" && echo "$1"; } >"$tree/kernels/isa.def"; }
with_line 'ISA(testisa, ANY, 0)'
touch "$folder/before"
run 0 "" remake build/layerlab build/tests/check
check "recompiled for it" "kernels/dispatch.o kernels/testisa/add_testisa.o kernels/testisa/table_testisa.o" \
    "$(cd "$tree/build" && find kernels -name '*.o' -newer "$folder/before" | sort | paste -sd' ')"
run 0 "add_f32         testisa" "$tree/build/layerlab" info --kernels
check "nothing else is its" 1 "$("$tree/build/layerlab" info --kernels | grep -c ' testisa$')"
run 0 "ok   testisa/add_f32" "$tree/build/tests/check" testisa
run 0 "1 passed, 0 failed, 0 skipped" "$tree/build/tests/check" testisa
sed -i 's/i < n;/i + 1 < n;/' "$isa/add_testisa.c"
run 0 "" remake build/tests/check
run 1 "FAIL testisa/add_f32" "$tree/build/tests/check" testisa
with_line 'ISA(testisa, ANY, LL_CPU_FMA | LL_CPU_I8MM)' # no CPU has both
run 0 "" remake build/layerlab build/tests/check
run 0 "skip testisa" "$tree/build/tests/check" testisa
run 3 "ISA testisa: this CPU lacks it" "$tree/build/layerlab" info --isa testisa
run 0 "testisa: this CPU lacks " "$tree/build/layerlab" info --kernels

# ---- mistakes --------------------------------------------------------------------------------------------------------------------------
mv "$isa/flags.mk" "$folder"
run 2 "kernels/isa.def lists testisa, but kernels/testisa/flags.mk is missing" remake build/isas
cp "$folder/isa.def" "$tree/kernels/isa.def"
run 2 "kernels/testisa/ has no flags.mk (it sets FLAGS_testisa, its compiler flags)" remake build/isas
mv "$folder/flags.mk" "$isa"
run 2 "kernels/testisa/ has no line in kernels/isa.def" remake build/isas
mv "$isa" "$folder"
with_line 'ISA(testisa, ANY, 0)'
run 2 "kernels/isa.def lists testisa, but kernels/testisa/flags.mk is missing" remake build/isas
finish
