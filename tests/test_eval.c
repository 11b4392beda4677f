/* Tasks against lm-evaluation-harness itself (tests/golden/tasks/): every request's text and token ids, every log-likelihood, every
 * verdict, every accuracy with its error; and what is shared against what is not. LL_TEST_QUICK leaves the real model's answers out. */
#include "eval/answers.h"
#include "eval/score.h"
#include "eval/task_list.h"
#include "real_model.h"
#include "test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ll_error error;
static ll_model *model; /* f32 */

/* Both sides are sums of float32: 1e-3, and in proportion where more tokens than these are added up. */
enum { FEW_TOKENS = 64 };
static double tolerance(size_t tokens) {
    return 1e-3 * (tokens > FEW_TOKENS ? (double)tokens / FEW_TOKENS : 1);
}

/* A task, its golden values (the file's lines) and its questions. */
typedef struct {
    const char *name;
    json_t *header, *golden;
    ll_task task;
    ll_question_set set;
} subject;

static bool read_golden(subject *s) {
    char path[256];
    size_t length;
    snprintf(path, sizeof path, "tests/golden/tasks/%s.jsonl", s->name);
    char *text = ll_test_read(path, &length);
    s->golden = json_array();
    for (char *rest = text, *line; rest && (line = strsep(&rest, "\n"));) {
        json_error_t reason;
        json_t *value = *line ? json_loads(line, 0, &reason) : NULL;
        if (value && !s->header)
            s->header = value;
        else if (value)
            json_array_append_new(s->golden, value);
        CHECK_MSG(value || !*line, "%s: %s", path, reason.text);
    }
    free(text);
    return s->header && json_array_size(s->golden) > 0;
}

static ll_status make_set(subject *s, const ll_model *asked, size_t limit) {
    ll_progress progress;
    const ll_question_options options = {
        .shots = SIZE_MAX, .limit = limit, .context = ll_model_config(asked)->context, .keep_text = true};
    ll_progress_begin(&progress, s->name, 1, true);
    LL_TRY(ll_task_find(&s->task, s->name, &error));
    return ll_questions_make(&s->set, &s->task, ll_model_tokenizer(asked), &options, &progress, &error);
}

static void close_subject(subject *s) {
    ll_questions_free(&s->set);
    ll_task_free(&s->task);
    json_decref(s->header);
    json_decref(s->golden);
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static size_t number_of(const json_t *object, const char *key) {
    return (size_t)json_integer_value(json_object_get(object, key));
}

/* The question's number in the set; the harness has subjects in another order. */
static size_t find(const subject *s, const json_t *g) {
    for (size_t i = 0; i < s->set.count; i++) {
        const ll_question *q = &s->set.questions[i];
        const char *name = s->set.subjects[q->subject].name;
        if (q->document == number_of(g, "doc") && strcmp(name ? name : "", text_of(g, "subject")) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* ---- what is asked ---- */

static void compare_request(const subject *s, const json_t *g, const json_t *want, const ll_request *r) {
    char hash[LL_SHA256_TEXT];
    const char *part = text_of(g, "subject");
    const size_t doc = number_of(g, "doc");
    CHECK_MSG(r->context == number_of(want, "context") && r->continuation == number_of(want, "continuation"),
              "%s %s %zu: %zu + %zu tokens, expected %zu + %zu", s->name, part, doc, r->context,
              r->continuation, number_of(want, "context"), number_of(want, "continuation"));
    ll_sha256_bytes(r->text, strlen(r->text), hash);
    CHECK_MSG(strncmp(hash, text_of(want, "text_sha"), 16) == 0, "%s %s %zu: another text", s->name, part,
              doc);
    ll_sha256_bytes(ll_request_ids(&s->set, r), (r->context + r->continuation) * sizeof(int32_t), hash);
    CHECK_MSG(strncmp(hash, text_of(want, "sha"), 16) == 0, "%s %s %zu: other ids", s->name, part, doc);
}

static bool compare_requests(const subject *s) {
    CHECK_MSG(s->set.count == json_array_size(s->golden), "%s: %zu questions, expected %zu", s->name,
              s->set.count, json_array_size(s->golden));
    CHECK(s->set.shots == number_of(s->header, "shots"));
    for (size_t i = 0; i < json_array_size(s->golden) && !ll_test_failed(); i++) {
        const json_t *g = json_array_get(s->golden, i), *requests = json_object_get(g, "requests");
        const size_t at = find(s, g);
        CHECK_MSG(at != SIZE_MAX, "%s: question %zu is not asked", s->name, number_of(g, "doc"));
        if (at == SIZE_MAX)
            return false;
        const ll_question *q = &s->set.questions[at];
        if (!requests) {
            compare_request(s, g, g, &s->set.requests[q->first]);
            continue;
        }
        CHECK(q->gold == number_of(g, "gold") && q->requests == json_array_size(requests));
        for (size_t k = 0; k < json_array_size(requests) && k < q->requests; k++)
            compare_request(s, g, json_array_get(requests, k), &s->set.requests[q->first + k]);
    }
    return !ll_test_failed();
}

/* ---- what is answered ---- */

static double golden_ll(const json_t *g, size_t k) {
    return json_number_value(json_object_get(json_array_get(json_object_get(g, "requests"), k), "ll"));
}

/* Whether the golden values' best choice under a metric is further from the next than both may be off. */
static bool is_sure(const subject *s, const json_t *g, const ll_question *q, const char *metric) {
    double best = -HUGE_VAL, second = -HUGE_VAL, slack = 0;
    for (size_t k = 0; k < q->requests; k++) {
        const ll_request *r = &s->set.requests[q->first + k];
        const double length = strcmp(metric, "acc_norm") == 0 ? (double)r->characters : 1,
                     value = golden_ll(g, k) / length;
        slack = fmax(slack, tolerance(r->continuation) / length);
        second = fmax(second, fmin(best, value));
        best = fmax(best, value);
    }
    return best - second > 2 * slack;
}

/* Adds to unsure[metric] the verdicts that nobody knows. */
static void compare_question(const subject *s, const json_t *g, size_t at, const ll_said *said,
                             const ll_score_sheet *sheet, size_t unsure[]) {
    const ll_question *q = &s->set.questions[at];
    for (size_t k = 0; k < q->requests; k++) {
        const json_t *want = json_array_get(json_object_get(g, "requests"), k);
        const size_t tokens = s->set.requests[q->first + k].continuation;
        CHECK_MSG(fabs(said[k].ll - golden_ll(g, k)) <= tolerance(tokens),
                  "%s %zu, choice %zu (%zu tokens): %.6f, expected %.6f", s->name, number_of(g, "doc"), k,
                  tokens, said[k].ll, golden_ll(g, k));
        CHECK_MSG(said[k].greedy == json_is_true(json_object_get(want, "greedy")),
                  "%s %zu, choice %zu: greedy", s->name, number_of(g, "doc"), k);
    }
    for (size_t m = 0; m < sheet->metrics; m++) {
        const json_t *want = json_object_get(g, sheet->metric[m]);
        const bool sure = is_sure(s, g, q, sheet->metric[m]);
        unsure[m] += !sure;
        if (want && sure)
            CHECK_MSG(sheet->right[m * sheet->count + at] == (json_number_value(want) > 0.5), "%s %zu: %s",
                      s->name, number_of(g, "doc"), sheet->metric[m]);
    }
}

static void compare_share(const subject *s, const char *part, const char *metric, const json_t *results,
                          const ll_share_right *got, double slack) {
    char key[64];
    snprintf(key, sizeof key, "%s_stderr", metric);
    const json_t *mean = json_object_get(results, metric), *deviation = json_object_get(results, key);
    if (!mean)
        return;
    CHECK_MSG(fabs(got->mean - json_number_value(mean)) <= slack + 1e-12, "%s %s %s: %.12f, expected %.12f",
              s->name, part, metric, got->mean, json_number_value(mean));
    CHECK_MSG(fabs(got->stderr_mean - json_number_value(deviation)) <= slack + 1e-12,
              "%s %s %s: error %.12f, expected %.12f", s->name, part, metric, got->stderr_mean,
              json_number_value(deviation));
}

static void compare_parts(const subject *s, const char *kind, const char *metric, size_t m,
                          const ll_score_part *parts, size_t count, double slack) {
    const json_t *golden = json_object_get(s->header, kind);
    for (size_t i = 0; golden && i < count; i++) {
        const json_t *want = json_object_get(golden, parts[i].name);
        CHECK_MSG(want, "%s: the harness has no %s", s->name, parts[i].name);
        compare_share(s, parts[i].name, metric, want, &parts[i].metric[m], slack);
    }
}

static void compare_choices(const subject *s, const ll_answers *a, const ll_score_sheet *sheet) {
    size_t unsure[LL_MAX_METRICS] = {0};
    for (size_t i = 0; i < json_array_size(s->golden); i++) {
        const json_t *g = json_array_get(s->golden, i);
        const size_t at = find(s, g);
        compare_question(s, g, at, a->said + s->set.questions[at].first, sheet, unsure);
    }
    for (size_t m = 0; m < sheet->metrics; m++) {
        const double slack = (double)unsure[m]; /* 0, but where a verdict is open */
        compare_share(s, "all", sheet->metric[m], json_object_get(s->header, "results"), &sheet->total[m],
                      slack / (double)sheet->count);
        compare_parts(s, "groups", sheet->metric[m], m, sheet->groups, sheet->group_count, slack);
        compare_parts(s, "subjects", sheet->metric[m], m, sheet->subjects, sheet->subject_count, slack);
    }
}

/* A generation goes its own way from the first token that nobody is sure of. */
static void compare_generated(const subject *s, const ll_answers *a, const ll_score_sheet *sheet) {
    const double sure = 2e-3;
    size_t compared = 0;
    for (size_t i = 0; i < json_array_size(s->golden); i++) {
        const json_t *g = json_array_get(s->golden, i);
        const size_t at = find(s, g);
        const char *text = a->said[s->set.questions[at].first].text;
        if (json_number_value(json_object_get(g, "margin")) < sure)
            continue;
        compared++;
        CHECK_MSG(strcmp(text, text_of(g, "text")) == 0, "%s %zu: \"%.100s\", expected \"%.100s\"", s->name,
                  number_of(g, "doc"), text, text_of(g, "text"));
        for (size_t m = 0; m < sheet->metrics; m++)
            CHECK_MSG(sheet->right[m * sheet->count + at] ==
                          (json_number_value(json_object_get(g, sheet->metric[m])) > 0.5),
                      "%s %zu: %s", s->name, number_of(g, "doc"), sheet->metric[m]);
    }
    CHECK_MSG(2 * compared > json_array_size(s->golden), "%s: only %zu texts are sure", s->name, compared);
}

static void compare_answers(const subject *s) {
    const ll_mask full = {0};
    ll_progress progress;
    ll_answers answers;
    ll_score_sheet sheet;
    ll_progress_begin(&progress, s->name, (double)s->set.asked, true);
    REQUIRE(ll_answers_open(&answers, &s->set, NULL, NULL, 0, &error) == LL_OK);
    const ll_status status = ll_answers_ask(&answers, model, &full, 0, &progress, &error);
    CHECK_MSG(status == LL_OK, "%s: %s", s->name, error.text);
    if (status == LL_OK && ll_score_sheet_make(&sheet, &s->set, &answers, &error) == LL_OK) {
        if (s->task.kind == LL_TASK_GENERATE)
            compare_generated(s, &answers, &sheet);
        else
            compare_choices(s, &answers, &sheet);
        printf("  %s: %zu tokens asked, %zu computed, %.0f tokens/s\n", s->name, s->set.asked,
               answers.use.computed, (double)answers.use.computed / answers.use.seconds);
        ll_score_sheet_free(&sheet);
    }
    ll_answers_close(&answers);
}

/* RTE's data is not the project's. */
static bool find_data(const char *name) {
    unsetenv("LAYERLAB_DATA");
    if (strcmp(name, "rte") != 0)
        return true;
    setenv("LAYERLAB_DATA", "../shared/eval", 1);
    return access("../shared/eval/rte/val.jsonl", R_OK) == 0;
}

static void test_task(const char *name) {
    subject s = {.name = name};
    if (!ll_test_model())
        return;
    model = model ? model : ll_real_model(LL_WEIGHTS_F32, 0);
    REQUIRE(model);
    if (!find_data(name)) {
        ll_test_skip("data", "RTE may not be given out; LAYERLAB_DATA names no folder with it");
        return;
    }
    if (read_golden(&s)) {
        const ll_status status =
            make_set(&s, model, strcmp(name, "mmlu") == 0 ? 0 : json_array_size(s.golden));
        CHECK_MSG(status == LL_OK, "%s", error.text);
        if (status == LL_OK && compare_requests(&s) && !ll_test_quick())
            compare_answers(&s);
    }
    close_subject(&s);
}

#define TASK_TEST(name)                                                                                      \
    static void test_##name(void) {                                                                          \
        test_task(#name);                                                                                    \
    }
TASK_TEST(arc_challenge)
TASK_TEST(boolq)
TASK_TEST(gsm8k)
TASK_TEST(hellaswag)
TASK_TEST(mmlu)
TASK_TEST(openbookqa)
TASK_TEST(piqa)
TASK_TEST(rte)
TASK_TEST(winogrande)

/* ---- shared against alone ---- */

/* One request in a session of its own, all of it. */
static double score_alone(const ll_question_set *set, const ll_request *r, const ll_model *asked) {
    const ll_mask full = {0};
    const ll_config *c = ll_model_config(asked);
    const size_t length = r->context + r->continuation;
    const int32_t *ids = ll_request_ids(set, r);
    float *residual = malloc(length * c->hidden * sizeof *residual),
          *logits = malloc(c->vocab * sizeof *logits);
    ll_session *session = NULL;
    double sum = 0;
    ll_status status = ll_session_create(&session, asked, &full, length, &error);
    if (status == LL_OK)
        status = ll_session_forward(session, ids, length - 1, residual, NULL, &error);
    for (size_t i = r->context - 1; i + 1 < length && status == LL_OK; i++) {
        status = ll_session_logits(session, residual + i * c->hidden, 1, logits, &error);
        double total = 0;
        for (size_t v = 0; v < c->vocab; v++)
            total += exp((double)logits[v] - (double)logits[ids[i + 1]]);
        sum -= log(total);
    }
    CHECK_MSG(status == LL_OK, "%s", error.text);
    ll_session_destroy(session);
    free(residual);
    free(logits);
    return sum;
}

static ll_status take_all(const subject *s, const ll_model *asked, size_t batch, ll_answers *out) {
    const ll_mask full = {0};
    ll_progress progress;
    ll_progress_begin(&progress, s->name, 1, true);
    LL_TRY(ll_answers_open(out, &s->set, NULL, NULL, 0, &error));
    return ll_answers_ask(out, asked, &full, batch, &progress, &error);
}

static void compare_batches(const subject *s, const ll_model *asked) {
    static const size_t batches[] = {0, 1, 3};
    ll_answers first = {.file = -1};
    for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
        ll_answers a;
        const ll_status status = take_all(s, asked, batches[b], &a);
        CHECK_MSG(status == LL_OK, "%s", error.text);
        for (size_t i = 0; status == LL_OK && i < s->set.request_count; i++) {
            const double other = b ? first.said[i].ll : score_alone(&s->set, &s->set.requests[i], asked);
            CHECK_MSG(fabs(a.said[i].ll - other) <= (b ? 0 : 1e-5),
                      "%s, batch %zu, request %zu: %.9f, expected %.9f", s->name, batches[b], i, a.said[i].ll,
                      other);
        }
        CHECK_MSG(a.use.computed < s->set.asked, "%s: %zu of %zu tokens computed", s->name, a.use.computed,
                  s->set.asked);
        if (b)
            ll_answers_close(&a);
        else
            first = a;
    }
    ll_answers_close(&first);
}

/* Questions that share their examples, choices that share their question, contexts that differ. */
static void test_shared(void) {
    static const char *const names[] = {"mmlu", "openbookqa", "winogrande"};
    if (!ll_test_model())
        return;
    if (ll_test_quick()) {
        ll_test_skip("time", "LL_TEST_QUICK is set");
        return;
    }
    unsetenv("LAYERLAB_DATA");
    ll_model *asked = ll_real_model(LL_WEIGHTS_INT8, 2);
    REQUIRE(asked);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        subject s = {.name = names[i]};
        const ll_status status = make_set(&s, asked, strcmp(names[i], "mmlu") == 0 ? 1 : 8);
        CHECK_MSG(status == LL_OK, "%s", error.text);
        if (status == LL_OK)
            compare_batches(&s, asked);
        close_subject(&s);
    }
    ll_model_destroy(asked);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("eval/boolq as the harness has it", test_boolq);
    ll_test_run("eval/openbookqa as the harness has it", test_openbookqa);
    ll_test_run("eval/piqa as the harness has it", test_piqa);
    ll_test_run("eval/rte as the harness has it", test_rte);
    ll_test_run("eval/winogrande as the harness has it", test_winogrande);
    ll_test_run("eval/mmlu as the harness has it", test_mmlu);
    ll_test_run("eval/gsm8k as the harness has it", test_gsm8k);
    ll_test_run("eval/hellaswag as the harness has it", test_hellaswag);
    ll_test_run("eval/arc_challenge as the harness has it", test_arc_challenge);
    ll_test_run("eval/what is shared equals what is not", test_shared);
    ll_model_destroy(model);
    return ll_test_end();
}
