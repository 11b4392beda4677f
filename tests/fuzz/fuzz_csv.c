#include "csv.h"
#include "fuzz.h"

#include <unistd.h>

/* Read only, then for appending, which takes a row away that was cut. */
void ll_fuzz_csv(const uint8_t *data, size_t length) {
    static const char *const columns[] = {"model", "drop", "value"};
    static const ll_csv_schema schema = {"toy", columns, 3, 2};
    char path[LL_FUZZ_PATH];
    ll_csv *csv = NULL;
    ll_error error = {""};
    bool recovered;
    const int file = ll_fuzz_file(data, length, path);
    size_t rows = 0;
    const bool good = ll_fuzz_good(ll_csv_read(&csv, path, &schema, &error), &error);
    if (good) {
        rows = ll_csv_rows(csv);
        for (size_t row = 0; row < rows; row++)
            for (size_t column = 0; column < schema.count; column++)
                (void)ll_csv_number(csv, row, columns[column]);
        ll_csv_close(csv);
    }
    csv = NULL;
    if (ll_fuzz_good(ll_csv_open(&csv, path, &schema, &recovered, &error), &error) != good ||
        (good && ll_csv_rows(csv) != rows))
        ll_fuzz_fault("reading and appending see different files");
    ll_csv_close(csv);
    close(file);
}
