/* Added tokens in a text. They are few and short: a sorted list, narrowed byte by byte, is all it takes. */
#include "tokenizer_parts.h"
#include "utf8_char.h"
#include <stdlib.h>
#include <utf8proc.h>

static int compare_texts(const ll_text *left, const ll_text *right) {
    const size_t common = left->length < right->length ? left->length : right->length;
    const int order = memcmp(left->data, right->data, common);
    return order ? order : (left->length > right->length) - (left->length < right->length);
}

typedef struct {
    ll_special special;
    size_t place; /* in the caller's list */
} placed;

static int compare(const void *a, const void *b) {
    const placed *left = a, *right = b;
    const int order = compare_texts(&left->special.text, &right->special.text);
    return order ? order : (left->place > right->place) - (left->place < right->place);
}

/* The first of [low, high) whose byte at depth is byte or more; all are longer than depth and sorted. */
static size_t lower_bound(const ll_special *specials, size_t low, size_t high, size_t depth, unsigned byte) {
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if ((unsigned char)specials[middle].text.data[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

ll_status ll_specials_init(ll_special_set *set, const ll_special *items, size_t count, char *storage,
                           ll_error *error) {
    set->storage = storage;
    set->items = malloc((count + 1) * sizeof *set->items);
    placed *sorted = malloc((count + 1) * sizeof *sorted);
    if (!set->items || !sorted) {
        free(sorted);
        return ll_fail(error, LL_NO_RESOURCE, "no memory for %zu special tokens", count);
    }
    for (size_t i = 0; i < count; i++)
        sorted[i] = (placed){items[i], i};
    qsort(sorted, count, sizeof *sorted, compare);
    for (size_t i = 0; i < count; i++)
        if (!i || compare_texts(&sorted[i - 1].special.text, &sorted[i].special.text) != 0)
            set->items[set->count++] = sorted[i].special;
    free(sorted);
    for (unsigned byte = 0; byte <= 256; byte++)
        set->first[byte] = lower_bound(set->items, 0, set->count, 0, byte);
    return LL_OK;
}

void ll_specials_free(ll_special_set *set) {
    free(set->items);
    free(set->storage);
    *set = (ll_special_set){0};
}

/* The longest special token that text starts with; NULL: none. */
static const ll_special *special_at(const ll_special_set *set, const char *text, size_t length) {
    const ll_special *specials = set->items, *longest = NULL;
    size_t low = set->first[(unsigned char)text[0]];
    size_t high = set->first[(unsigned char)text[0] + 1];
    /* [low, high): the tokens that start with the first depth bytes of text; one of just these bytes comes
     * first. */
    for (size_t depth = 1; low < high; depth++) {
        if (specials[low].text.length == depth)
            longest = &specials[low++];
        if (depth == length)
            break;
        const unsigned byte = (unsigned char)text[depth];
        low = lower_bound(specials, low, high, depth, byte);
        high = lower_bound(specials, low, high, depth, byte + 1);
    }
    return longest;
}

/* The bytes of the character that ends at end. */
static size_t character_before(const char *text, size_t end) {
    size_t bytes = 1;
    while (bytes < end && ((unsigned char)text[end - bytes] & 0xC0) == 0x80)
        bytes++;
    return bytes;
}

static uint32_t code_point(const char *text, size_t bytes) {
    const unsigned char first = (unsigned char)text[0];
    uint32_t value = bytes == 1 ? first : first & (0xFFu >> (bytes + 1));
    for (size_t i = 1; i < bytes; i++)
        value = value << 6 | ((unsigned char)text[i] & 0x3F);
    return value;
}

/* Unicode's White_Space, which has not changed since version 6.3. */
static bool is_space(uint32_t c) {
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
           c == 0x3000;
}

static bool is_space_at(const char *text, size_t bytes) {
    return is_space(code_point(text, bytes));
}

/* What Unicode's \\w holds, but for the circled letters: letters, marks, digits, connectors, joiners. */
static bool is_word_at(const char *text, size_t bytes) {
    const uint32_t c = code_point(text, bytes);
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        return c == 0x200C || c == 0x200D;
    }
}

static bool stands_alone(const char *text, size_t length, size_t start, size_t end) {
    if (start && is_word_at(text + start - character_before(text, start), character_before(text, start)))
        return false;
    return end == length || !is_word_at(text + end, (size_t)ll_utf8_char(text + end, length - end));
}

bool ll_special_next(const ll_special_set *set, const char *text, size_t length, size_t *at, size_t taken,
                     ll_special_match *out) {
    while (set->count && *at < length) {
        const ll_special *special = special_at(set, text + *at, length - *at);
        if (!special) {
            ++*at;
            continue;
        }
        size_t start = *at, end = start + special->text.length;
        *at = end;
        if (special->single_word && !stands_alone(text, length, start, end))
            continue;
        while (special->left_strip && start > taken &&
               is_space_at(text + start - character_before(text, start), character_before(text, start)))
            start -= character_before(text, start);
        for (int step; special->right_strip && (step = ll_utf8_char(text + end, length - end)) > 0 &&
                       is_space_at(text + end, (size_t)step);)
            end += (size_t)step;
        *out = (ll_special_match){start, end, special};
        return true;
    }
    return false;
}
