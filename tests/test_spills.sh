#!/bin/bash
# tools/check_spills.sh on loops that must spill and loops that must not, by every compiler here, for every ISA it builds for;
# tools/estimate_cycles.py on loops whose cycles are known.
# shellcheck disable=SC2317 # `made` calls the sources by name
set -u
. tests/lib.sh
tree=$folder/tree
mkdir -p "$tree/tools"
cp tools/check_spills.sh tools/spills*.awk "$tree/tools"
# isas_of ARCHITECTURE: as isa.def names both.
isas_of() { sed -n "s/^ISA(\([a-z0-9_]*\), $1,.*/\1/p" kernels/isa.def; }

# repeat N TEXT: the text N times, # in it the number.
repeat() { for ((i = 0; i < $1; i++)); do echo "${2//'#'/$i}"; done; }
# A register full of floats, and a constraint that keeps one in a register.
vectors() {
    cat <<'END'
#ifdef __aarch64__
typedef float vec __attribute__((vector_size(16)));
#define ANY "+w"
#else
typedef float vec __attribute__((vector_size(32)));
#define ANY "+x"
#endif
END
}
# sums N: a loop that keeps N sums.
sums() {
    vectors
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
    vectors
    echo 'void factors(const vec *a, const vec *f, vec *restrict out, long n) {'
    repeat "$1" 'vec f# = f[#]; __asm__("" : ANY(f#));'
    echo 'for (long i = 0; i < n; i++) { vec x = a[i];'
    repeat "$1" 'x = (x + f#) * x;'
    echo 'out[i] = x; } }'
}
# An array on the stack on purpose, walked by an index.
scratch() {
    vectors
    cat <<'END'
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
    vectors
    echo 'vec inner(const vec *a, const vec *b, vec *out, long n, long m) { vec t = {0};'
    repeat 40 'vec s# = out[#];'
    echo 'for (long j = 0; j < m; j++) { t = a[j]; for (long i = 0; i < n; i++) t += a[i] * b[i];'
    repeat 40 's# += t * b[#];'
    echo '}'
    repeat 40 'out[#] = s#;'
    echo 'return t; }'
}
nothing() { echo 'int nothing(int x) { return x + 1; }'; }

# made COMPILER ISA SOURCE...: a build whose only object is that source, in C or $language.
made() {
    local cc=$1 isa=$2 flags
    shift 2
    rm -rf "$folder/made"
    mkdir -p "$folder/made/kernels/$isa" "$tree/kernels/$isa"
    echo "ref $isa" >"$folder/made/isas"
    flags=$(sed -n "s/^FLAGS_$isa := *//p" "kernels/$isa/flags.mk")
    # shellcheck disable=SC2086 # words
    "$@" | $cc -O2 $flags -x "${language:-c}" -c -o "$folder/made/kernels/$isa/made.o" - || fail "$cc compiles $1" "it does not"
}
spills() { "$tree/tools/check_spills.sh" "$@" "$folder/made"; }

# compiled COMPILER ISA: every source above; the name of the compiler is the first word.
compiled() {
    local cc=$1 isa=$2 name list=$tree/kernels/$2/spills.txt
    name=gcc
    [[ $cc != clang* ]] || name=clang
    made "$cc" "$isa" sums 4
    run 0 "multiplies 4 loads 5 stores 0" spills
    made "$cc" "$isa" sums 40
    run 1 " SPILLS" spills
    run 1 "    spill " spills
    run 1 "$name $isa: 1 hot loops, 1 complaints" spills --quiet
    echo "$name sums 40 40 on purpose" >"$list"
    run 0 "(accepted)" spills
    echo "$name sums 40 1 on purpose" >"$list"
    run 1 " SPILLS" spills
    echo "$name sums 40 many" >"$list"
    run 1 "line 1: expected COMPILER FUNCTION MULTIPLIES SPILLS REASON" spills
    echo "$name sums 4 40 long ago" >"$list"
    made "$cc" "$isa" sums 4
    run 1 "no loop of sums with 4 multiplies spills under $name any more" spills
    rm "$list"
    made "$cc" "$isa" factors 40
    run 0 "    reload " spills
    made "$cc" "$isa" scratch
    run 0 "spills 0 reloads 0" spills
    made "$cc" "$isa" outer
    run 0 "1 hot loops, 0 complaints" spills --quiet
    made "$cc" "$isa" nothing
    run 1 "nothing was checked" spills
}
# assembled LINE...: a loop of those instructions of 64-bit ARM; @ marks what comes before it.
assembled() {
    printf '%s\n' ".arch armv8.6-a+dotprod+i8mm+bf16" ".globl f" ".type f, %function" "f:"
    printf '%s\n' "$@" | sed -n 's/^@//p'
    echo "1:"
    printf '%s\n' "$@" | sed '/^@/d'
    printf '%s\n' "subs x0, x0, #1" "b.ne 1b" "b memcpy"
}
# expect STATUS PART LINE...: what is said of that loop.
expect() {
    language=assembler made "$cross" "$isa" assembled "${@:3}"
    run "$1" "$2" spills
}
# What compilers write seldom, on 64-bit ARM.
snippets() {
    local fmla="fmla v0.4s, v1.4s, v2.4s"
    expect 0 "f 0-8 multiplies 1 loads 0 stores 0 total 3 spills 0 reloads 0" "$fmla"
    expect 1 "loads 1 stores 1 total 5 spills 1 reloads 0 SPILLS" "$fmla" "str q0, [sp, #16]" "ldr q1, [sp, #16]"
    expect 1 "loads 1 stores 2 total 5 spills 1 reloads 0 SPILLS" "$fmla" "stp q0, q1, [sp, #32]" "ldr q2, [sp, #48]"
    expect 1 "loads 2 stores 2 total 6 spills 2 reloads 0 SPILLS" "$fmla" "ldp d8, d9, [sp, #-16]" "stur d8, [sp, #-8]" \
        "str d9, [sp, #-16]"
    expect 1 "    spill   8  ldr s4, [sp]" "$fmla" "str s3, [sp]" "ldr s4, [sp]"
    expect 1 "spills 1 reloads 0 SPILLS" "@mov x29, sp" "$fmla" "str q0, [x29, #16]" "ldr q1, [x29, #16]"
    expect 0 "spills 0 reloads 0" "@mov x29, x1" "$fmla" "str q0, [x29, #16]" "ldr q1, [x29, #16]"
    expect 0 "loads 2 stores 0 total 5 spills 0 reloads 2" "$fmla" "ldr q1, [sp, #16]" "ldr d3, [sp]"
    expect 0 "    store   4  str q0, [sp, #16]" "$fmla" "str q0, [sp, #16]" "ldr q1, [sp, #32]"
    expect 0 "loads 1 stores 1 total 5 spills 0 reloads 0" "$fmla" "str x1, [sp, #16]" "ldr x2, [sp, #16]"
    expect 0 "loads 2 stores 1 total 6 spills 0 reloads 0" "$fmla" "str q0, [x2, #16]" "ldr q1, [x2, #16]" "ldr q2, [sp, x1]"
    expect 0 "loads 7 stores 1 total 7 spills 0 reloads 0" "$fmla" "ld4 {v4.4s-v7.4s}, [x1], #64" "ld1 {v16.4s, v17.4s}, [x2]" \
        "st1 {v0.s}[1], [x3]" "prfm pldl1keep, [x1, #256]"
    expect 0 "multiplies 9" "$fmla" "sdot v0.4s, v1.16b, v2.4b[1]" "smmla v0.4s, v1.16b, v2.16b" "bfdot v0.4s, v1.8h, v2.8h" \
        "bfmmla v0.4s, v1.8h, v2.8h" "fmls v0.2d, v1.2d, v2.d[0]" "fmul v0.4s, v1.4s, v2.s[1]" "mla v0.8h, v1.8h, v2.8h" \
        "smull2 v0.4s, v1.8h, v2.8h" "fadd v0.4s, v1.4s, v2.4s" "mul x1, x2, x3" "fmul s4, s5, s6" "fmadd s4, s5, s6, s7"
    # The jump to another function, at the end, is none to the address 0 that stands for it.
    expect 1 "nothing was checked" "@$fmla" "add x1, x1, #1"
}

# groups: a loop of 4 values of k a turn for 8 registers of sums, in one that scales them, or keeps them where a group goes on.
groups() {
    printf '%s\n' ".arch armv8.6-a+dotprod" ".type f, %function" "f:" "1:"
    repeat 8 "movi v1#.4s, #0"
    echo "2:"
    repeat 8 "sdot v1#.4s, v0.16b, v1.4b[0]"
    printf '%s\n' "subs x0, x0, #1" "b.ne 2b" "cbz x2, 3f"
    repeat 8 "scvtf v1#.4s, v1#.4s"
    printf '%s\n' "b 4f" "3:"
    repeat 8 "str q1#, [x3], 16"
    printf '%s\n' "add x4, x4, #1" "add x5, x5, #1" "4:" "subs x1, x1, #1" "b.ne 1b" "ret"
}
# estimated STATUS PART SOURCE...: what tools/estimate_cycles.py says of that source as an int8 matmul.
estimated() {
    language=assembler made "$cross" "$isa" "${@:3}"
    mv "$folder/made/kernels/$isa/made.o" "$folder/made/kernels/$isa/matmul_i8_$isa.o"
    run "$1" "$2" tools/estimate_cycles.py "$folder/made"
}
# Pipes for SDOT and SMMLA: 2 on N1 (no SMMLA) and N2, 4 on V1 and V2. One sum waits for itself, on V2 one cycle.
estimates() {
    local all python
    python=$(python3 -c "import sys; print(sys.executable)")
    mapfile -t all < <(repeat 24 "sdot v#.4s, v30.16b, v31.16b")
    estimated 0 "| 24 SDOT | 26 | 4.33 | 12.0 (100 %) | 12.0 (100 %) | 6.0 (100 %) | 6.0 (100 %) |" assembled "${all[@]}"
    run 0 "not measured" tools/estimate_cycles.py "$folder/made"
    run 0 "estimated by llvm-mca" tools/estimate_cycles.py "$folder/made"
    # A pointer that moves does not wait for what it loaded.
    estimated 0 "| 8 SDOT | 11 | 5.50 | 4.0 (100 %) | 4.0 (100 %) | 2.0 (100 %) | 2.0 (100 %) |" assembled "${all[@]:0:8}" \
        "ldr d31, [x1], #8"
    estimated 0 " | 1.0 (25 %) |" assembled "${all[0]}"
    mapfile -t all < <(repeat 16 "smmla v#.4s, v30.16b, v31.16b")
    estimated 0 "| 16 SMMLA | 18 | 2.25 | - | 8.0 (100 %) | 4.0 (100 %) | 4.0 (100 %) |" assembled "${all[@]}"
    estimated 0 "| 32, 1024 | 20 |" groups
    estimated 1 "multiplies and adds" assembled "fmul v0.4s, v1.4s, v2.4s"
    mkdir -p "$folder/few"
    ln -sf "$(command -v aarch64-linux-gnu-objdump || command -v objdump)" "$folder/few/objdump"
    # An old one takes another core's model.
    printf '#!/bin/sh\necho "LLVM version 14.0.6"\necho "[0] - A57UnitB"\n' >"$folder/few/llvm-mca"
    chmod +x "$folder/few/llvm-mca"
    run 3 "(found: 14.0.6)" env PATH="$folder/few" "$python" tools/estimate_cycles.py "$folder/made"
    rm "$folder/few/llvm-mca"
    run 3 "no llvm-mca here has models" env PATH="$folder/few" "$python" tools/estimate_cycles.py "$folder/made"
}
# knows_cores: one of the programs of that name has the model of a core itself, not another's.
knows_cores() {
    local program
    for program in $(compgen -c llvm-mca); do
        ! echo nop | "$program" -mtriple=aarch64 -mcpu=neoverse-v2 2>/dev/null | grep -q V2Unit || return 0
    done
    return 1
}

case $(uname -m) in
aarch64) here=ARM compilers=(gcc clang) elsewhere=() ;;
*) here=X86 compilers=(gcc clang) elsewhere=(aarch64-linux-gnu-gcc "clang --target=aarch64-linux-gnu") ;;
esac
for cc in "${compilers[@]}"; do
    command -v "$cc" >/dev/null || { skip_for "$cc" "with $cc"; continue; }
    for isa in $(isas_of $here); do
        compiled "$cc" "$isa"
    done
done
for cc in "${elsewhere[@]}"; do
    for tool in "${cc%% *}" aarch64-linux-gnu-objdump; do
        command -v "$tool" >/dev/null || { skip_without "$tool" "with $cc"; continue 2; }
    done
    for isa in $(isas_of ARM); do
        compiled "$cc" "$isa"
    done
done
cross=gcc
[ $here = ARM ] || cross=aarch64-linux-gnu-gcc
if command -v $cross >/dev/null; then
    isa=$(isas_of ARM | head -n 1)
    snippets
else
    skip_without $cross "snippets of ARM"
fi
if command -v $cross >/dev/null && knows_cores; then
    estimates
else
    skip_without llvm-mca "estimates of cycles"
fi
run 0 "Exit: 0;" tools/estimate_cycles.py --help
run 2 "usage:" tools/estimate_cycles.py --all
run 2 "isas is missing; build first" tools/estimate_cycles.py "$folder/nowhere"
run 2 "isas is missing; build first" tools/check_spills.sh "$folder/nowhere"
run 2 "usage:" tools/check_spills.sh --all
mkdir -p "$folder/empty" && echo "ref x" >"$folder/empty/isas"
run 2 "no objects in $folder/empty/kernels/x" tools/check_spills.sh "$folder/empty"
run 2 "no matmul or attention for 64-bit ARM" tools/estimate_cycles.py "$folder/empty"
finish
