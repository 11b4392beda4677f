/* The questions of a task as token sequences; what is refused. */
#include "test.h"
#include "toy_task.h"

#include <stdlib.h>
#include <string.h>

static ll_error error;

/* A task with more keys behind those that all have. */
#define TOY(more)                                                                                            \
    "{'task':'toy','questions':['q.jsonl','q.csv'],'shots_from':['s.jsonl'],'doc_to_text':'Q{{q}}',"         \
    "'doc_to_target':'{{k}}','fewshot_delimiter':';','metric':'acc'" more "}"
#define XY ",'doc_to_choice':['x','y'],'targets':['0','1']"

static void ask(ll_toy_asked *out, const char *definition) {
    ll_toy_ask(out, definition, "llama2", NULL);
}

/* ---- tokens ---- */

/* "CONTEXT CONTINUATION: ids", what was there before left as it was. */
static void check_pair(const ll_tokenizer *tokenizer, const char *context, const char *continuation,
                       const char *expected) {
    char text[128], found[800];
    ll_ids ids = {0};
    size_t before, after;
    snprintf(text, sizeof text, "%s%s", context, continuation);
    CHECK(ll_ids_append(&ids, 77, &error) == LL_OK);
    if (ll_encode_pair(tokenizer, text, strlen(context), strlen(continuation), &ids, &before, &after,
                       &error) != LL_OK) {
        snprintf(found, sizeof found, "%s", error.text);
    } else {
        snprintf(found, sizeof found, "%zu %zu:", before, after);
        for (size_t i = 1; i < ids.count; i++)
            snprintf(found + strlen(found), sizeof found - strlen(found), " %d", ids.data[i]);
        CHECK(ids.data[0] == 77 && ids.count == 1 + before + after);
    }
    CHECK_MSG(strcmp(found, expected) == 0, "(\"%s\", \"%s\") became %s", context, continuation, found);
    ll_ids_free(&ids);
}

/* C01, C03, C05 of the list of bugs of others. The ids are those of the whole text, by vocabulary and merges. */
static void test_pairs(void) {
    ll_tokenizer *t = ll_toy_tokenizer("llama2", NULL);
    if (!t)
        return;
    check_pair(t, "The answer", " is", "6 1: 1 378 361 627 639 264 329"); /* encoded apart: 620 329 */
    check_pair(t, "Q: ", "A", "4 1: 1 620 85 688 331");
    check_pair(t, "Q:", " A", "4 1: 1 620 85 688 331");
    check_pair(t, "Q:\u00a0\n ", "A", "4 4: 1 620 85 688 198 164 646 331");
    check_pair(t, "x", "", "3 0: 1 620 662");
    check_pair(t, "x ", "", "4 0: 1 620 662 620"); /* of a generation white space stays */
    check_pair(t, "", "x", "1 2: 1 620 662");
    check_pair(t, "", "", "1 0: 1");
    check_pair(t, " \n", "x", "1 4: 1 620 620 646 662");
    check_pair(t, "<s>x", " y", "3 1: 1 620 662 306"); /* one BOS, not two */
    check_pair(t, "", "<s>x", "1 2: 1 620 662");
    check_pair(t, "a", "nd", "2 0: 1 261"); /* the whole is one token, as the context */
    ll_tokenizer_destroy(t);
}

/* Without a BOS before each text; the empty context takes one nevertheless, else the EOS. */
static void test_pairs_without_bos(void) {
    ll_tokenizer *bos =
        ll_toy_tokenizer("llama2", "{'add_bos_token':false,'bos_token':'<s>','eos_token':'</s>'}");
    ll_tokenizer *none = ll_toy_tokenizer("digits", NULL);
    ll_tokenizer *eos = ll_toy_tokenizer("characters", "{'eos_token':'whole'}");
    REQUIRE(bos && none && eos);
    CHECK(!ll_tokenizer_adds_bos(bos) && ll_tokenizer_bos(none) < 0 && ll_tokenizer_eos(none) < 0);
    check_pair(bos, "The answer", " is", "5 1: 378 361 627 639 264 329");
    check_pair(bos, "", "x", "1 2: 1 620 662");
    check_pair(bos, "", "<s>x", "1 2: 1 620 662");
    check_pair(bos, " \n", "x", "1 4: 1 620 620 646 662"); /* nothing but white space is empty */
    check_pair(none, "Q: ", "A", "3 1: 220 48 25 329");
    check_pair(none, "", "A", "the context is empty, and the model has neither BOS nor EOS for it");
    check_pair(none, "\t", "A", "the context is empty, and the model has neither BOS nor EOS for it");
    check_pair(eos, "", "x", "1 2: 503 81 74");
    check_pair(eos, "x", " y", "2 1: 81 74 129");
    ll_tokenizer_destroy(bos);
    ll_tokenizer_destroy(none);
    ll_tokenizer_destroy(eos);
}

/* ---- requests ---- */

static void test_choices(void) {
    ll_toy_data("q.jsonl",
                "{'q':' 1 ','k':0,'o':['a','\u00e9\u20ac']}\n\n{'q':'2','k':1,'o':['b','','c']}\n");
    ll_toy_asked a;
    ask(&a, TOY(",'doc_to_choice':'o[]','targets':['0','1'],'description':'D{{q}} ','chance':0.25"));
    CHECK(a.status == LL_BAD_INPUT);
    CHECK_CONTAINS(a.error.text, "/toy/q.jsonl: line 3: choice 2 is empty");
    CHECK(!a.set.requests && !a.set.questions && !a.set.subjects);
    ll_toy_asked_free(&a);
    ll_toy_data("q.jsonl", "{'q':' 1 ','k':0,'o':['a','\u00e9\u20ac']}\n\n{'q':'2','k':1,'o':['b','c']}\n");
    ask(&a, TOY(",'doc_to_choice':'o[]','targets':['0','1'],'description':'D{{q}} '"));
    REQUIRE(a.status == LL_OK && a.set.count == 2 && a.set.request_count == 4);
    const ll_request *r = a.set.requests;
    CHECK(strcmp(r[0].text, "D 1  Q 1  a") == 0 && r[0].text_context == 9);
    CHECK(strcmp(r[1].text, "D 1  Q 1  \u00e9\u20ac") == 0 && r[1].characters == 2 && r[1].bytes == 5);
    CHECK(strcmp(r[3].text, "D2 Q2 c") == 0 && r[3].characters == 1);
    CHECK(a.set.questions[1].first == 2 && a.set.questions[1].requests == 2 && a.set.questions[1].gold == 1);
    CHECK(a.set.questions[1].document == 1 && a.set.questions[1].line == 3 && a.set.questions[0].gold == 0);
    CHECK(a.set.chance == 0.5 && a.set.available == 2 && !a.set.sample && a.set.cut == 0 && a.set.shots == 0);
    size_t longest = 0, all = 0;
    for (size_t i = 0; i < 4; i++) {
        const size_t length = r[i].context + r[i].continuation;
        CHECK(r[i].first == all && r[i].continuation > 0 && ll_request_ids(&a.set, &r[i])[0] == 1);
        all += length;
        longest = length > longest ? length : longest;
    }
    CHECK(a.set.ids.count == all && a.set.asked == all && a.set.longest == longest);
    ll_toy_asked_free(&a);
    ask(&a, TOY(",'doc_to_choice':['x','y','z'],'targets':['1','0','0'],'chance':0.25"));
    REQUIRE(a.status == LL_OK);
    CHECK(a.set.questions[0].gold == 1 && a.set.chance == 0.25); /* the first of equal keys */
    ll_toy_asked_free(&a);
}

/* However a request comes by its tokens, they are those of its own text; also where contexts are alike in part, and where some were cut. */
static void check_tokens(const char *definition, const char *tokenizer, size_t context) {
    const ll_question_options whole = {.context = context, .cut = true, .keep_text = true};
    ll_toy_asked a;
    ll_toy_ask(&a, definition, tokenizer, &whole);
    CHECK_MSG(a.status == LL_OK, "%s", a.error.text);
    for (size_t i = 0; i < a.set.request_count; i++) {
        const ll_request *r = &a.set.requests[i];
        ll_ids ids = {0};
        size_t before, after;
        REQUIRE(ll_encode_pair(a.own, r->text, r->text_context, strlen(r->text) - r->text_context, &ids,
                               &before, &after, &error) == LL_OK);
        const size_t length = r->context + r->continuation, cut = ids.count - length;
        CHECK_MSG(after == r->continuation && before == r->context + cut &&
                      memcmp(ids.data + cut, ll_request_ids(&a.set, r), length * sizeof *ids.data) == 0,
                  "\"%s\" has other tokens", r->text);
        CHECK(cut == 0 || length == context + 1);
        ll_ids_free(&ids);
    }
    ll_toy_asked_free(&a);
}

static void test_tokens(void) {
    static const char *const tokenizers[] = {"llama2", "llama3", "digits"};
    ll_toy_data("q.jsonl", "{'q':'uestion one','k':0}\n{'q':'uestion one','k':0}\n{'q':'uestion on','k':1}\n"
                           "{'q':'uestion two, longer than the others','k':1}\n{'q':'uestion two','k':0}\n");
    for (size_t i = 0; i < 3; i++)
        for (size_t context = 12; context < 60; context += 5) {
            check_tokens(TOY(",'doc_to_choice':['y','yes, it is','e'],'targets':['0','1','2']"),
                         tokenizers[i], context);
            check_tokens(TOY(",'doc_to_choice':['sqz','two'],'targets':['0','1'],'target_delimiter':''"),
                         tokenizers[i], context);
        }
}

/* Several contexts, and a generation. */
static void test_other_kinds(void) {
    ll_toy_data("q.jsonl", "{'s':'The _ won','a':'\u00e9t\u00e9','b':'hat','k':2}\n");
    ll_toy_asked a;
    ask(&a,
        "{'task':'toy','questions':['q.jsonl'],'doc_to_text':['{{s|before:_}}{{a}}','{{s|before:_}}{{b}}'],"
        "'doc_to_choice':'{{s|after:_|strip}}','doc_to_target':'{{k}}','targets':['1','2'],'metric':'acc'}");
    REQUIRE(a.status == LL_OK && a.set.request_count == 2);
    CHECK(strcmp(a.set.requests[0].text, "The \u00e9t\u00e9 won") == 0 && a.set.questions[0].gold == 1);
    CHECK(a.set.requests[0].characters == 7 &&
          a.set.requests[0].bytes == 9); /* of the context, as the harness */
    CHECK(a.set.requests[1].text_context == 7 && a.set.requests[1].characters == 7);
    CHECK(a.set.requests[0].continuation == a.set.requests[1].continuation);
    ll_toy_asked_free(&a);
    ll_toy_data("q.jsonl", "{'q':'7 ','k':'seven'}\n");
    ask(&a, TOY(",'until':['.'],'max_gen_toks':9,'filters':[{'metric':'acc','pattern':'.','take':'last'}]"));
    REQUIRE(a.status == LL_OK && a.set.request_count == 1);
    const ll_request *r = a.set.requests;
    CHECK(strcmp(r->text, "Q7 ") == 0 && r->continuation == 0 && r->text_context == 3 && r->characters == 0);
    CHECK(strcmp(a.set.questions[0].target, "seven") == 0 && a.set.questions[0].gold == 0);
    CHECK(a.set.longest == r->context + 9 && a.set.asked == r->context && a.set.chance == 0);
    ll_toy_asked_free(&a);
}

static void test_rewrite(void) {
    ll_toy_data("q.jsonl", "{'q':'[x]a  b[y]','k':1}\n");
    ll_toy_asked a;
    ask(&a, TOY(",'doc_to_choice':['<a>','b[z]'],'targets':['0','1'],"
                "'rewrite':[['<','['],['>',']'],['\\\\[.*?\\\\]',''],['^$','-']]"));
    REQUIRE(a.status == LL_OK);
    CHECK_MSG(strcmp(a.set.requests[0].text, "Qa  b -") == 0, "%s", a.set.requests[0].text);
    CHECK_MSG(strcmp(a.set.requests[1].text, "Qa  b b") == 0, "%s", a.set.requests[1].text);
    CHECK(a.set.requests[1].characters == 1);
    ll_toy_asked_free(&a);
    ll_toy_data("q.jsonl", "{'q':'ok','k':1}\n{'q':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab','k':1}\n");
    ask(&a, TOY(XY ",'rewrite':[['(a+)+$','']]"));
    CHECK(a.status == LL_BAD_INPUT);
    CHECK_CONTAINS(a.error.text, "/toy/q.jsonl: line 2: a regular expression fails on \"Qaaaa");
    ll_toy_asked_free(&a);
}

static void test_refused(void) {
    static const struct {
        const char *data, *definition, *sentence;
    } cases[] = {
        {"{'q':'1','k':2}", TOY(XY),
         "q.jsonl: line 1: the right answer \"2\" is none of the 2 keys from \"0\" on"},
        {"{'q':'1','k':''}", TOY(XY), "the right answer \"\" is none of the 2 keys"},
        {"{'q':'1','k':0,'o':[]}", TOY(",'doc_to_choice':'o[]','targets':['0']"),
         "line 1: there are no choices"},
        {"{'q':'1','k':0,'o':['a','']}", TOY(",'doc_to_choice':'o[]','targets':['0','1']"),
         "line 1: choice 2 is empty"},
        {"{'q':'1','k':0,'o':['a']}", TOY(",'doc_to_choice':'o[]','targets':['0','1']"),
         "line 1: 1 choices have 2 keys"},
        {"{'q':'1','k':0,'o':7}", TOY(",'doc_to_choice':'o[]','targets':['0']"),
         "line 1: there is no list \"o[]\""},
        {"{'q':'1','k':0}\n{'q':'1','k':0,'j':1}", TOY(",'doc_to_choice':['x','{{j}}'],'targets':['0','1']"),
         "line 1: there is no field \"j\""},
        {"{'k':0}", TOY(XY), "line 1: there is no field \"q\""},
        {"{'q':'1'}", TOY(XY), "line 1: there is no field \"k\""},
        {"{'q':'1','k':0}", TOY(XY ",'description':'{{d}}'"), "line 1: there is no field \"d\""},
        {"{'q':' t','k':0}", TOY(",'doc_to_choice':['he','y'],'targets':['0','1'],'target_delimiter':''"),
         "line 1: choice \"he\" has no token of its own"},
        {"{'q':'1','k':0}\n{'q':'2'", TOY(XY), "q.jsonl: line 2, column"},
        {"{'q':'1','k':0}", TOY(XY ",'labels':'l.lst'"), "/toy/l.lst: cannot be opened"},
        {"{'q':'1','k':0}\n{'q':'2','k':0}", TOY(XY ",'id':'k'"),
         "q.jsonl: line 2: k \"0\" was in line 1 already"},
        {"{'q':'1','k':0}", TOY(XY ",'num_fewshot':3"), "s.jsonl: 3 examples are asked, the file has 2"},
        {"{'q':'1','k':0}", TOY(XY ",'num_fewshot':2,'shots':'spare'"),
         "s.jsonl: 2 examples are asked, the file has 2 and one is to spare"},
        {"{'q':'1','k':0}", TOY(XY ",'num_fewshot':1,'shots':'rounds','rounds_of':'class'"),
         "s.jsonl: line 1: there is no text \"class\""},
    };
    ll_toy_data("s.jsonl", "{'q':'e','k':0}\n{'q':'f','k':1}\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ll_toy_data("q.jsonl", cases[i].data);
        ll_toy_asked a;
        ask(&a, cases[i].definition);
        CHECK_MSG(a.status == LL_BAD_INPUT, "case %zu was accepted", i);
        CHECK_CONTAINS(a.error.text, cases[i].sentence);
        CHECK(!a.set.requests && !a.set.questions && !a.set.ids.data);
        ll_toy_asked_free(&a);
    }
}

/* Nothing to read: the user is told what is looked for, and where. */
static void test_missing(void) {
    const ll_question_options shots = {.shots = 1, .context = 100};
    ll_toy_data("other.jsonl", "x");
    char file[300];
    snprintf(file, sizeof file, "%s/data/toy/q.jsonl", ll_test_folder());
    remove(file);
    ll_toy_asked a;
    ask(&a, TOY(XY ",'get':'a shelf'"));
    CHECK(a.status == LL_BAD_INPUT);
    CHECK_CONTAINS(a.error.text, "toy: its data is not there: expected ");
    CHECK_CONTAINS(a.error.text, "/data/toy/q.jsonl; get it from a shelf");
    ll_toy_asked_free(&a);
    ll_toy_data("q.csv", "q,k\n1,0\n"); /* the second name */
    ask(&a, TOY(XY));
    CHECK(a.status == LL_OK && a.set.count == 1 && a.set.questions[0].line == 2);
    ll_toy_asked_free(&a);
    ask(&a, TOY(XY ",'subjects':{'g':['a']}"));
    CHECK(a.status == LL_OK && a.set.subject_count == 1); /* no {subject} in the name: one file for all */
    ll_toy_asked_free(&a);
    ll_toy_ask(
        &a, "{'task':'toy','questions':['q.csv'],'doc_to_text':'Q','doc_to_target':'0','metric':'acc'" XY "}",
        "llama2", &shots);
    CHECK(a.status == LL_BAD_USAGE);
    CHECK_CONTAINS(a.error.text, "toy: --num-fewshot 1, but the task names no file of examples");
    ll_toy_asked_free(&a);
    ll_toy_ask(
        &a,
        "{'task':'toy','questions':['q.csv'],'shots_from':['none.csv'],'doc_to_text':'Q','doc_to_target':'0',"
        "'metric':'acc'" XY "}",
        "llama2", &shots);
    CHECK(a.status == LL_BAD_INPUT);
    CHECK_CONTAINS(a.error.text, "toy: its data is not there: expected ");
    CHECK_CONTAINS(a.error.text, "none.csv");
    ll_toy_asked_free(&a);
    snprintf(file, sizeof file, "%s/data/toy/q.csv", ll_test_folder());
    remove(file);
    ll_toy_ask(
        &a,
        "{'task':'boolq','questions':['val.jsonl'],'doc_to_text':'Q','doc_to_target':'0','metric':'acc'" XY
        "}",
        "llama2", &(ll_question_options){.limit = 2, .context = 100});
    CHECK_MSG(a.status == LL_OK && a.set.sample && a.set.count == 2 && a.set.available > 2, "%s",
              a.error.text);
    CHECK(!a.set.sample_shots);
    ll_toy_asked_free(&a);
}

/* ---- lengths ---- */

/* Prompts of 9 tokens: a context of as many positions less the last token, which is only predicted, is enough. */
static void check_length(const char *definition, size_t context, bool cut, const char *expected) {
    char found[800];
    const ll_question_options options = {.context = context, .cut = cut};
    ll_toy_asked a;
    ll_toy_ask(&a, definition, "llama2", &options);
    if (a.status == LL_OK) {
        const ll_request *r = &a.set.requests[a.set.request_count - 1];
        snprintf(found, sizeof found, "%zu cut, longest %zu, asked %zu, %zu+%zu:", a.set.cut, a.set.longest,
                 a.set.asked, r->context, r->continuation);
        for (size_t i = 0; i < r->context + r->continuation; i++)
            snprintf(found + strlen(found), 8, " %d", ll_request_ids(&a.set, r)[i]);
        CHECK(r->first + r->context + r->continuation == a.set.ids.count);
    }
    const char *what = a.status == LL_OK ? found : a.error.text;
    CHECK_MSG(strstr(what, expected), "context %zu: %s", context, what);
    ll_toy_asked_free(&a);
}

static void test_length(void) {
    static const char *const choices = TOY(",'doc_to_choice':['is','is the'],'targets':['0','1']"),
                             *const generated =
                                 TOY(",'until':['.'],'max_gen_toks':3,"
                                     "'filters':[{'metric':'acc','pattern':'.','take':'last'}]");
    ll_toy_data("q.jsonl", "{'q':': the in it','k':0}\n");
    /* <s> _ Q : _the _in _it, _is _the */
    check_length(choices, 8, false, "0 cut, longest 9, asked 17, 7+2: 1 620 85 688 267 291 355 329 267");
    check_length(choices, 8, true, "0 cut, longest 9, asked 17, 7+2: 1 620 85 688 267 291 355 329 267");
    check_length(
        choices, 7, false,
        "q.jsonl: line 1: the prompt has 9 tokens, the model's context 7 positions; fewer --num-fewshot");
    check_length(choices, 7, true, "1 cut, longest 8, asked 16, 6+2: 620 85 688 267 291 355 329 267");
    check_length(choices, 6, true, "2 cut, longest 7, asked 14, 5+2: 85 688 267 291 355 329 267");
    check_length(choices, 2, true, "2 cut, longest 3, asked 6, 1+2: 355 329 267");
    check_length(choices, 1, true,
                 "context of 1 positions has no room for a prompt: there are 2 tokens to score");
    check_length(generated, 10, false, "0 cut, longest 10, asked 7, 7+0: 1 620 85 688 267 291 355");
    check_length(generated, 9, false, "the prompt has 7 tokens and 3 to generate, the model's context 9");
    check_length(generated, 9, true, "1 cut, longest 9, asked 6, 6+0: 620 85 688 267 291 355");
    check_length(generated, 4, true, "1 cut, longest 4, asked 1, 1+0: 355");
    check_length(
        generated, 3, true,
        "context of 3 positions has no room for a prompt: there are 0 tokens to score and 3 to generate");
    check_length(generated, 2, true, "context of 2 positions has no room for a prompt");
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("questions/pairs", test_pairs);
    ll_test_run("questions/pairs without BOS", test_pairs_without_bos);
    ll_test_run("questions/choices", test_choices);
    ll_test_run("questions/tokens", test_tokens);
    ll_test_run("questions/other kinds", test_other_kinds);
    ll_test_run("questions/rewrite", test_rewrite);
    ll_test_run("questions/refused", test_refused);
    ll_test_run("questions/missing", test_missing);
    ll_test_run("questions/length", test_length);
    return ll_test_end();
}
