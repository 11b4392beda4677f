#include "eval/prompt.h"
#include "fuzz.h"

#include <string.h>
#include <unistd.h>

/* What the definition makes of a record. */
static void use(const ll_task *task, const char *record, size_t length) {
    json_error_t reason;
    ll_prompt prompt;
    ll_error error = {""};
    ll_string solved = {0};
    json_t *parsed = json_loadb(record, length, 0, &reason);
    if (json_is_object(parsed) && ll_fuzz_good(ll_prompt_make(&prompt, task, parsed, &error), &error)) {
        ll_fuzz_good(ll_prompt_append_solved(&prompt, task, &solved, &error), &error);
        ll_fuzz_touch(solved.data, solved.length);
        ll_prompt_free(&prompt);
    }
    ll_string_free(&solved);
    json_decref(parsed);
}

/* A definition; behind a line "---" a record. */
void ll_fuzz_task(const uint8_t *data, size_t length) {
    static const char mark[] = "\n---\n";
    char path[LL_FUZZ_PATH];
    ll_task task;
    ll_error error = {""};
    const uint8_t *record = memmem(data, length, mark, sizeof mark - 1);
    const size_t head = record ? (size_t)(record - data) : length;
    const int file = ll_fuzz_file(data, head, path);
    const bool good = ll_fuzz_good(ll_task_read(&task, path, &error), &error);
    close(file);
    if (good && record)
        use(&task, (const char *)record + sizeof mark - 1, length - head - (sizeof mark - 1));
    if (good)
        ll_task_free(&task);
}
