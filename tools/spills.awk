# For check_spills.sh: reads kernels/ISA/spills.txt, then what objdump -d says of that ISA's objects (x86, AT&T syntax).
# Variables: accepted (the file's name as it stands among the arguments), compiler, quiet.

# ---- one instruction ----
function is_end(i) { return name[i] ~ /^(jmp|ret|ud2)/ }
function is_multiply(i) {
    return name[i] ~ /^v(pdp|pmadd|pmul|dpbf16|mulp)/ || name[i] ~ /^vfn?m(add|sub|addsub|subadd)[123]*p/
}
# What it writes comes last.
function writes_memory(i) { return operands[i] ~ /,.*\)(\{[^}]*\})*$/ && name[i] !~ /^(cmp|test|prefetch)/ }
function reads_memory(i) {
    return operands[i] ~ /\(/ && name[i] !~ /^(lea|nop|j)/ && !(writes_memory(i) && name[i] ~ /^v?(p?mov|p?extract|p?compress|cvt)/)
}
# The place on the stack that a vector instruction names by a constant, "" for none. %rbp is a register like any other
# unless the function made it the frame's.
function slot_of(i,    text) {
    if (name[i] !~ /^v/ || !match(operands[i], /-?(0x)?[0-9a-f]*\(%r[sb]p\)/))
        return ""
    text = substr(operands[i], RSTART, RLENGTH)
    return text ~ /rbp/ && !has_frame ? "" : text
}

# ---- loops: inside[head, i] says that instruction i is on a way from the head to a jump back to it ----
function follow(head, last,    depth, i) {
    delete ahead
    todo[depth = 1] = head
    while (depth > 0) {
        i = todo[depth--]
        if (i < head || i > last || (i in ahead))
            continue
        ahead[i] = 1
        if (jump[i])
            todo[++depth] = jump[i]
        if (!is_end(i))
            todo[++depth] = i + 1
    }
}
function mark_loop(head,    i, changed) {
    last[head] = head
    for (i = head; i <= count; i++)
        if (jump[i] == head)
            last[head] = i
    follow(head, last[head])
    do {
        changed = 0
        for (i = last[head]; i >= head; i--)
            if ((i in ahead) && !((head, i) in inside) &&
                (jump[i] == head || (jump[i] && (head, jump[i]) in inside) || (!is_end(i) && (head, i + 1) in inside)))
                changed = inside[head, i] = 1
    } while (changed)
    size[head] = 0
    for (i = head; i <= last[head]; i++)
        size[head] += (head, i) in inside
}
function shared(a, b,    i, n) {
    for (i = b; i <= last[b]; i++)
        n += ((a, i) in inside) && ((b, i) in inside)
    return n + 0
}
# One loop with two heads (a compiler rotated it, and jumps to both) shows as two that overlap.
function merge(a, b,    i) {
    for (i = b; i <= last[b]; i++)
        if (((b, i) in inside) && !((a, i) in inside)) {
            inside[a, i] = 1
            size[a]++
        }
    if (last[b] > last[a])
        last[a] = last[b]
    size[b] = 0
}
function find_loops(    i, a, b, n, both) {
    delete size; delete last; delete inside
    n = 0
    for (i = 1; i <= count; i++)
        if (jump[i] && jump[i] <= i && !(jump[i] in size)) {
            mark_loop(jump[i])
            if (size[jump[i]])
                heads[++n] = jump[i]
        }
    for (a = 1; a <= n; a++)
        for (b = 1; b <= n; b++)
            if (heads[a] < heads[b] && size[heads[a]] && size[heads[b]]) {
                both = shared(heads[a], heads[b])
                if (both && both < size[heads[a]] && both < size[heads[b]])
                    merge(heads[a], heads[b])
            }
    return n
}
function is_innermost(head, n,    b) {
    for (b = 1; b <= n; b++)
        if (heads[b] != head && size[heads[b]] && size[heads[b]] < size[head] && shared(head, heads[b]) == size[heads[b]])
            return 0
    return 1
}

# ---- the report ----
function describe_slots(head,    i, slot, text) {
    spills = reloads = 0
    delete stored; delete loaded
    for (i = head; i <= last[head]; i++)
        if (((head, i) in inside) && (slot = slot_of(i)) != "") {
            if (writes_memory(i)) stored[slot] = 1; else loaded[slot] = 1
        }
    for (i = head; i <= last[head]; i++) {
        if (!((head, i) in inside) || (slot = slot_of(i)) == "")
            continue
        spills += (slot in stored) && (slot in loaded) && writes_memory(i)
        reloads += !(slot in stored)
        text = text "    " (!(slot in stored) ? "reload" : slot in loaded ? "spill " : "store ") "  " address[i] "  " name[i] " " operands[i] "\n"
    }
    return text
}
function report(head,    i, multiplies, loads, stores, text, key, verdict) {
    for (i = head; i <= last[head]; i++)
        if ((head, i) in inside) {
            multiplies += is_multiply(i)
            loads += reads_memory(i)
            stores += writes_memory(i)
        }
    if (!multiplies)
        return
    hot++
    text = describe_slots(head)
    key = where SUBSEP multiplies
    if (spills && (key in most)) used[key] = 1
    verdict = !spills ? "" : (key in most) && spills <= most[key] ? " (accepted)" : " SPILLS"
    failed += verdict == " SPILLS"
    if (!quiet || verdict == " SPILLS")
        printf "%s %s %s-%s multiplies %d loads %d stores %d total %d spills %d reloads %d%s\n%s", object, where, address[head],
            address[last[head]], multiplies, loads, stores, size[head], spills, reloads, verdict, text
}
function finish_function(    i, n, part) {
    delete jump
    for (i = 1; i <= count; i++)
        if (name[i] ~ /^j/) {
            split(operands[i], part, " ")
            jump[i] = at[part[1]]
        }
    n = find_loops()
    for (i = 1; i <= n; i++)
        if (size[heads[i]] && is_innermost(heads[i], n))
            report(heads[i])
    delete at
    count = has_frame = 0
}

FILENAME == accepted {
    if (/^#/ || !NF || $1 != compiler)
        next
    if ($3 !~ /^[0-9]+$/ || $4 !~ /^[0-9]+$/ || NF < 5) {
        print accepted ": line " FNR ": expected COMPILER FUNCTION MULTIPLIES SPILLS REASON, found: " $0
        failed++
    } else
        most[$2, $3] = $4 + 0
    next
}
/file format/ {
    finish_function()
    object = $1
    sub(/^.*\//, "", object)
    sub(/:$/, "", object)
}
/^[0-9a-f]+ <.*>:$/ {
    finish_function()
    where = substr($2, 2, length($2) - 3)
}
/^ +[0-9a-f]+:\t/ {
    sub(/ +#.*/, "")
    split($0, field, "\t")
    gsub(/[ :]/, "", field[1])
    sub(/^((bnd|notrack|lock|rep|repz|repnz|cs|data16|\{[a-z]+\}) +)+/, "", field[2])
    address[++count] = field[1]
    at[field[1]] = count
    name[count] = operands[count] = field[2]
    sub(/ .*/, "", name[count])
    sub(/^[^ ]+ */, "", operands[count])
    sub(/ +$/, "", operands[count])
    has_frame = has_frame || (name[count] == "mov" && operands[count] == "%rsp,%rbp")
}
END {
    finish_function()
    for (key in most)
        if (!(key in used)) {
            split(key, part, SUBSEP)
            print accepted ": no loop of " part[1] " with " part[2] " multiplies spills under " compiler " any more; delete its line"
            failed++
        }
    if (!hot) {
        print "no loop with a multiply: nothing was checked"
        failed++
    }
    printf "%s %s: %d hot loops, %d complaints\n", compiler, isa, hot, failed
    exit failed > 0
}
