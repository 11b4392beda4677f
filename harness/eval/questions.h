/* The questions of a task as token sequences: prompts, examples and choices as lm-evaluation-harness makes them. */
#ifndef LL_QUESTIONS_H
#define LL_QUESTIONS_H
#include "eval/task.h"
#include "progress.h"
#include "tokens.h"

/* Which questions, and how they are asked. */
typedef struct {
    size_t shots;   /* examples; SIZE_MAX: as the task says */
    size_t limit;   /* questions of each file; 0: all */
    bool subset;    /* the limit's questions are drawn (seed), not the first */
    uint64_t seed;  /* of the subset */
    size_t context; /* positions of the model */
    bool keep_text; /* of the requests, for a log */
    bool cut;       /* prompts beyond them lose their beginning, as the harness does; else they are refused */
} ll_question_options;

/* One token sequence; its ids are those of the context, then those of the continuation. */
typedef struct {
    size_t first;                 /* of the set's ids */
    size_t context, continuation; /* tokens; a generation has no continuation */
    size_t characters, bytes;     /* of the choice's text */
    size_t text_context;          /* bytes of text that are the context's */
    char *text;                   /* context and continuation; NULL: not kept */
} ll_request;

typedef struct {
    size_t document, line;  /* of its file, from 0 and 1 */
    size_t subject;         /* of the set's subjects */
    size_t gold;            /* the right request; of a generation 0 */
    size_t first, requests; /* of the set's requests */
    char *target;           /* of a generation: the right text */
} ll_question;

/* Questions of one file. */
typedef struct {
    const char *group, *name; /* NULL: the task has no subjects */
    size_t first, count;      /* of the set's questions */
    size_t available;         /* in the file */
} ll_question_subject;

typedef struct {
    const ll_task *task;
    ll_question *questions;
    size_t count, capacity;
    ll_request *requests;
    size_t request_count, request_capacity;
    ll_ids ids;
    ll_question_subject *subjects;
    size_t subject_count;
    char data_sha256[LL_SHA256_TEXT]; /* of all files */
    size_t available;                 /* questions in the files */
    bool sample, sample_shots;        /* questions, examples are the program's samples */
    size_t shots;                     /* that were used */
    size_t longest;                   /* tokens of the longest request, with what is generated */
    size_t cut;                       /* requests that lost their beginning */
    size_t asked;                     /* tokens of all requests */
    double chance;                    /* of a guess to be right */
} ll_question_set;

/* Reads the task's data and makes its questions. Of a task with subjects those whose files are there are taken. One progress step
 * a question. */
ll_status ll_questions_make(ll_question_set *out, const ll_task *task, const ll_tokenizer *tokenizer,
                            const ll_question_options *options, ll_progress *progress, ll_error *error);
void ll_questions_free(ll_question_set *set);
/* Of all its requests, without what is generated. */
size_t ll_question_tokens(const ll_question_set *set, const ll_question *question);
const int32_t *ll_request_ids(const ll_question_set *set, const ll_request *request);

/* Tokens of a context and of what follows it: white space at the context's end goes to the continuation, both are encoded together, and
 * what follows the context's own tokens is the continuation's. One BOS where the tokenizer adds one, before an empty context a BOS or
 * else an EOS. Appends both to ids; *context and *continuation say how many. */
ll_status ll_encode_pair(const ll_tokenizer *tokenizer, const char *text, size_t context_bytes,
                         size_t continuation_bytes, ll_ids *ids, size_t *context, size_t *continuation,
                         ll_error *error);
/* The same where ids end with the context's tokens, context of them, already: appends the continuation's. bytes: of the whole text. */
ll_status ll_encode_continuation(const ll_tokenizer *tokenizer, const char *text, size_t bytes, ll_ids *ids,
                                 size_t context, size_t *continuation, ll_error *error);
#endif
