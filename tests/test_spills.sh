#!/bin/bash
# tools/check_spills.sh on loops that must spill and loops that must not, by every compiler here, for every ISA of the build.
# shellcheck disable=SC2317 # `made` calls the sources by name
set -u
. tests/lib.sh
build=$(dirname "${LAYERLAB:-build/layerlab}")
[ -f "$build/isas" ] || build=build
isas=$(tr ' ' '\n' <"$build/isas" | grep -vx ref)
tree=$folder/tree
mkdir -p "$tree/tools"
cp tools/check_spills.sh tools/spills.awk "$tree/tools"

# repeat N TEXT: the text N times, # in it the number.
repeat() { for ((i = 0; i < $1; i++)); do echo "${2//'#'/$i}"; done; }
# sums N: a loop that keeps N sums.
sums() {
    echo 'typedef float vec __attribute__((vector_size(32)));'
    echo 'void sums(const vec *a, const vec *b, vec *out, long n) {'
    repeat "$1" 'vec s# = out[#];'
    echo 'for (long i = 0; i < n; i++) { const vec x = a[i];'
    repeat "$1" "s# += x * b[$1 * i + #];"
    echo '}'
    repeat "$1" 'out[#] = s#;'
    echo '}'
}
# factors N: a loop that changes nothing and multiplies by N of them.
factors() {
    echo 'typedef float vec __attribute__((vector_size(32)));'
    echo 'void factors(const vec *a, const vec *f, vec *restrict out, long n) {'
    repeat "$1" 'vec f# = f[#]; __asm__("" : "+x"(f#));'
    echo 'for (long i = 0; i < n; i++) { vec x = a[i];'
    repeat "$1" 'x = (x + f#) * x;'
    echo 'out[i] = x; } }'
}
# An array on the stack on purpose, walked by an index.
scratch() {
    cat <<'END'
typedef float vec __attribute__((vector_size(32)));
void use(vec *);
void scratch(const vec *a, long n) {
    vec lines[64];
    use(lines);
    for (long i = 0; i < n; i++)
        lines[i & 63] = lines[(i + 7) & 63] * a[i];
    use(lines);
}
END
}
# The inner loop is clean; what the outer one keeps through it may lie on the stack.
outer() {
    echo 'typedef float vec __attribute__((vector_size(32)));'
    echo 'vec inner(const vec *a, const vec *b, vec *out, long n, long m) { vec t = {0};'
    repeat 40 'vec s# = out[#];'
    echo 'for (long j = 0; j < m; j++) { t = a[j]; for (long i = 0; i < n; i++) t += a[i] * b[i];'
    repeat 40 's# += t * b[#];'
    echo '}'
    repeat 40 'out[#] = s#;'
    echo 'return t; }'
}
nothing() { echo 'int nothing(int x) { return x + 1; }'; }

# made COMPILER ISA SOURCE...: a build whose only object is that source.
made() {
    local cc=$1 isa=$2 flags
    shift 2
    rm -rf "$folder/made"
    mkdir -p "$folder/made/kernels/$isa" "$tree/kernels/$isa"
    echo "ref $isa" >"$folder/made/isas"
    flags=$(sed -n "s/^FLAGS_$isa := *//p" "kernels/$isa/flags.mk")
    # shellcheck disable=SC2086 # words
    "$@" | "$cc" -O2 $flags -x c -c -o "$folder/made/kernels/$isa/made.o" - || fail "$cc compiles $1" "it does not"
}
spills() { "$tree/tools/check_spills.sh" "$@" "$folder/made"; }

for cc in gcc clang; do
    command -v $cc >/dev/null || { skip_for $cc "with $cc"; continue; }
    for isa in $isas; do
        list=$tree/kernels/$isa/spills.txt
        made $cc "$isa" sums 4
        run 0 "multiplies 4 loads 5 stores 0" spills
        made $cc "$isa" sums 40
        run 1 " SPILLS" spills
        run 1 "    spill " spills
        run 1 "$cc $isa: 1 hot loops, 1 complaints" spills --quiet
        echo "$cc sums 40 40 on purpose" >"$list"
        run 0 "(accepted)" spills
        echo "$cc sums 40 1 on purpose" >"$list"
        run 1 " SPILLS" spills
        echo "$cc sums 40 many" >"$list"
        run 1 "line 1: expected COMPILER FUNCTION MULTIPLIES SPILLS REASON" spills
        echo "$cc sums 4 40 long ago" >"$list"
        made $cc "$isa" sums 4
        run 1 "no loop of sums with 4 multiplies spills under $cc any more" spills
        rm "$list"
        made $cc "$isa" factors 40
        run 0 "    reload " spills
        made $cc "$isa" scratch
        run 0 "spills 0 reloads 0" spills
        made $cc "$isa" outer
        run 0 "1 hot loops, 0 complaints" spills --quiet
        made $cc "$isa" nothing
        run 1 "nothing was checked" spills
    done
done
run 2 "isas is missing; build first" tools/check_spills.sh "$folder/nowhere"
run 2 "usage:" tools/check_spills.sh --all
finish
