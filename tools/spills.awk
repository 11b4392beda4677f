# For check_spills.sh: reads kernels/ISA/spills.txt, then what objdump -d says of that ISA's objects.
# Variables: accepted (the file's name as it stands among the arguments), compiler, isa, quiet.
# What an instruction does, spills_x86.awk or spills_arm.awk says, of instruction i by its name[i] and operands[i]:
# bare, is_end, target_of, is_multiply, reads, writes, sets_frame, slots_of.

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
function multiplies_of(head,    i, n) {
    for (i = head; i <= last[head]; i++)
        n += ((head, i) in inside) && is_multiply(i)
    return n + 0
}
# A loop inside that multiplies nothing, as one of prefetches, leaves the loop around it hot.
function is_innermost(head, n,    b) {
    for (b = 1; b <= n; b++)
        if (heads[b] != head && size[heads[b]] && size[heads[b]] < size[head] && shared(head, heads[b]) == size[heads[b]] &&
            multiplies_of(heads[b]))
            return 0
    return 1
}

# ---- the report ----
# The slots of instruction i go into slot, what it is to them into its result.
function kind_of(i, slot,    n, k, kind) {
    n = slots_of(i, slot)
    for (k = 1; k <= n; k++) {
        spills += (slot[k] in stored) && (slot[k] in loaded) && writes(i)
        reloads += !(slot[k] in stored)
        if ((slot[k] in stored) && (slot[k] in loaded))
            kind = "spill "
        else if (kind == "")
            kind = (slot[k] in stored) ? "store " : "reload"
    }
    return kind
}
function describe_slots(head,    i, k, n, slot, kind, text) {
    spills = reloads = 0
    delete stored; delete loaded
    for (i = head; i <= last[head]; i++) {
        n = ((head, i) in inside) ? slots_of(i, slot) : 0
        for (k = 1; k <= n; k++)
            if (writes(i)) stored[slot[k]] = 1; else loaded[slot[k]] = 1
    }
    for (i = head; i <= last[head]; i++)
        if (((head, i) in inside) && (kind = kind_of(i, slot)) != "")
            text = text "    " kind "  " address[i] "  " name[i] " " operands[i] "\n"
    return text
}
function report(head,    i, multiplies, loads, stores, text, key, verdict) {
    multiplies = multiplies_of(head)
    for (i = head; i <= last[head]; i++)
        if ((head, i) in inside) {
            loads += reads(i)
            stores += writes(i)
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
function finish_function(    i, n, target) {
    delete jump
    for (i = 1; i <= count; i++)
        if ((target = target_of(i)) != "")
            jump[i] = at[target]
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
    split($0, field, ":\t")
    gsub(/ /, "", field[1])
    text = substr($0, index($0, ":\t") + 2)
    gsub(/\t/, " ", text)
    text = bare(text)
    address[++count] = field[1]
    at[field[1]] = count
    name[count] = operands[count] = text
    sub(/ .*/, "", name[count])
    sub(/^[^ ]+ */, "", operands[count])
    sub(/ +$/, "", operands[count])
    has_frame = has_frame || sets_frame(count)
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
