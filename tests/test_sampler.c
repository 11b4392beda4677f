#include "sampler.h"
#include "test.h"
#include "utf8.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- random numbers ---- */

/* The outputs for seed 1234567 that other implementations of SplitMix64 publish as their check. */
static void test_random_known(void) {
    static const uint64_t expected[] = {6457827717110365317u, 3203168211198807973u, 9817491932198370423u,
                                        4593380528125082431u, 16408922859458223821u};
    ll_random random = {1234567};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        CHECK(ll_random_next(&random) == expected[i]);
}

static void test_random_seeds(void) {
    ll_random one = {1}, again = {1}, two = {2};
    size_t same = 0;
    for (size_t i = 0; i < 1000; i++) {
        const uint64_t value = ll_random_next(&one);
        CHECK(value == ll_random_next(&again));
        same += value == ll_random_next(&two);
    }
    CHECK(same == 0);
}

static void test_random_unit(void) {
    ll_random random = {0};
    double sum = 0;
    enum { COUNT = 100000 };
    for (size_t i = 0; i < COUNT; i++) {
        const double unit = ll_random_unit(&random);
        CHECK(unit >= 0 && unit < 1);
        sum += unit;
    }
    /* The mean's standard deviation is 1 / sqrt(12 COUNT) = 0.0009. */
    CHECK_MSG(fabs(sum / COUNT - 0.5) < 0.005, "mean %f", sum / COUNT);
}

/* ---- argmax ---- */

static void test_argmax(void) {
    CHECK(ll_argmax((const float[]){-3, 5, 5, 5, 1}, 5) == 1);
    CHECK(ll_argmax((const float[]){7}, 1) == 0);
    CHECK(ll_argmax((const float[]){-INFINITY, -INFINITY}, 2) == 0);
    CHECK(ll_argmax((const float[]){-1, INFINITY, INFINITY}, 3) == 1);
    CHECK(ll_argmax((const float[]){NAN, -INFINITY, NAN, -5, NAN}, 5) == 3);
    CHECK(ll_argmax((const float[]){2, NAN, 3, NAN}, 4) == 2);
    CHECK(ll_argmax((const float[]){NAN, NAN}, 2) == 0);
}

/* ---- sampling ---- */

static void test_sample_greedy(void) {
    ll_random random = {9};
    CHECK(ll_sample((const float[]){1, 4, 4}, 3, 0, &random) == 1);
    CHECK(ll_sample((const float[]){1, 4, 4}, 3, -1, &random) == 1);
    CHECK(random.state == 9);
    /* Cold enough that everything else has no chance. */
    for (size_t i = 0; i < 100; i++)
        CHECK(ll_sample((const float[]){1, 2, 4}, 3, 1e-6, &random) == 2);
}

/* At temperature t the logits t * log(p) are drawn with probability p. */
static void check_frequencies(double temperature) {
    static const double p[] = {0.5, 0, 0.125, 0.25, 0.125};
    enum { N = sizeof p / sizeof *p, DRAWS = 100000 };
    float logits[N];
    for (size_t i = 0; i < N; i++)
        logits[i] = (float)(temperature * log(p[i]));
    ll_random random = {42};
    size_t counts[N] = {0};
    for (size_t i = 0; i < DRAWS; i++) {
        const size_t drawn = ll_sample(logits, N, temperature, &random);
        REQUIRE(drawn < N);
        counts[drawn]++;
    }
    CHECK(counts[1] == 0);
    for (size_t i = 0; i < N; i++) {
        const double got = (double)counts[i] / DRAWS, deviation = sqrt(p[i] * (1 - p[i]) / DRAWS);
        CHECK_MSG(fabs(got - p[i]) <= 5 * deviation, "temperature %g: index %zu drawn with %f, expected %f",
                  temperature, i, got, p[i]);
    }
}

static void test_sample_frequencies(void) {
    check_frequencies(1);
    check_frequencies(0.5);
    check_frequencies(3);
}

static void test_sample_seed(void) {
    float logits[100];
    for (size_t i = 0; i < 100; i++)
        logits[i] = (float)(i % 7);
    ll_random one = {5}, again = {5}, other = {6};
    size_t same = 0;
    for (size_t i = 0; i < 200; i++) {
        const size_t drawn = ll_sample(logits, 100, 1, &one);
        CHECK(drawn == ll_sample(logits, 100, 1, &again));
        same += drawn == ll_sample(logits, 100, 1, &other);
    }
    CHECK(same < 50);
}

static void test_sample_odd_logits(void) {
    ll_random random = {3};
    for (size_t i = 0; i < 200; i++) {
        const size_t drawn = ll_sample((const float[]){NAN, 1000, -INFINITY, 1000, NAN}, 5, 1, &random);
        CHECK(drawn == 1 || drawn == 3);
        CHECK(ll_sample((const float[]){0, INFINITY, 5}, 3, 1, &random) == 1);
        CHECK(ll_sample((const float[]){NAN, NAN}, 2, 1, &random) == 0);
        CHECK(ll_sample((const float[]){-INFINITY, -INFINITY}, 2, 1, &random) == 0);
    }
}

/* ---- whole characters ---- */

/* The stream's output for text in pieces of the given size. */
static void check_stream(const char *text, size_t length, const char *expected, size_t piece) {
    ll_utf8 stream = {0};
    char *out = malloc(LL_UTF8_ROOM(length) + 3);
    REQUIRE(out);
    size_t written = 0;
    for (size_t at = 0; at < length; at += piece)
        written += ll_utf8_feed(&stream, text + at, length - at < piece ? length - at : piece, out + written);
    written += ll_utf8_flush(&stream, out + written);
    CHECK_MSG(written == strlen(expected) && memcmp(out, expected, written) == 0,
              "pieces of %zu: \"%.*s\", expected \"%s\"", piece, (int)written, out, expected);
    CHECK(ll_utf8_flush(&stream, out) == 0);
    free(out);
}

static void test_utf8_stream(void) {
#define BAD "\xEF\xBF\xBD"
    static const char *const cases[][2] = {
        {"", ""},
        {"plain", "plain"},
        {"a\xC3\xA9z \xE2\x82\xAC \xF0\x9F\x98\x80!", "a\xC3\xA9z \xE2\x82\xAC \xF0\x9F\x98\x80!"},
        {"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF", "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"},
        {"cut \xF0\x9F\x98", "cut " BAD},
        {"cut \xC3", "cut " BAD},
        {"\xE2\x82x", BAD "x"},
        {"\xE2\x82\xE2\x82\xAC", BAD "\xE2\x82\xAC"},
        {"\xF0\x9F\xF0\x9F\x98\x80", BAD "\xF0\x9F\x98\x80"},
        {"\x80\xBFx", BAD BAD "x"},
        {"\xC0\x80", BAD BAD},
        {"\xE0\x80\x80", BAD BAD BAD},
        {"\xED\xA0\x80", BAD BAD BAD},
        {"\xF4\x90\x80\x80", BAD BAD BAD BAD},
        {"\xF0\x80\x80\x80", BAD BAD BAD BAD},
        {"\xFF\xFE", BAD BAD},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece <= 5; piece++)
            check_stream(cases[i][0], strlen(cases[i][0]), cases[i][1], piece);
}

/* Nothing is handed out before it is whole, and nothing is held back once it is. */
static void test_utf8_in_time(void) {
    ll_utf8 stream = {0};
    char out[LL_UTF8_ROOM(2)];
    CHECK(ll_utf8_feed(&stream, "a\xE2", 2, out) == 1 && out[0] == 'a');
    CHECK(ll_utf8_feed(&stream, "\x82", 1, out) == 0);
    CHECK(ll_utf8_feed(&stream, "", 0, out) == 0);
    CHECK(ll_utf8_feed(&stream, "\xAC", 1, out) == 3 && memcmp(out, "\xE2\x82\xAC", 3) == 0);
    CHECK(ll_utf8_feed(&stream, "\0", 1, out) == 1 && out[0] == 0);
    CHECK(ll_utf8_flush(&stream, out) == 0);
}

/* The room that the header promises, at its worst: every byte replaced, after a pending beginning. */
static void test_utf8_room(void) {
    ll_utf8 stream = {0};
    char first[LL_UTF8_ROOM(3)], out[LL_UTF8_ROOM(4)];
    CHECK(ll_utf8_feed(&stream, "\xF0\x9F\x98", 3, first) == 0);
    CHECK(ll_utf8_feed(&stream, "\xFF\xFF\xFF\xFF", 4, out) == 15 && 15 <= sizeof out);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("sampler/random numbers as published", test_random_known);
    ll_test_run("sampler/a seed is a stream", test_random_seeds);
    ll_test_run("sampler/unit interval", test_random_unit);
    ll_test_run("sampler/argmax", test_argmax);
    ll_test_run("sampler/greedy", test_sample_greedy);
    ll_test_run("sampler/frequencies", test_sample_frequencies);
    ll_test_run("sampler/same seed, same draws", test_sample_seed);
    ll_test_run("sampler/logits that are no numbers", test_sample_odd_logits);
    ll_test_run("utf8/whole characters", test_utf8_stream);
    ll_test_run("utf8/in time", test_utf8_in_time);
    ll_test_run("utf8/room", test_utf8_room);
    return ll_test_end();
}
