#include "merge_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_TEXT = 256 };

ll_status ll_merge_lack(const ll_merge *merge, const char *format, ...) {
    char text[sizeof((ll_error *)0)->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (!merge->options->partial)
        return ll_fail(merge->error, LL_BAD_INPUT, "%s; or merge without it by --partial", text);
    if (!merge->options->quiet)
        fprintf(stderr, "%s\n", text);
    return LL_OK;
}

static bool listed_alike(const ll_parts_row *a, const ll_parts_row *b) {
    return ll_parts_same(a, b) && a->part == b->part && strcmp(a->files, b->files) == 0;
}

/* Where the lists part ways: the rows there, none past an end; NULL: they are the same but for rows of part 1 that the longer one
 * has more. */
static const ll_parts_row *compare_lists(const ll_parts_sweep *longer, const ll_parts_sweep *shorter,
                                         const ll_parts_row **other) {
    static const ll_parts_row none = {"", "no row", "", 0, 0, ""};
    size_t at = 0, more = longer->row_count - shorter->row_count;
    for (size_t i = 0; i < longer->row_count; i++) {
        *other = at < shorter->row_count ? &shorter->rows[at] : &none;
        if (at < shorter->row_count && listed_alike(&longer->rows[i], *other))
            at++;
        else if (longer->rows[i].part == 1 && more > 0)
            more--;
        else
            return &longer->rows[i];
    }
    return NULL;
}

/* Parts of one sweep have the same list, since they compute the same importance, but for what part 1 has more of. */
static ll_status check_rows(const ll_merge *merge, const ll_merge_sweep *sweep, const ll_merge_input *input,
                            const ll_parts_sweep *other) {
    const ll_parts_sweep *whole = &sweep->whole;
    const ll_parts_row *row, *instead;
    const char *first = merge->inputs[sweep->input].folder;
    if (whole->of != other->of)
        return ll_fail(merge->error, LL_BAD_INPUT,
                       "%s is of a sweep cut into %zu parts, %s of the same one cut into %zu; merge parts of "
                       "one cut",
                       first, whole->of, input->folder, other->of);
    const bool more = other->row_count > whole->row_count;
    row = compare_lists(more ? other : whole, more ? whole : other, &instead);
    return row ? ll_fail(
                     merge->error, LL_BAD_INPUT,
                     "%s and %s list other rows: %s %zu (%.64s, %s) in one, %s %zu (%.64s, %s) in the other; "
                     "run the parts with the same options, on one ISA (--isa)",
                     first, input->folder, row->kind, row->dropped, row->drop, row->weights, instead->kind,
                     instead->dropped, instead->drop, instead->weights)
               : LL_OK;
}

static size_t find(const ll_merge *merge, const ll_parts_sweep *sweep) {
    const char *a, *b;
    size_t i = 0;
    while (i < merge->sweep_count && ll_parts_difference(&merge->sweeps[i].whole, sweep, &a, &b))
        i++;
    return i;
}

static ll_status add_sweep(ll_merge *merge, const ll_parts_sweep *sweep, size_t input) {
    ll_merge_sweep *grown = realloc(merge->sweeps, (merge->sweep_count + 1) * sizeof *grown);
    bool *finished = calloc(sweep->of, sizeof *finished);
    if (grown)
        merge->sweeps = grown;
    if (!grown || !finished) {
        free(finished);
        return ll_fail(merge->error, LL_NO_RESOURCE, "no memory for a list of sweeps");
    }
    grown[merge->sweep_count] = (ll_merge_sweep){*sweep, input};
    grown[merge->sweep_count].whole.finished = finished;
    grown[merge->sweep_count++].whole.asked = 0;
    return LL_OK;
}

static ll_status add_input(ll_merge *merge, size_t index) {
    ll_merge_input *input = &merge->inputs[index];
    input->rank = index;
    input->sweep = SIZE_MAX;
    for (size_t i = 0; i < input->parts.count; i++) {
        const ll_parts_sweep *part = &input->parts.sweeps[i];
        const size_t at = find(merge, part);
        if (at == merge->sweep_count)
            LL_TRY(add_sweep(merge, part, index));
        ll_merge_sweep *sweep = &merge->sweeps[at];
        LL_TRY(check_rows(merge, sweep, input, part));
        if (part->row_count > sweep->whole.row_count) {
            sweep->whole.rows = part->rows;
            sweep->whole.row_count = part->row_count;
        }
        for (size_t k = part->of; k-- > 0;)
            if (part->finished[k]) {
                sweep->whole.finished[k] = true;
                input->part = k + 1;
            }
        if (part->asked)
            input->part = part->asked;
        if (input->parts.count == 1)
            input->sweep = at;
        if (i == 0)
            input->rank = sweep->input;
    }
    return LL_OK;
}

/* "1, 3, 4"; how many. */
static size_t list_missing(const ll_parts_sweep *sweep, char text[LIST_TEXT]) {
    size_t count = 0, used = 0;
    for (size_t i = 0; i < sweep->of; i++)
        if (!sweep->finished[i]) {
            if (used < LIST_TEXT - 16)
                used += (size_t)snprintf(text + used, LIST_TEXT - used, "%s%zu", count ? ", " : "", i + 1);
            count++;
        }
    if (used >= LIST_TEXT - 16)
        snprintf(text + used, LIST_TEXT - used, ", ...");
    return count;
}

/* The folder of a part that was begun; NULL: none of the folders is that. */
static const char *find_begun(const ll_merge *merge, size_t sweep, size_t part) {
    for (size_t i = 0; i < merge->count; i++)
        if (merge->inputs[i].sweep == sweep && merge->inputs[i].part == part)
            return merge->inputs[i].folder;
    return NULL;
}

static ll_status check_begun(const ll_merge *merge, size_t at) {
    const ll_parts_sweep *whole = &merge->sweeps[at].whole;
    for (size_t i = 0; i < whole->of; i++) {
        const char *begun = whole->finished[i] ? NULL : find_begun(merge, at, i + 1);
        if (begun)
            LL_TRY(ll_merge_lack(merge,
                                 "%s: part %zu of %zu is not finished; run it again, it does what is missing",
                                 begun, i + 1, whole->of));
    }
    return LL_OK;
}

static ll_status check_whole(const ll_merge *merge, size_t at) {
    const ll_merge_sweep *sweep = &merge->sweeps[at];
    const char *folder = merge->inputs[sweep->input].folder, *here, *there;
    char missing[LIST_TEXT];
    LL_TRY(check_begun(merge, at));
    const size_t count = list_missing(&sweep->whole, missing);
    if (!count)
        return LL_OK;
    const ll_merge_sweep *other = merge->sweep_count > 1 ? &merge->sweeps[at ? 0 : 1] : NULL;
    if (!other)
        return ll_merge_lack(merge, "%s: of its sweep's %zu parts %zu %s missing: %s; name %s too", folder,
                             sweep->whole.of, count, count == 1 ? "is" : "are", missing,
                             count == 1 ? "its folder" : "their folders");
    const char *differs = ll_parts_difference(&sweep->whole, &other->whole, &here, &there);
    return ll_merge_lack(
        merge,
        "%s: of its sweep's %zu parts %zu %s missing: %s; %s is of another sweep: its %s is %s, not %s",
        folder, sweep->whole.of, count, count == 1 ? "is" : "are", missing,
        merge->inputs[other->input].folder, differs, there, here);
}

ll_status ll_merge_find_sweeps(ll_merge *merge) {
    for (size_t i = 0; i < merge->count; i++)
        LL_TRY(add_input(merge, i));
    for (size_t i = 0; i < merge->sweep_count; i++)
        LL_TRY(check_whole(merge, i));
    return LL_OK;
}
