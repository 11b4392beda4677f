/* What the fuzzers run, and `make test` on every seed: each target reads its input as one kind of file and uses
 * whatever loads. Sanitizers see what goes wrong; what they cannot see, a target says by ll_fuzz_fault. */
#ifndef LL_FUZZ_H
#define LL_FUZZ_H
#include "error.h"
#include "tokenizer.h"

/* name, then the most memory that an input of n bytes may hold at once: kilobytes + times * n. times is what the
 * densest inputs cost, and half as much again: a list of empty JSON objects is 71 bytes of jansson's structs for each
 * byte, a table of keys that grows up to 104; GGUF's keys and tensors, and a vocabulary's tables, are up to 35.
 * kilobytes are what every input pays for: byte alphabets, compiled patterns (PCRE2 refuses those beyond
 * 64 kB), matching. */
#define LL_FUZZ_TARGETS(TARGET)                                                                              \
    TARGET(safetensors, 16, 160)                                                                             \
    TARGET(gguf, 32, 48)                                                                                     \
    TARGET(config, 16, 160)                                                                                  \
    TARGET(folder, 64, 160)                                                                                  \
    TARGET(tokenizer_json, 192, 160)                                                                         \
    TARGET(tokenizer_model, 64, 64)                                                                          \
    TARGET(drop, 4, 4)                                                                                       \
    TARGET(plan, 16, 160)                                                                                    \
    TARGET(parts, 16, 200)                                                                                   \
    TARGET(csv, 16, 64)                                                                                      \
    TARGET(task, 192, 160)                                                                                   \
    TARGET(task_csv, 16, 160)

#define LL_FUZZ_DECLARE(name, kilobytes, times) void ll_fuzz_##name(const uint8_t *data, size_t length);
LL_FUZZ_TARGETS(LL_FUZZ_DECLARE)
#undef LL_FUZZ_DECLARE

/* Ends the program with the sentence: the input is then a crash. */
_Noreturn void ll_fuzz_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whether status is LL_OK; else error must hold one line, and the status must be the one that an input may cause. */
bool ll_fuzz_good(ll_status status, const ll_error *error);
/* The input as a file, for readers that take a path: a path that lasts until the descriptor is closed. */
enum { LL_FUZZ_PATH = 64 };
int ll_fuzz_file(const uint8_t *data, size_t length, char path[LL_FUZZ_PATH]);
/* Encodes a text of every kind of character and the input's end, and decodes every id. */
void ll_fuzz_tokenizer(const ll_tokenizer *tokenizer, const uint8_t *data, size_t length);
/* Reads every byte. */
void ll_fuzz_touch(const void *data, size_t length);
#endif
