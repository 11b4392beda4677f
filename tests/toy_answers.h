/* Answers of a small model to small tasks, and the files that keep them.
 *
 *   ll_toy_asked a;
 *   ll_answers answers;
 *   if (!ll_toy_begin(&a, LL_TOY_CHOICES, LL_TOY_FIVE))
 *       return;
 *   char *text = ll_toy_answered(&a.set, ll_toy_folder("kept"), 1, &answers);
 */
#ifndef LL_TOY_ANSWERS_H
#define LL_TOY_ANSWERS_H
#include "eval/answers.h"
#include "toy_task.h"

/* A task of three choices and five questions. */
#define LL_TOY_CHOICES                                                                                       \
    "{'task':'toy','questions':['q.jsonl'],'doc_to_text':'{{q}}','doc_to_target':'{{k}}',"                   \
    "'doc_to_choice':['yes','\u00e9','it is'],'targets':['0','1','2'],'metric':'acc'}"
#define LL_TOY_FIVE                                                                                          \
    "{'q':'The first','k':0}\n{'q':'A second one','k':1}\n{'q':'Third','k':2}\n{'q':'The fourth ','k':0}\n"  \
    "{'q':'5','k':0}\n"

/* What ll_toy_open writes at the beginning of a file, and an answer. */
#define LL_TOY_HEADER "{\"layerlab_answers\":1,\"model_sha256\":\"0123\",\"limit\":\"all\",\"data\":\"d0\"}\n"
#define LL_TOY_SAID(doc) "{\"doc\":" #doc ",\"ll\":[-1,-2.5,-3],\"greedy\":[true,false,false]}\n"
enum { LL_TOY_KEYS = 3 };
extern const ll_answer_key ll_toy_keys[LL_TOY_KEYS];

extern ll_error ll_toy_error; /* of what failed last */

/* Bytes are its tokens, without BOS; the end is byte 0. Made at the first call; NULL after having failed the running test. */
ll_model *ll_toy_model(void);
void ll_toy_model_free(void);

/* Below the test program's folder; static. */
const char *ll_toy_folder(const char *name);
/* The one file of the folder; static. */
const char *ll_toy_answer_file(const char *folder);

/* The task's questions for the model. False after having failed the running test; then too ll_toy_asked_free. */
bool ll_toy_begin(ll_toy_asked *out, const char *definition, const char *questions);
ll_status ll_toy_open(ll_answers *out, const ll_question_set *set, const char *folder);
ll_status ll_toy_answer(ll_answers *answers, size_t batch);
/* Asks all, keeps the answers in the folder, and takes them again. malloc'd: the file's text; NULL after having failed the running
 * test. */
char *ll_toy_answered(const ll_question_set *set, const char *folder, size_t batch, ll_answers *out);
#endif
