/* What is made of records: templates, regular expressions as Python's; and Python's random numbers. */
#include "eval/python_random.h"
#include "eval/regex.h"
#include "test.h"
#include "toy_task.h"

#include <stdlib.h>
#include <string.h>

static ll_error error;

/* ---- templates ---- */

static const char *const record =
    "{'name':'A_b "
    "c','n':-7,'big':9007199254740993,'real':0.1,'whole':2.0,'yes':true,'no':false,'null':null,'empty':'',"
    "'list':[{'t':'x','l':'A'},{'t':'','l':'B'}],'words':['one','two'],'object':{'a':{'b':['u','v']}},"
    "'white':' \\u00a0\\u3000\\u2028\\u001c\\u0085x y\\u2009\\ufeff \\n','only':' \\t\\u2003',"
    "'case':'\\u00e9COLE \\u00c0 \\u0130','digraph':'\\u01c6AB','gap':'a _ b _ c'}";

static void test_template(void) {
    static const char *const cases[][2] = {
        {"", ""},
        {"no field } {", "no field } {"},
        {"{{name}}", "A_b c"},
        {"<{{n}}|{{yes}}|{{no}}|{{big}}>", "<-7|true|false|9007199254740993>"},
        {"{{real}} {{whole}}", "0.1 2.0"},
        {"{{empty}}{{empty|strip}}{{empty|capitalize}}{{empty|words}}", ""},
        {"{{object.a.b[1]}}{{object.a.b[0]}}", "vu"},
        {"{{list[0].t}}-{{list[1].l}}-{{words[1]}}", "x-B-two"},
        {"a_{{name|words}}_z", "a_A b c_z"},
        {" {{white|strip}} ", " x y\u2009\ufeff "},
        {"[{{only|strip}}]", "[]"},
        {"X {{case|capitalize}}", "X \u00c9cole \u00e0 i"},
        {"{{digraph|capitalize}}", "\u01c5ab"},
        {"{{name|capitalize|words}}", "A b c"},
        {"{{gap|before:_}}|{{gap|after:_}}", "a | b _ c"},
        {"{{gap|after:_|strip|after: |before:c}}!", "_ !"},
        {"{{gap|before:a}}", ""},
        {"a_{{name|after:_}}", "a_b c"}, /* what stood before is not searched */
        {"{{name}}}}", "A_b c}}"},
        {"}} {{name}}", "}} A_b c"},
        {"\u00e9{{words[0]}}\u20ac", "\u00e9one\u20ac"},
    };
    json_t *document = ll_toy_json(record);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ll_string out = {0};
        error.text[0] = 0;
        CHECK_MSG(ll_template_render(cases[i][0], document, &out, &error) == LL_OK, "%s: %s", cases[i][0],
                  error.text);
        CHECK_MSG(out.data && strcmp(out.data, cases[i][1]) == 0 && out.length == strlen(cases[i][1]),
                  "%s became \"%s\"", cases[i][0], out.data);
        ll_string_free(&out);
    }
    json_decref(document);
}

static void test_template_refused(void) {
    static const char *const cases[][2] = {
        {"a {{missing}}", "there is no field \"missing\""},
        {"{{Name}}", "there is no field \"Name\""},
        {"{{}}", "field \"\" holds no text"},
        {"{{list}}", "field \"list\" holds no text"},
        {"{{object|strip}}", "field \"object\" holds no text"},
        {"{{null}}", "field \"null\" holds no text"},
        {"{{words[2]}}", "there is no field \"words[2]\""},
        {"{{words[99999999999999999999]}}", "there is no field"},
        {"{{words[-1]}}", "there is no field"},
        {"{{words[1}}", "there is no field"},
        {"{{words[1}}]", "there is no field"},
        {"{{words[]}}", "there is no field"},
        {"{{name[0]}}", "there is no field"},
        {"{{name.x}}", "there is no field"},
        {"{{object..a}}", "there is no field"},
        {"{{object.a.}}", "there is no field"},
        {"ok {{name", "\"{{\" without \"}}\": \"{{name\""},
        {"{{name} }", "\"{{\" without \"}}\""},
        {"{{name|upper}}", "no filter is called \"upper\"; there are strip, capitalize"},
        {"{{name|}}", "no filter is called \"\""},
        {"{{name|Strip}}", "no filter is called \"Strip\""},
        {"{{name|strip:x}}", "no filter is called \"strip:x\""},
        {"{{gap|before:!}}", "the text has no \"!\": \"a _ b _ c\""},
        {"a!{{gap|after:!}}", "the text has no \"!\""},
        {"{{gap|after:}}", "the text has no \"\""},
    };
    json_t *document = ll_toy_json(record);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ll_string out = {0};
        error.text[0] = 0;
        CHECK_MSG(ll_template_render(cases[i][0], document, &out, &error) == LL_BAD_INPUT, "%s was accepted",
                  cases[i][0]);
        CHECK_CONTAINS(error.text, cases[i][1]);
        ll_string_free(&out);
    }
    json_decref(document);
}

/* Names of fields as long as there is room for, and longer. */
static void test_long_names(void) {
    for (size_t length = 127; length <= 129; length++) {
        char name[130] = "", template[140];
        memset(name, 'n', length);
        json_t *document = json_pack("{s:s}", name, "value");
        ll_string out = {0};
        snprintf(template, sizeof template, "{{%s}}", name);
        const ll_status status = ll_template_render(template, document, &out, &error);
        CHECK(status == (length < 128 ? LL_OK : LL_BAD_INPUT));
        ll_string_free(&out);
        json_decref(document);
    }
}

/* list: JSON with ' for "; expected: texts joined by '|', or the sentence where it is refused. */
static void check_list(const char *list, const char *expected, ll_status wanted) {
    json_t *document = ll_toy_json(record), *json = ll_toy_json(list);
    ll_string *out;
    size_t count = 77;
    char joined[256] = "";
    error.text[0] = 0;
    const ll_status status = ll_template_list(json, document, &out, &count, &error);
    CHECK_MSG(status == wanted, "%s: %s", list, error.text);
    for (size_t i = 0; status == LL_OK && i < count; i++)
        snprintf(joined + strlen(joined), 64, "%s%s", i ? "|" : "", out[i].data);
    if (status == LL_OK) {
        CHECK_MSG(strcmp(joined, expected) == 0, "%s became %s", list, joined);
        ll_strings_free(out, count);
    } else {
        CHECK_CONTAINS(error.text, expected);
        CHECK(!out);
    }
    json_decref(document);
    json_decref(json);
}

static void test_template_list(void) {
    check_list("['a','{{n}}','{{name|words}}']", "a|-7|A b c", LL_OK);
    check_list("'list[].t'", "x|", LL_OK);
    check_list("'list[].l'", "A|B", LL_OK);
    check_list("'words[]'", "one|two", LL_OK);
    check_list("'object.a.b[]'", "u|v", LL_OK);
    check_list("'list[].q'", "there is no field \".q\"", LL_BAD_INPUT);
    check_list("'list[]'", "holds no text", LL_BAD_INPUT);
    check_list("'words[][]'", "there is no field", LL_BAD_INPUT);
    check_list("'name[]'", "there is no list \"name[]\"", LL_BAD_INPUT);
    check_list("'nothing[].x'", "there is no list", LL_BAD_INPUT);
    check_list("'words'", "there is no list \"words\"", LL_BAD_INPUT);
    check_list("['a','{{missing}}']", "there is no field", LL_BAD_INPUT);
}

/* ---- regular expressions: what Python 3.11's re.sub and re.findall give ---- */

static void test_replace(void) {
    static const char *const cases[][4] = {
        {"x*", "-", "abxd", "-a-b--d-"},
        {"a*?", "-", "aa", "-----"}, /* an empty match, then one that is not empty at the same place */
        {"|a", "-", "ab", "---b-"},
        {"a|(?<=a)", "-", "aab", "---b"},
        {"\\b", "|", "ab cd", "|ab| |cd|"},
        {"^\\s+|\\s+$", "", " \u00a0a b\u3000\n", "a b"},
        {"(?m)^", ">", "a\nb", ">a\n>b"},
        {"^a", "-", "aaa", "-aa"},
        {"$", "!", "a\n", "a!\n!"},
        {"\u00e9", "e", "caf\u00e9\u00e9", "cafee"},
        {"", "-", "\u00e9\u20ac\U0001f600", "-\u00e9-\u20ac-\U0001f600-"},
        {"", "-", "", "-"},
        {"\\[.*?\\]", "", "a[b]c[d\ne]f", "ac[d\ne]f"},
        {"(a)|b", "<", "cab", "c<<"},
        {"\\d", "#", "1\u0663x", "##x"},
        {"(?<=a)b", "-", "abab", "a-a-"},
        {"\\$", "", "$1$", "1"},
        {"a", "\\1$0", "a", "\\1$0"},
        {"\\w+", "W", "na\u00efve \u00e9t\u00e9_1", "W W"},
        {"(?i)\u00c9", "e", "\u00e9\u00c9", "ee"},
        {"q", "r", "abc", "abc"},
        {"  ", " ", "a   b", "a  b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ll_regex *regex;
        ll_string text = {0};
        REQUIRE(ll_regex_compile(&regex, cases[i][0], &error) == LL_OK);
        REQUIRE(ll_string_append(&text, cases[i][2], strlen(cases[i][2]), &error) == LL_OK);
        CHECK_MSG(ll_regex_replace(regex, &text, cases[i][1], &error) == LL_OK, "%s", error.text);
        CHECK_MSG(strcmp(text.data, cases[i][3]) == 0 && text.length == strlen(cases[i][3]),
                  "\"%s\" in \"%s\": found \"%s\"", cases[i][0], cases[i][2], text.data);
        ll_string_free(&text);
        ll_regex_free(regex);
    }
}

static void test_find(void) {
    static const char *const cases[][4] = {
        /* pattern, text, first, last; NULL: none */
        {"(-?[$0-9.,]{2,})|(-?[0-9]+)", "a 7 and $1,234.50 or 8", "7", "8"},
        {"(-?[$0-9.,]{2,})|(-?[0-9]+)", "a -7 and $1,234.50.", "-7", "$1,234.50."},
        {"#### (\\-?[0-9\\.\\,]+)", "#### 12 #### -3,4.", "12", "-3,4."},
        {"#### (\\-?[0-9\\.\\,]+)", "##### x", NULL, NULL},
        {"a(b)?(c)?", "ac a abc", "c", "b"},
        {"(x)?(y)?", "xy", "x", NULL}, /* the last match is empty */
        {"x*", "aax", NULL, NULL},
        {"(a*)", "b", NULL, NULL},
        {"\u00e9+", "\u00e9\u00e9 e\u00e9", "\u00e9\u00e9", "\u00e9"},
        {"b.", "abcbd", "bc", "bd"},
        {"a*?", "aa", NULL, NULL},
        {"", "", NULL, NULL},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const char *const *c = cases[i / 2], *expected = c[2 + i % 2];
        ll_regex *regex;
        ll_string text = {0}, out = {0};
        bool found = !expected;
        REQUIRE(ll_regex_compile(&regex, c[0], &error) == LL_OK);
        REQUIRE(ll_string_append(&text, c[1], strlen(c[1]), &error) == LL_OK);
        CHECK_MSG(ll_regex_find(regex, &text, i % 2, &out, &found, &error) == LL_OK, "%s", error.text);
        CHECK_MSG(found == (expected != NULL) && (!expected || strcmp(out.data, expected) == 0),
                  "\"%s\" in \"%s\": found \"%s\"", c[0], c[1], out.data ? out.data : "(nothing)");
        ll_string_free(&text);
        ll_string_free(&out);
        ll_regex_free(regex);
    }
}

static ll_string repeated(const char *part, size_t times, const char *end) {
    ll_string text = {0};
    for (size_t i = 0; i < times; i++)
        CHECK(ll_string_append(&text, part, strlen(part), &error) == LL_OK);
    CHECK(ll_string_append(&text, end, strlen(end), &error) == LL_OK);
    return text;
}

static void test_regex_limits(void) {
    ll_regex *regex = (ll_regex *)&error;
    CHECK(ll_regex_compile(&regex, "a(b", &error) == LL_BAD_INPUT);
    CHECK(!regex);
    CHECK_CONTAINS(error.text,
                   "\"a(b\" is no regular expression: missing closing parenthesis (at character 3)");
    CHECK(ll_regex_compile(&regex, "\xff", &error) == LL_BAD_INPUT);
    CHECK(ll_regex_compile(&regex, "a\\C", &error) == LL_BAD_INPUT); /* half a character */
    ll_regex_free(NULL);
    /* Ways without end to match: a sentence, in the time of some seconds. */
    REQUIRE(ll_regex_compile(&regex, "(a+)+$", &error) == LL_OK);
    ll_string text = repeated("a", 60, "b"), out = {0};
    bool found;
    CHECK(ll_regex_replace(regex, &text, "", &error) == LL_BAD_INPUT);
    CHECK_CONTAINS(error.text, "a regular expression fails on \"aaaa");
    CHECK_CONTAINS(error.text, "match limit exceeded");
    CHECK(text.length == 61);
    CHECK(ll_regex_find(regex, &text, false, &out, &found, &error) == LL_BAD_INPUT);
    ll_string_free(&text);
    ll_regex_free(regex);
    /* A long text is none of these, however much a pattern has to remember on its way. */
    REQUIRE(ll_regex_compile(&regex, "(?:(\\w)\\w* ?)*", &error) == LL_OK);
    text = repeated("word ", 20000, ".");
    CHECK_MSG(ll_regex_replace(regex, &text, "", &error) == LL_OK, "%s", error.text);
    CHECK_MSG(strcmp(text.data, ".") == 0, "found %.20s", text.data);
    ll_string_free(&text);
    ll_regex_free(regex);
    /* Nor are many matches: the time grows with the text alone. */
    REQUIRE(ll_regex_compile(&regex, "ab", &error) == LL_OK);
    text = repeated("ab\u20ac", 200000, "");
    CHECK(ll_regex_replace(regex, &text, "", &error) == LL_OK);
    CHECK(text.length == 600000);
    ll_string_free(&text);
    ll_regex_free(regex);
}

/* ---- Python's random numbers: of Python 3.11 ---- */

static void test_bits(void) {
    static const struct {
        uint64_t seed;
        uint32_t values[7]; /* of 32, 32, 32, 1, 5, 7, 31 bits */
    } cases[] = {
        {0, {0xd82c07cd, 0x629f6fbe, 0xc2094cac, 1, 13, 5, 556019485}},
        {1, {0x2265b1f5, 0x91b7584a, 0xd8f16adf, 1, 24, 8, 547756574}},
        {1234, {0xf7697fb9, 0xc735df5e, 0x70d3da1f, 0, 0, 11, 1956305976}},
        {4294967295, {0xa2a6c909, 0x9e9c04f4, 0x3404e941, 0, 19, 66, 625638275}},
        {4294967296, {0x1ced31d7, 0x59ef8bbc, 0x6af6d506, 1, 0, 2, 1313661828}},
        {4294967303, {0x39baf354, 0xc3f83601, 0x5bcd45f8, 0, 25, 7, 2062349483}},
        {1311768467463790320, {0xd95c3778, 0x966797a8, 0xf705f036, 1, 28, 60, 1004027199}},
        {UINT64_MAX, {0x5965e7e, 0x3faff328, 0x568d6a40, 1, 6, 58, 1320973025}},
    };
    static const unsigned bits[7] = {32, 32, 32, 1, 5, 7, 31};
    ll_python_random random;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ll_python_random_seed(&random, cases[i].seed);
        for (size_t k = 0; k < 7; k++) {
            const uint32_t found = ll_python_random_bits(&random, bits[k]);
            CHECK_MSG(found == cases[i].values[k], "case %zu, number %zu: %u", i, k, found);
        }
    }
    ll_python_random_seed(&random, 1234);
    for (size_t i = 0; i < 1999; i++)
        (void)ll_python_random_bits(&random, 32);
    CHECK(ll_python_random_bits(&random, 32) == 0x3490c51a &&
          ll_python_random_bits(&random, 32) == 0x214977b6);
}

/* The first and the second draw of a generator; without a second the first is all there is to know. */
static void test_sample(void) {
    static const struct {
        uint64_t seed;
        size_t n, k, first[11], second[11];
    } cases[] = {
        {1234, 5, 0, {0}, {0}},
        {1234, 1, 1, {0}, {0}},
        {1234, 6, 6, {3, 0, 4, 5, 2, 1}, {0, 2, 1, 5, 4, 3}},
        {1234, 21, 5, {14, 3, 0, 2, 1}, {2, 3, 11, 7, 0}}, /* the pool up to here, then the set */
        {1234, 22, 5, {14, 3, 0, 2, 18}, {1, 21, 2, 3, 11}},
        {1234, 85, 6, {56, 14, 0, 11, 74, 4}, {10, 12, 45, 30, 2, 3}},
        {1234, 86, 6, {56, 14, 0, 11, 74, 4}, {85, 10, 12, 45, 30, 2}},
        {1234, 40, 10, {28, 7, 0, 5, 2, 36, 6, 22, 15, 37}, {1, 39, 22, 30, 29, 9, 5, 11, 7, 27}},
        {1234,
         10042,
         11,
         {7220, 1914, 122, 1485, 9539, 572, 1375, 1612, 5810, 3879, 285},
         {504, 259, 5670, 7933, 7594, 2433, 1495, 2999, 1874, 239, 8242}},
        {7,
         4000000000,
         4,
         {1390851128, 647892279, 1695753998, 2795742288},
         {207388624, 311111475, 3527346212, 2301595691}},
    };
    static size_t pool[10042];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ll_python_random random;
        size_t out[11];
        ll_python_random_seed(&random, cases[i].seed);
        ll_python_random_sample(&random, cases[i].n, cases[i].k, out, pool);
        CHECK_MSG(memcmp(out, cases[i].first, cases[i].k * sizeof *out) == 0, "case %zu: other numbers", i);
        ll_python_random_sample(&random, cases[i].n, cases[i].k, out, pool);
        CHECK_MSG(memcmp(out, cases[i].second, cases[i].k * sizeof *out) == 0, "case %zu: then others", i);
    }
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("task text/template", test_template);
    ll_test_run("task text/template refused", test_template_refused);
    ll_test_run("task text/long names", test_long_names);
    ll_test_run("task text/template list", test_template_list);
    ll_test_run("task text/re.sub", test_replace);
    ll_test_run("task text/re.findall", test_find);
    ll_test_run("task text/regex limits", test_regex_limits);
    ll_test_run("task text/getrandbits", test_bits);
    ll_test_run("task text/sample", test_sample);
    return ll_test_end();
}
