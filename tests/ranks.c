#include "ranks.h"
#include "hash.h"
#include "test.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN = 256 };

typedef struct {
    char bytes[TOKEN];
    size_t length;
} token;

typedef struct {
    token *tokens; /* rank -> token */
    size_t count;
    ll_map by_text;
} ranks;

static const char special[][32] = {
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|reserved_special_token_0|>",
    "<|reserved_special_token_1|>",
    "<|finetune_right_pad_id|>",
    "<|step_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eom_id|>",
    "<|eot_id|>",
    "<|python_tag|>",
};

static int base64_digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *place = c ? strchr(digits, c) : NULL;
    return place ? (int)(place - digits) : -1;
}

/* What stands before a space, as bytes; false: no base64, or too long. */
static bool read_token(const char *text, token *out) {
    unsigned bits = 0, held = 0;
    *out = (token){0};
    for (; *text != ' ' && *text != '='; text++) {
        const int digit = base64_digit(*text);
        if (digit < 0 || out->length == TOKEN)
            return false;
        bits = (bits << 6 | (unsigned)digit) & 0xFFFF;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out->bytes[out->length++] = (char)(bits >> held);
        }
    }
    return out->length > 0;
}

static bool read_ranks(ranks *out, char *text) {
    size_t lines = 0;
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    out->tokens = calloc(lines + 1, sizeof *out->tokens);
    if (!out->tokens || !ll_map_init(&out->by_text, lines + 1))
        return false;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        const char *space = strchr(line, ' ');
        token *t = &out->tokens[out->count];
        if (!space || strtoull(space, NULL, 10) != out->count || !read_token(line, t))
            return false;
        ll_map_add(&out->by_text, ll_map_text_key(&out->by_text, t->bytes, t->length),
                   (uint32_t)out->count++);
    }
    return out->count > 256;
}

static uint32_t find(const ranks *r, const char *bytes, size_t length) {
    const uint64_t key = ll_map_text_key(&r->by_text, bytes, length);
    size_t cursor = 0;
    uint32_t rank;
    while ((rank = ll_map_next(&r->by_text, key, &cursor)) != LL_MAP_NONE)
        if (r->tokens[rank].length == length && memcmp(r->tokens[rank].bytes, bytes, length) == 0)
            return rank;
    return LL_MAP_NONE;
}

/* In the alphabet of byte-level vocabularies. */
static const char *spell(const char *bytes, size_t length, char out[2 * TOKEN + 1]) {
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned byte = (unsigned char)bytes[i];
        /* Those that print stand for themselves; the others follow U+00FF in their order. */
        const unsigned character = byte <= ' '                    ? 256 + byte
                                   : byte >= 0x7F && byte <= 0xA0 ? 256 + 33 + byte - 0x7F
                                   : byte == 0xAD                 ? 256 + 67
                                                                  : byte;
        if (character >= 0x80)
            out[used++] = (char)(0xC0 | character >> 6);
        out[used++] = (char)(character >= 0x80 ? 0x80 | (character & 0x3F) : character);
    }
    out[used] = '\0';
    return out;
}

/* The ways to make token rank of two others, by the ranks of the left ones and then of the right ones. */
static void add_merges(const ranks *r, size_t rank, json_t *merges) {
    const token *t = &r->tokens[rank];
    uint32_t left[TOKEN];
    size_t cuts[TOKEN], count = 0;
    char a[2 * TOKEN + 1], b[2 * TOKEN + 1];
    for (size_t cut = 1; cut < t->length; cut++) {
        const uint32_t l = find(r, t->bytes, cut), right = find(r, t->bytes + cut, t->length - cut);
        if (l == LL_MAP_NONE || right == LL_MAP_NONE)
            continue;
        size_t at = count++; /* two cuts of a token never have the same left side */
        for (; at && left[at - 1] > l; at--) {
            left[at] = left[at - 1];
            cuts[at] = cuts[at - 1];
        }
        left[at] = l;
        cuts[at] = cut;
    }
    for (size_t i = 0; i < count; i++)
        json_array_append_new(merges, json_pack("[ss]", spell(t->bytes, cuts[i], a),
                                                spell(t->bytes + cuts[i], t->length - cuts[i], b)));
}

static json_t *make(const ranks *r) {
    json_t *vocab = json_object(), *merges = json_array(), *added = json_array();
    char spelled[2 * TOKEN + 1];
    for (size_t rank = 0; rank < r->count; rank++) {
        json_object_set_new(vocab, spell(r->tokens[rank].bytes, r->tokens[rank].length, spelled),
                            json_integer((json_int_t)rank));
        add_merges(r, rank, merges);
    }
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        json_array_append_new(added, json_pack("{sI, ss, sb}", "id", (json_int_t)(r->count + i), "content",
                                               special[i], "special", 1));
    return json_pack(
        "{so, s{ss, s[{ss, s{ss}, ss, sb}, {ss, sb, sb}]}, s{ss, sb, so, so}}", "added_tokens", added,
        "pre_tokenizer", "type", "Sequence", "pretokenizers", "type", "Split", "pattern", "Regex",
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
        "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
        "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "behavior", "Isolated", "invert", 0, "type", "ByteLevel", "add_prefix_space", 0, "use_regex", 0,
        "model", "type", "BPE", "ignore_merges", 1, "vocab", vocab, "merges", merges);
}

char *ll_ranks_to_json(const char *path) {
    char *text = ll_test_read(path, &(size_t){0}), *out = NULL;
    ranks r = {0};
    if (text && read_ranks(&r, text)) {
        json_t *root = make(&r);
        out = json_dumps(root, JSON_COMPACT);
        json_decref(root);
    }
    if (text && !out)
        ll_test_fail(__FILE__, __LINE__, "%s: line %zu is no \"base64 rank\"", path, r.count + 1);
    ll_map_free(&r.by_text);
    free(r.tokens);
    free(text);
    return out;
}
