/* The normalizer, the pre-tokenizer and the post-processor of a tokenizer.json. A component that is not here is refused by
 * its name. */
#include "tokenizer_json.h"
#include <stdio.h>

static ll_status refuse_component(const ll_json_reader *r, const char *place, const char *type,
                                  const char *known) {
    return ll_fail(r->error, LL_BAD_INPUT,
                   "%s: %s is a \"%.60s\", expected one of %s; take another tokenizer", r->name, place, type,
                   known);
}

static ll_status too_many(const ll_json_reader *r, const char *place) {
    return ll_fail(r->error, LL_BAD_INPUT,
                   "%s: %s is one step too many, expected at most %d; take a simpler tokenizer", r->name,
                   place, LL_STEPS);
}

/* Reads the components of a Sequence one after the other. */
static ll_status read_sequence(const ll_json_reader *r, const json_t *sequence, const char *place,
                               const char *key,
                               ll_status (*read)(const ll_json_reader *, const json_t *, const char *)) {
    const json_t *list;
    LL_TRY(ll_json_check_keys(r, sequence, place, (const char *const[]){"type", key, NULL}));
    LL_TRY(ll_json_get_array(r, sequence, place, key, &list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        char inner[LL_JSON_PLACE];
        snprintf(inner, sizeof inner, "%.80s.%s[%zu]", place, key, i);
        if (!json_is_object(json_array_get(list, i)))
            return ll_fail(r->error, LL_BAD_INPUT, "%s: %s is %s, expected an object; the file is damaged",
                           r->name, inner, ll_json_show(json_array_get(list, i)).text);
        LL_TRY(read(r, json_array_get(list, i), inner));
    }
    return LL_OK;
}

/* A pattern is {"String": text} or {"Regex": text}. */
static ll_status read_pattern(const ll_json_reader *r, const json_t *component, const char *place,
                              ll_text *out, bool *is_regex) {
    const json_t *pattern = json_object_get(component, "pattern");
    char inner[LL_JSON_PLACE];
    snprintf(inner, sizeof inner, "%.100s.pattern", place);
    LL_TRY(ll_json_check_keys(r, pattern, inner, (const char *const[]){"String", "Regex", NULL}));
    *is_regex = json_object_get(pattern, "Regex");
    return ll_json_get_text(r, pattern, inner, *is_regex ? "Regex" : "String", out);
}

/* ---- normalizer ---- */

enum { ADDED_MAX = 16 }; /* bytes that a step may put in a text: a mark or two */

static ll_status check_added(const ll_json_reader *r, const char *place, ll_text added) {
    if (added.length <= ADDED_MAX)
        return LL_OK;
    return ll_fail(r->error, LL_BAD_INPUT,
                   "%s: %s puts %zu bytes into a text, expected at most %d; take another tokenizer", r->name,
                   place, added.length, ADDED_MAX);
}

static ll_status read_replace(const ll_json_reader *r, const json_t *step, const char *place) {
    ll_text pattern, content;
    bool is_regex;
    LL_TRY(ll_json_check_keys(r, step, place, (const char *const[]){"type", "pattern", "content", NULL}));
    LL_TRY(read_pattern(r, step, place, &pattern, &is_regex));
    LL_TRY(ll_json_get_text(r, step, place, "content", &content));
    LL_TRY(check_added(r, place, content));
    if (is_regex || !pattern.length)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: %s.pattern is %s, expected a String that is not empty; take another tokenizer",
                       r->name, place, is_regex ? "a Regex" : "empty");
    r->tokenizer->marks_spaces |= ll_text_is(pattern, " ") && ll_text_is(content, LL_SPACE_MARK);
    return ll_normal_add(r->tokenizer, LL_NORMAL_REPLACE, pattern, content, r->error);
}

static ll_status read_prepend(const ll_json_reader *r, const json_t *step, const char *place) {
    ll_text text;
    LL_TRY(ll_json_check_keys(r, step, place, (const char *const[]){"type", "prepend", NULL}));
    LL_TRY(ll_json_get_text(r, step, place, "prepend", &text));
    LL_TRY(check_added(r, place, text));
    return ll_normal_add(r->tokenizer, LL_NORMAL_PREPEND, text, (ll_text){"", 0}, r->error);
}

ll_status ll_json_read_normalizer(const ll_json_reader *r, const json_t *normalizer, const char *place) {
    const char *type;
    if (!normalizer || json_is_null(normalizer))
        return LL_OK;
    LL_TRY(ll_json_get_type(r, normalizer, place, &type));
    if (strcmp(type, "Sequence") == 0)
        return read_sequence(r, normalizer, place, "normalizers", ll_json_read_normalizer);
    if (r->tokenizer->normal_count == LL_STEPS)
        return too_many(r, place);
    if (strcmp(type, "Replace") == 0)
        return read_replace(r, normalizer, place);
    if (strcmp(type, "Prepend") == 0)
        return read_prepend(r, normalizer, place);
    if (ll_normal_add_unicode(r->tokenizer, type))
        return ll_json_check_keys(r, normalizer, place, (const char *const[]){"type", NULL});
    return refuse_component(r, place, type, "Sequence, Prepend, Replace, NFC, NFD, NFKC, NFKD");
}

/* ---- pre-tokenizer ---- */

static ll_status add_split(const ll_json_reader *r, const char *place, ll_text pattern, bool is_regex,
                           ll_split_behavior behavior, bool inverted) {
    ll_pre_step *step = ll_pre_add(r->tokenizer, LL_PRE_SPLIT);
    if (!step)
        return too_many(r, place);
    step->behavior = behavior;
    step->inverted = inverted;
    char full[2 * LL_JSON_PLACE];
    snprintf(full, sizeof full, "%.120s: %.100s", r->name, place);
    return is_regex ? ll_pattern_compile(&step->pattern, pattern, full, r->error)
                    : ll_pattern_literal(&step->pattern, pattern, full, r->error);
}

static ll_status read_split(const ll_json_reader *r, const json_t *pre, const char *place) {
    static const char *const behaviors[] = {[LL_SPLIT_ISOLATED] = "Isolated",
                                            [LL_SPLIT_REMOVED] = "Removed",
                                            [LL_SPLIT_WITH_PREVIOUS] = "MergedWithPrevious",
                                            [LL_SPLIT_WITH_NEXT] = "MergedWithNext",
                                            [LL_SPLIT_CONTIGUOUS] = "Contiguous"};
    enum { BEHAVIORS = sizeof behaviors / sizeof *behaviors };
    ll_text pattern, name;
    bool is_regex, inverted;
    LL_TRY(ll_json_check_keys(r, pre, place,
                              (const char *const[]){"type", "pattern", "behavior", "invert", NULL}));
    LL_TRY(read_pattern(r, pre, place, &pattern, &is_regex));
    LL_TRY(ll_json_get_text(r, pre, place, "behavior", &name));
    LL_TRY(ll_json_get_flag(r, pre, place, "invert", false, &inverted));
    int behavior = 0;
    while (behavior < BEHAVIORS && !ll_text_is(name, behaviors[behavior]))
        behavior++;
    if (behavior == BEHAVIORS)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: %s.behavior is \"%.*s\", expected Isolated, Removed, MergedWithPrevious, MergedWithNext or "
            "Contiguous; the file is damaged",
            r->name, place, LL_QUOTED(name));
    return add_split(r, place, pattern, is_regex, (ll_split_behavior)behavior, inverted);
}

static ll_status read_digits(const ll_json_reader *r, const json_t *pre, const char *place) {
    bool individual;
    LL_TRY(ll_json_check_keys(r, pre, place, (const char *const[]){"type", "individual_digits", NULL}));
    LL_TRY(ll_json_get_flag(r, pre, place, "individual_digits", false, &individual));
    const char *pattern = individual ? "\\p{N}" : "\\p{N}+";
    return add_split(r, place, (ll_text){pattern, strlen(pattern)}, true, LL_SPLIT_ISOLATED, false);
}

static ll_status read_byte_level(const ll_json_reader *r, const json_t *pre, const char *place) {
    bool space, regex;
    LL_TRY(ll_json_check_keys(
        r, pre, place, (const char *const[]){"type", "add_prefix_space", "trim_offsets", "use_regex", NULL}));
    LL_TRY(ll_json_get_flag(r, pre, place, "add_prefix_space", true, &space));
    LL_TRY(ll_json_get_flag(r, pre, place, "use_regex", true, &regex));
    r->tokenizer->byte_level = true;
    if (space && !ll_pre_add(r->tokenizer, LL_PRE_SPACE))
        return too_many(r, place);
    return regex ? add_split(r, place, (ll_text){ll_pattern_gpt2, strlen(ll_pattern_gpt2)}, true,
                             LL_SPLIT_ISOLATED, false)
                 : LL_OK;
}

/* prepend_scheme, or what older files say: add_prefix_space. */
static ll_status read_scheme(const ll_json_reader *r, const json_t *pre, const char *place, ll_prepend *out) {
    bool space;
    ll_text name = {"always", 6};
    LL_TRY(ll_json_get_flag(r, pre, place, "add_prefix_space", true, &space));
    *out = space ? LL_PREPEND_ALWAYS : LL_PREPEND_NEVER;
    if (!json_object_get(pre, "prepend_scheme"))
        return LL_OK;
    LL_TRY(ll_json_get_text(r, pre, place, "prepend_scheme", &name));
    const bool never = ll_text_is(name, "never"), first = ll_text_is(name, "first");
    if (!never && !first && !ll_text_is(name, "always"))
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: %s.prepend_scheme is \"%.*s\", expected always, first or never; the file is damaged",
            r->name, place, LL_QUOTED(name));
    if (!space && !never)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: %s.add_prefix_space is false and prepend_scheme is \"%.*s\", which contradict each other; "
            "the file is damaged",
            r->name, place, LL_QUOTED(name));
    *out = never ? LL_PREPEND_NEVER : first ? LL_PREPEND_FIRST : LL_PREPEND_ALWAYS;
    return LL_OK;
}

static ll_status read_metaspace(const ll_json_reader *r, const json_t *pre, const char *place) {
    ll_text mark;
    ll_prepend prepend;
    bool cuts;
    LL_TRY(ll_json_check_keys(r, pre, place,
                              (const char *const[]){"type", "replacement", "add_prefix_space",
                                                    "prepend_scheme", "split", "str_rep", NULL}));
    LL_TRY(ll_json_get_text(r, pre, place, "replacement", &mark));
    if (!ll_text_is(mark, LL_SPACE_MARK))
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: %s.replacement is \"%.*s\", expected \"" LL_SPACE_MARK
                       "\"; take another tokenizer",
                       r->name, place, LL_QUOTED(mark));
    LL_TRY(read_scheme(r, pre, place, &prepend));
    LL_TRY(ll_json_get_flag(r, pre, place, "split", true, &cuts));
    ll_pre_step *step = ll_pre_add(r->tokenizer, LL_PRE_METASPACE);
    if (!step)
        return too_many(r, place);
    step->prepend = prepend;
    r->tokenizer->marks_spaces = true;
    return cuts ? add_split(r, place, mark, false, LL_SPLIT_WITH_NEXT, false) : LL_OK;
}

ll_status ll_json_read_pre(const ll_json_reader *r, const json_t *pre, const char *place) {
    const char *type;
    if (!pre || json_is_null(pre))
        return LL_OK;
    LL_TRY(ll_json_get_type(r, pre, place, &type));
    if (strcmp(type, "Sequence") == 0)
        return read_sequence(r, pre, place, "pretokenizers", ll_json_read_pre);
    if (r->tokenizer->byte_level)
        return ll_fail(r->error, LL_BAD_INPUT,
                       "%s: %s comes after a ByteLevel, expected nothing there; take another tokenizer",
                       r->name, place);
    if (strcmp(type, "Split") == 0)
        return read_split(r, pre, place);
    if (strcmp(type, "Digits") == 0)
        return read_digits(r, pre, place);
    if (strcmp(type, "ByteLevel") == 0)
        return read_byte_level(r, pre, place);
    if (strcmp(type, "Metaspace") == 0)
        return read_metaspace(r, pre, place);
    return refuse_component(r, place, type, "Sequence, Split, Digits, ByteLevel, Metaspace");
}

/* ---- post-processor ---- */

/* The id of special token name in a template. */
static ll_status read_special(const ll_json_reader *r, const json_t *post, const char *place,
                              const json_t *special, int32_t *out) {
    ll_text name;
    LL_TRY(ll_json_get_text(r, special, place, "id", &name));
    const json_t *entry = json_object_get(json_object_get(post, "special_tokens"), name.data);
    const json_t *ids = json_object_get(entry, "ids");
    const json_int_t id = json_array_size(ids) == 1 && json_is_integer(json_array_get(ids, 0))
                              ? json_integer_value(json_array_get(ids, 0))
                              : -1;
    if (id < 0)
        return ll_fail(
            r->error, LL_BAD_INPUT,
            "%s: %s.special_tokens has no single id for \"%.*s\", expected one; the file is damaged", r->name,
            place, LL_QUOTED(name));
    return ll_vocab_check_id(r->tokenizer, r->name, "an id of post_processor.special_tokens", (int64_t)id,
                             out, r->error);
}

/* One token may go before the text; what the template puts after it (an EOS) is left to the caller, who never wants it. */
static ll_status read_template(const ll_json_reader *r, const json_t *post, const char *place,
                               int32_t *first) {
    const json_t *single;
    LL_TRY(ll_json_check_keys(r, post, place,
                              (const char *const[]){"type", "single", "pair", "special_tokens", NULL}));
    LL_TRY(ll_json_get_array(r, post, place, "single", &single));
    for (size_t i = 0; i < json_array_size(single); i++) {
        const json_t *part = json_array_get(single, i), *special = json_object_get(part, "SpecialToken");
        if (json_object_get(part, "Sequence"))
            return LL_OK;
        if (!special || i)
            return ll_fail(
                r->error, LL_BAD_INPUT,
                "%s: %s.single[%zu] is %s, expected at most one SpecialToken and then the Sequence; take "
                "another tokenizer",
                r->name, place, i, special ? "a second SpecialToken" : "something else");
        LL_TRY(read_special(r, post, place, special, first));
    }
    return ll_fail(r->error, LL_BAD_INPUT, "%s: %s.single has no Sequence, expected one; the file is damaged",
                   r->name, place);
}

ll_status ll_json_read_post(const ll_json_reader *r, const json_t *post, const char *place, int32_t *first) {
    const char *type;
    if (!post || json_is_null(post))
        return LL_OK;
    LL_TRY(ll_json_get_type(r, post, place, &type));
    if (strcmp(type, "ByteLevel") == 0) /* about offsets only */
        return LL_OK;
    if (strcmp(type, "TemplateProcessing") == 0)
        return read_template(r, post, place, first);
    if (strcmp(type, "Sequence") != 0)
        return refuse_component(r, place, type, "Sequence, TemplateProcessing, ByteLevel");
    const json_t *list;
    LL_TRY(ll_json_get_array(r, post, place, "processors", &list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        char inner[LL_JSON_PLACE];
        snprintf(inner, sizeof inner, "%.80s.processors[%zu]", place, i);
        LL_TRY(ll_json_read_post(r, json_array_get(list, i), inner, first));
    }
    return LL_OK;
}
