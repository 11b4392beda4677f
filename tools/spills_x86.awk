# For check_spills.sh, before spills.awk: one instruction of x86, in AT&T syntax.

# The text of an instruction without prefixes and comment.
function bare(text) {
    sub(/ +#.*/, "", text)
    sub(/^((bnd|notrack|lock|rep|repz|repnz|cs|data16|\{[a-z]+\}) +)+/, "", text)
    return text
}
function is_end(i) { return name[i] ~ /^(jmp|ret|ud2)/ }
# The address that it may jump to, "" for none.
function target_of(i,    part) {
    if (name[i] !~ /^j/)
        return ""
    split(operands[i], part, " ")
    return part[1]
}
function is_multiply(i) {
    return name[i] ~ /^v(pdp|pmadd|pmul|dpbf16|mulp)/ || name[i] ~ /^vfn?m(add|sub|addsub|subadd)[123]*p/
}
# How many operands in memory it writes and reads. What it writes comes last.
function writes(i) { return operands[i] ~ /,.*\)(\{[^}]*\})*$/ && name[i] !~ /^(cmp|test|prefetch)/ }
function reads(i) {
    return operands[i] ~ /\(/ && name[i] !~ /^(lea|nop|j)/ && !(writes(i) && name[i] ~ /^v?(p?mov|p?extract|p?compress|cvt)/)
}
# Makes %rbp the frame's; else it is a register like any other.
function sets_frame(i) { return name[i] == "mov" && operands[i] == "%rsp,%rbp" }
# The places on the stack that a vector instruction names by a constant, into slot[1 ...]; returns how many.
function slots_of(i, slot) {
    if (name[i] !~ /^v/ || !match(operands[i], /-?(0x)?[0-9a-f]*\(%r[sb]p\)/))
        return 0
    slot[1] = substr(operands[i], RSTART, RLENGTH)
    return slot[1] !~ /rbp/ || has_frame
}
