# For check_spills.sh, before spills.awk: one instruction of 64-bit ARM. An access to N registers (LDP and STP 2, LD4 and ST4 4) counts N.

# The text of an instruction without comment.
function bare(text) {
    sub(/ *\/\/.*/, "", text)
    return text
}
function is_end(i) { return name[i] ~ /^(b|br|ret|retaa|retab|udf|brk)$/ }
# The address that it may jump to, "" for none. What another function owns is 0 before it is linked, and named: "b 0 <memcpy>".
function target_of(i,    part, n, symbol) {
    if (name[i] !~ /^(b|b\..*|bc\..*|cbn?z|tbn?z)$/)
        return ""
    n = split(operands[i], part, /[ ,]+/)
    symbol = part[n]
    gsub(/[<>]|\+0x[0-9a-f]+>$/, "", symbol)
    return symbol == where ? part[n - 1] : ""
}
function is_multiply(i) { return name[i] ~ /mul|ml[as]|dot/ && operands[i] ~ /^v[0-9]+\.[0-9]*[bhsd]/ }
# How many registers it moves.
function registers(i,    text, part) {
    if (operands[i] !~ /\[(x|sp)/)
        return 0
    if (name[i] ~ /^(ld|st)n?p/)
        return 2
    if (!match(operands[i], /^\{[^}]*\}/))
        return 1
    text = substr(operands[i], RSTART + 1, RLENGTH - 2)
    if (text !~ /-/)
        return split(text, part, ",")
    split(text, part, "-")
    gsub(/v|\..*/, "", part[1])
    gsub(/ *v|\..*/, "", part[2])
    return (part[2] - part[1] + 32) % 32 + 1
}
function writes(i) { return name[i] ~ /^st/ ? registers(i) : 0 }
function reads(i) { return name[i] ~ /^(ld|prf)/ ? registers(i) : 0 }
# Makes x29 the frame's; else it is a register like any other.
function sets_frame(i) { return name[i] ~ /^(mov|add)$/ && operands[i] ~ /^x29, sp(, #|$)/ }
function number(text,    i, n) {
    if (text !~ /^-?0x/)
        return text + 0
    for (i = index(text, "x") + 1; i <= length(text); i++)
        n = 16 * n + index("0123456789abcdef", substr(text, i, 1)) - 1
    return text ~ /^-/ ? -n : n
}
# The places on the stack that a vector instruction names by a constant, into slot[1 ...]; returns how many.
function slots_of(i, slot,    base, offset, bytes, n, k) {
    if (name[i] !~ /^(ld|st)(n?p|u?r)$/ || operands[i] !~ /^[bhsdq][0-9]/ || !match(operands[i], /\[(sp|x29)(, #-?[0-9a-fx]+)?\]$/))
        return 0
    base = substr(operands[i], RSTART + 1, RLENGTH - 2)
    offset = base ~ /#/ ? base : 0
    sub(/,.*/, "", base)
    sub(/.*#/, "", offset)
    if (base == "x29" && !has_frame)
        return 0
    bytes = 2 ^ (index("bhsdq", substr(operands[i], 1, 1)) - 1)
    n = registers(i)
    for (k = 1; k <= n; k++)
        slot[k] = base "+" (number(offset) + (k - 1) * bytes)
    return n
}
