/* What a model says to questions, kept and taken again. */
#include "test.h"
#include "toy_answers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 8192 };

/* ---- likelihoods ---- */

/* Log-likelihood and greediness of a request from a pass of its own over all of its tokens. */
static ll_said by_hand(const ll_question_set *set, const ll_request *r) {
    const size_t count = r->context + r->continuation, vocab = ll_model_config(ll_toy_model())->vocab;
    const int32_t *ids = ll_request_ids(set, r);
    const ll_mask mask = {0};
    ll_said said = {.greedy = true};
    ll_session *session = NULL;
    float *residual = calloc(count, ll_model_config(ll_toy_model())->hidden * sizeof *residual);
    float *logits = calloc(count, vocab * sizeof *logits);
    CHECK(ll_session_create(&session, ll_toy_model(), &mask, count, &ll_toy_error) == LL_OK &&
          ll_session_forward(session, ids, count, residual, NULL, &ll_toy_error) == LL_OK &&
          ll_session_logits(session, residual, count, logits, &ll_toy_error) == LL_OK);
    for (size_t at = r->context; at < count; at++) {
        const float *row = logits + (at - 1) * vocab;
        double sum = 0;
        for (size_t i = 0; i < vocab; i++) {
            sum += exp(row[i]);
            said.greedy = said.greedy && row[i] <= row[ids[at]];
        }
        said.ll += row[ids[at]] - log(sum);
    }
    ll_session_destroy(session);
    free(residual);
    free(logits);
    return said;
}

/* C01 and C09 of the list of bugs of others: the sum is that of the continuation's tokens, whatever is asked at once. */
static void test_likelihoods(void) {
    ll_toy_asked a;
    ll_answers one, all;
    if (!ll_toy_begin(&a, LL_TOY_CHOICES, LL_TOY_FIVE))
        return;
    REQUIRE(ll_toy_open(&one, &a.set, NULL) == LL_OK && ll_toy_open(&all, &a.set, NULL) == LL_OK);
    REQUIRE(ll_toy_answer(&one, 1) == LL_OK && ll_toy_answer(&all, 0) == LL_OK);
    CHECK(one.missing == 0 && all.missing == 0 && one.use.batch == 1 && one.file == -1);
    for (size_t i = 0; i < a.set.request_count; i++) {
        const ll_said said = by_hand(&a.set, &a.set.requests[i]);
        CHECK_MSG(fabs(one.said[i].ll - said.ll) < 1e-3 && one.said[i].greedy == said.greedy,
                  "request %zu: %f, by hand %f", i, one.said[i].ll, said.ll);
        CHECK(one.said[i].ll == all.said[i].ll && one.said[i].greedy == all.said[i].greedy);
    }
    CHECK(ll_toy_answer(&one, 1) == LL_OK && one.use.computed == 0); /* nothing is missing */
    ll_answers_close(&one);
    ll_answers_close(&all);
    ll_answers_close(&all);
    ll_answers_close(&(ll_answers){0});
    ll_toy_asked_free(&a);
}

/* ---- kept, and taken again ---- */

static void test_kept(void) {
    ll_toy_asked a;
    ll_answers fresh, kept;
    if (!ll_toy_begin(&a, LL_TOY_CHOICES, LL_TOY_FIVE))
        return;
    char *text = ll_toy_answered(&a.set, ll_toy_folder("kept"), 2, &kept);
    REQUIRE(text && ll_toy_open(&fresh, &a.set, NULL) == LL_OK && ll_toy_answer(&fresh, 2) == LL_OK);
    for (size_t i = 0; i < a.set.request_count; i++)
        CHECK(kept.said[i].ll == fresh.said[i].ll && kept.said[i].greedy == fresh.said[i].greedy);
    CHECK(strncmp(text,
                  "{\"layerlab_answers\":1,\"model_sha256\":\"0123\",\"limit\":\"all\",\"data\":\"d0\"}\n",
                  66) == 0);
    CHECK(strstr(text, "{\"doc\":4,\"ll\":[-") &&
          strstr(ll_toy_answer_file(ll_toy_folder("kept")), "/kept/toy-"));
    ll_answers_close(&fresh);
    ll_answers_close(&kept);
    free(text);
    ll_toy_asked_free(&a);
}

/* The file cut at every place: whole lines count, the rest is asked again, and the file is then as it was. */
static void test_cut(void) {
    ll_toy_asked a;
    ll_answers answers;
    char path[600];
    if (!ll_toy_begin(&a, LL_TOY_CHOICES, LL_TOY_FIVE))
        return;
    char *text = ll_toy_answered(&a.set, ll_toy_folder("cut"), 1, &answers);
    REQUIRE(text);
    ll_answers_close(&answers);
    snprintf(path, sizeof path, "%s", ll_toy_answer_file(ll_toy_folder("cut")));
    const size_t length = strlen(text);
    for (size_t cut = 0; cut <= length; cut++) {
        size_t lines = 0;
        for (size_t i = 0; i < cut; i++)
            lines += text[i] == '\n';
        ll_test_write(path, text, cut);
        CHECK_MSG(ll_toy_open(&answers, &a.set, ll_toy_folder("cut")) == LL_OK, "cut at %zu: %s", cut,
                  ll_toy_error.text);
        CHECK_MSG(answers.missing == 5 - (lines ? lines - 1 : 0), "cut at %zu: %zu missing", cut,
                  answers.missing);
        const bool asked = cut % 37 == 0 || cut + 3 > length;
        CHECK(!asked || ll_toy_answer(&answers, 1) == LL_OK);
        ll_answers_close(&answers);
        char *now = ll_test_read(path, NULL);
        CHECK_MSG(now && (asked ? strcmp(now, text) == 0 : strncmp(now, text, strlen(now)) == 0),
                  "cut at %zu: %s", cut, now);
        free(now);
    }
    free(text);
    ll_toy_asked_free(&a);
}

static void test_subjects(void) {
    ll_toy_asked a;
    ll_answers answers;
    ll_toy_data("a.jsonl", LL_TOY_FIVE);
    ll_toy_data("b.jsonl", "{'q':'Of b','k':0}\n{'q':'More','k':1}\n");
    ll_toy_ask_by(
        &a,
        "{'task':'toy','questions':['{subject}.jsonl'],'subjects':{'g':['a','b']},'doc_to_text':'{{q}}',"
        "'doc_to_target':'{{k}}','doc_to_choice':['x','y','z'],'targets':['0','1','2'],'metric':'acc'}",
        ll_model_tokenizer(ll_toy_model()), &(ll_question_options){.context = 100, .limit = 3});
    REQUIRE(a.status == LL_OK && a.set.count == 5);
    char *text = ll_toy_answered(&a.set, ll_toy_folder("subjects"), 0, &answers);
    REQUIRE(text);
    CHECK(strstr(text, "{\"subject\":\"b\",\"doc\":1,\"ll\":["));
    const double last = answers.said[14].ll;
    ll_answers_close(&answers);
    /* The lines in another order. */
    char *line = strstr(text, "{\"subject\":\"b\",\"doc\":1");
    REQUIRE(line && last < 0);
    char other[LONGEST];
    const size_t head = strcspn(text, "\n") + 1, size = strcspn(line, "\n") + 1,
                 before = (size_t)(line - text) - head;
    snprintf(other, sizeof other, "%.*s%.*s%.*s%s", (int)head, text, (int)size, line, (int)before,
             text + head, line + size);
    CHECK(strlen(other) == strlen(text));
    ll_test_write(ll_toy_answer_file(ll_toy_folder("subjects")), other, strlen(other));
    REQUIRE(ll_toy_open(&answers, &a.set, ll_toy_folder("subjects")) == LL_OK && answers.missing == 0);
    CHECK(answers.said[14].ll == last);
    ll_answers_close(&answers);
    free(text);
    ll_toy_asked_free(&a);
}

/* ---- generations ---- */

#define GENERATE                                                                                             \
    "{'task':'toy','questions':['q.jsonl'],'doc_to_text':'{{q}}','doc_to_target':'{{k}}','until':['e','"     \
    "\u00e9'],"                                                                                              \
    "'max_gen_toks':12,'filters':[{'metric':'m','pattern':'.','take':'last'}],'metric':'m'}"

/* The likeliest bytes one after the other, up to an e, byte 0 (the end) or 12. */
static size_t generate(const ll_question_set *set, const ll_request *r, char out[16]) {
    const size_t vocab = ll_model_config(ll_toy_model())->vocab;
    int32_t ids[128];
    size_t count = r->context, made = 0;
    const ll_mask mask = {0};
    ll_session *session = NULL;
    float residual[128 * 32], logits[256];
    memcpy(ids, ll_request_ids(set, r), count * sizeof *ids);
    CHECK(ll_session_create(&session, ll_toy_model(), &mask, sizeof ids / sizeof *ids, &ll_toy_error) ==
          LL_OK);
    *out = 0;
    while (made < 12) {
        size_t best = 0;
        ll_session_reset(session);
        CHECK(ll_session_forward(session, ids, count, residual, NULL, &ll_toy_error) == LL_OK &&
              ll_session_logits(session, residual + (count - 1) * 32, 1, logits, &ll_toy_error) == LL_OK);
        for (size_t i = 1; i < vocab; i++)
            best = logits[i] > logits[best] ? i : best;
        ids[count++] = (int32_t)best;
        made++;
        if (best == 0 || best == 'e')
            break;
        out[made - 1] = (char)best;
        out[made] = 0;
    }
    ll_session_destroy(session);
    return made;
}

/* Greedy texts; what is no UTF-8 among their bytes is U+FFFD; the file gives back what was said. */
static void test_generations(void) {
    ll_toy_asked a;
    ll_answers kept, fresh;
    if (!ll_toy_begin(&a, GENERATE, LL_TOY_FIVE))
        return;
    char *text = ll_toy_answered(&a.set, ll_toy_folder("generated"), 3, &kept);
    REQUIRE(text && ll_toy_open(&fresh, &a.set, NULL) == LL_OK && ll_toy_answer(&fresh, 0) == LL_OK);
    size_t other = 0, plain = 0;
    for (size_t i = 0; i < 5; i++) {
        char bytes[16];
        const size_t tokens = generate(&a.set, &a.set.requests[i], bytes);
        CHECK_MSG(strcmp(kept.said[i].text, fresh.said[i].text) == 0 &&
                      kept.said[i].tokens == fresh.said[i].tokens,
                  "%zu: \"%s\", kept \"%s\"", i, fresh.said[i].text, kept.said[i].text);
        CHECK_MSG(kept.said[i].tokens == tokens, "%zu: %zu tokens, by hand %zu", i, kept.said[i].tokens,
                  tokens);
        bool ascii = true;
        for (const char *c = bytes; *c; c++)
            ascii = ascii && (unsigned char)*c < 128;
        CHECK_MSG(!ascii || strcmp(bytes, kept.said[i].text) == 0, "%zu: \"%s\"", i, kept.said[i].text);
        CHECK(ascii || strstr(kept.said[i].text, "\uFFFD") || strlen(bytes) == strlen(kept.said[i].text));
        other += !ascii;
        plain += ascii;
    }
    CHECK_MSG(other > 0, "all of %zu texts are ASCII", plain);
    ll_answers_close(&kept);
    ll_answers_close(&fresh);
    /* What others may have written. */
    static const char lines[] = LL_TOY_HEADER
        "{\"doc\":1,\"tokens\":3,\"text\":\"\"}\n"
        "{\"doc\":0,\"text\":\"\\u00e9\u2028\U0001f600\\n\\\"\\\\ \\ud83d\\ude00\",\"tokens\":0}\n";
    ll_test_write(ll_toy_answer_file(ll_toy_folder("generated")), lines, sizeof lines - 1);
    REQUIRE(ll_toy_open(&kept, &a.set, ll_toy_folder("generated")) == LL_OK && kept.missing == 3);
    CHECK(strcmp(kept.said[0].text, "\u00e9\u2028\U0001f600\n\"\\ \U0001f600") == 0 &&
          kept.said[1].text[0] == 0);
    ll_answers_close(&kept);
    free(text);
    static const char *const bad[] = {
        LL_TOY_HEADER "{\"doc\":0,\"text\":\"a\"}\n", LL_TOY_HEADER "{\"doc\":0,\"text\":7,\"tokens\":1}\n",
        LL_TOY_HEADER "{\"doc\":0,\"text\":\"a\",\"tokens\":1.5}\n", LL_TOY_HEADER LL_TOY_SAID(0),
        LL_TOY_HEADER "{\"doc\":0,\"text\":\"a\",\"tokens\":-1}\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ll_test_write(ll_toy_answer_file(ll_toy_folder("generated")), bad[i], strlen(bad[i]));
        CHECK(ll_toy_open(&kept, &a.set, ll_toy_folder("generated")) == LL_BAD_INPUT);
        CHECK_CONTAINS(ll_toy_error.text, ": line 2: is no answer to its question");
    }
    ll_toy_asked_free(&a);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("answers/likelihoods", test_likelihoods);
    ll_test_run("answers/kept", test_kept);
    ll_test_run("answers/cut", test_cut);
    ll_test_run("answers/subjects", test_subjects);
    ll_test_run("answers/generations", test_generations);
    ll_toy_model_free();
    return ll_test_end();
}
