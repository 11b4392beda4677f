#include "eval/dataset_private.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Records with a head, commas between the cells; every cell is read. */
void ll_fuzz_task_csv(const uint8_t *data, size_t length) {
    ll_dataset dataset = {0};
    ll_error error = {""};
    char *text = malloc(length + 1);
    if (!text)
        return;
    memcpy(text, data, length);
    text[length] = 0;
    if (ll_fuzz_good(ll_dataset_parse_csv(&dataset, "data.csv", text, length, ',', NULL, &error), &error))
        for (size_t i = 0; i < dataset.count; i++) {
            const char *name;
            json_t *cell;
            json_object_foreach(dataset.records[i], name, cell)
                ll_fuzz_touch(json_string_value(cell), json_string_length(cell));
        }
    ll_dataset_free(&dataset);
    free(text);
}
