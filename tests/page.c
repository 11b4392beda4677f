#include "page.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH = 600 };

void ll_page_append(const char *path, const ll_row *row) {
    ll_error error = {""};
    ll_csv *csv;
    bool recovered;
    CHECK_MSG(ll_csv_open(&csv, path, row->schema, &recovered, &error) == LL_OK, "%s", error.text);
    CHECK_MSG(csv && ll_csv_append(csv, row, &error) == LL_OK, "%s", error.text);
    ll_csv_close(csv);
}

char *ll_page_read(const char *folder, const char *name) {
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    char *text = ll_test_read(path, NULL);
    if (!text)
        return strdup("");
    char *to = text;
    for (const char *from = text; *from; from++)
        if (*from != ' ' || to == text || to[-1] != ' ')
            *to++ = *from;
    *to = 0;
    return text;
}

bool ll_page_has_picture(const char *folder, const char *name, const char *ending, const char *start) {
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s.%s", folder, name, ending);
    if (access(path, F_OK) != 0)
        return false;
    size_t length;
    char *data = ll_test_read(path, &length);
    const bool good = data && length > 2000 && memcmp(data, start, strlen(start)) == 0 &&
                      (strcmp(ending, "svg") != 0 || strstr(data, "</svg>"));
    free(data);
    return good;
}

bool ll_page_has_plot(const char *folder, const char *name) {
    return ll_page_has_picture(folder, name, "png", "\x89PNG") &&
           ll_page_has_picture(folder, name, "svg", "<?xml");
}

bool ll_page_have_gnuplot(void) {
    if (system("gnuplot --version >/dev/null 2>&1") == 0)
        return true;
    ll_test_skip("gnuplot", "no gnuplot here; make deps installs it");
    return false;
}
