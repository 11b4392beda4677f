/* Continues a text: prefill of the prompt, then a token at a time. */
#include "cmd.h"
#include "progress.h"
#include "sampler.h"
#include "tokens.h"
#include "utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const ll_options *options;
    const ll_model *model;
    ll_session *session;
    ll_random random;
    float *residual; /* [hidden], of the newest position */
    float *logits;   /* [vocab] */
    ll_ids prompt, answer;
    FILE *out; /* standard output, or memory for --json */
    ll_utf8 stream;
    const char *stop; /* why it ended */
    double prompt_seconds, answer_seconds;
} ll_generation;

/* Writes what of the token is whole characters by now. */
static ll_status emit(ll_generation *g, ll_text text, ll_error *error) {
    enum { PIECE = 64 };
    char whole[LL_UTF8_ROOM(PIECE)];
    for (size_t at = 0; at < text.length; at += PIECE) {
        const size_t left = text.length - at, length = left < PIECE ? left : PIECE;
        fwrite(whole, 1, ll_utf8_feed(&g->stream, text.data + at, length, whole), g->out);
    }
    return g->out == stdout ? ll_cmd_flush(error) : LL_OK;
}

static ll_status take_prompt(ll_generation *g, ll_error *error) {
    const ll_text text = {g->options->prompt_text, strlen(g->options->prompt_text)};
    const size_t context = ll_model_config(g->model)->context;
    LL_TRY(ll_tokens_of_text(ll_model_tokenizer(g->model), text, 0, &g->prompt, error));
    if (g->prompt.count == 0)
        return ll_fail(error, LL_BAD_INPUT, "--prompt: no token to start from; give at least one character");
    if (g->prompt.count > context)
        return ll_fail(error, LL_BAD_INPUT,
                       "--prompt: has %zu tokens, the model's context holds %zu; shorten it by %zu",
                       g->prompt.count, context, g->prompt.count - context);
    return LL_OK;
}

static ll_status start(ll_generation *g, ll_error *error) {
    const ll_config *config = ll_model_config(g->model);
    ll_mask mask;
    LL_TRY(ll_cmd_mask(g->options, config, &mask, error));
    LL_TRY(take_prompt(g, error));
    const size_t room = config->context - g->prompt.count;
    const size_t more = g->options->max_tokens < room ? g->options->max_tokens : room;
    g->residual = malloc(config->hidden * sizeof *g->residual);
    g->logits = malloc(config->vocab * sizeof *g->logits);
    g->answer.data = malloc((more + 1) * sizeof *g->answer.data);
    if (!g->residual || !g->logits || !g->answer.data)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for a row of logits and %zu ids", more + 1);
    return ll_session_create(&g->session, g->model, &mask, g->prompt.count + more, error);
}

/* Only the last row of the residual stream is wanted, so the rows before it leave none. */
static ll_status prefill(ll_generation *g, ll_error *error) {
    const double began = ll_seconds();
    const size_t before = g->prompt.count - 1;
    if (before)
        LL_TRY(ll_session_forward(g->session, g->prompt.data, before, NULL, NULL, error));
    LL_TRY(ll_session_forward(g->session, g->prompt.data + before, 1, g->residual, NULL, error));
    g->prompt_seconds = ll_seconds() - began;
    return LL_OK;
}

static ll_status answer(ll_generation *g, ll_error *error) {
    const ll_config *config = ll_model_config(g->model);
    const ll_tokenizer *tokenizer = ll_model_tokenizer(g->model);
    const double began = ll_seconds();
    while (!g->stop) {
        LL_TRY(ll_session_logits(g->session, g->residual, 1, g->logits, error));
        const int32_t id = (int32_t)ll_sample(g->logits, config->vocab, g->options->temperature, &g->random);
        if (id == ll_tokenizer_eos(tokenizer)) {
            g->stop = "end";
            break;
        }
        g->answer.data[g->answer.count++] = id;
        LL_TRY(emit(g, ll_tokenizer_decode(tokenizer, id), error));
        if (g->answer.count == g->options->max_tokens)
            g->stop = "max-tokens";
        else if (ll_session_depth(g->session) == config->context)
            g->stop = "context";
        else
            LL_TRY(ll_session_forward(g->session, &id, 1, g->residual, NULL, error));
    }
    char rest[LL_UTF8_ROOM(0)];
    fwrite(rest, 1, ll_utf8_flush(&g->stream, rest), g->out);
    g->answer_seconds = ll_seconds() - began;
    return LL_OK;
}

static double per_second(size_t tokens, double seconds) {
    return seconds > 0 ? (double)tokens / seconds : 0;
}

static ll_status print_json(const ll_generation *g, const char *text, size_t length, ll_error *error) {
    json_t *root = json_object(), *ids = json_array();
    for (size_t i = 0; i < g->answer.count; i++)
        json_array_append_new(ids, json_integer(g->answer.data[i]));
    json_object_set_new(root, "text", json_stringn(text, length));
    json_object_set_new(root, "ids", ids);
    json_object_set_new(root, "stop", json_string(g->stop));
    json_object_set_new(root, "prompt_tokens", json_integer((json_int_t)g->prompt.count));
    json_object_set_new(root, "prompt_tokens_per_s",
                        json_real(per_second(g->prompt.count, g->prompt_seconds)));
    json_object_set_new(root, "tokens_per_s", json_real(per_second(g->answer.count, g->answer_seconds)));
    return ll_cmd_print_json(root, error);
}

static ll_status generate(ll_generation *g, ll_error *error) {
    char *text = NULL;
    size_t length = 0;
    LL_TRY(start(g, error));
    g->out = g->options->json ? open_memstream(&text, &length) : stdout;
    if (!g->out)
        return ll_fail(error, LL_NO_RESOURCE, "no memory for the text");
    ll_status status = prefill(g, error);
    if (status == LL_OK)
        status = answer(g, error);
    if (g->out != stdout)
        fclose(g->out);
    else if (status == LL_OK)
        printf("\n");
    if (status == LL_OK && g->options->json)
        status = print_json(g, text, length, error);
    free(text);
    LL_TRY(status);
    LL_TRY(ll_cmd_flush(error));
    if (!g->options->quiet)
        fprintf(stderr,
                "prompt: %zu tokens, %.1f tokens/s; generated: %zu tokens, %.1f tokens/s; stopped by: %s\n",
                g->prompt.count, per_second(g->prompt.count, g->prompt_seconds), g->answer.count,
                per_second(g->answer.count, g->answer_seconds), g->stop);
    return LL_OK;
}

ll_status ll_cmd_generate(const ll_options *options, ll_error *error) {
    ll_model *model = NULL;
    char path[LL_CMD_PATH];
    LL_TRY(ll_cmd_load(options, options->weights, &model, path, error));
    ll_generation g = {.options = options, .model = model, .random = {options->seed}};
    const ll_status status = generate(&g, error);
    ll_session_destroy(g.session);
    ll_ids_free(&g.prompt);
    ll_ids_free(&g.answer);
    free(g.residual);
    free(g.logits);
    ll_model_destroy(model);
    return status;
}
