#include "report/sheet.h"

#include <stdlib.h>
#include <string.h>

void ll_markdown_put(FILE *stream, const char *text) {
    for (; *text; text++) {
        if (strchr("|\\<*`_", *text))
            putc('\\', stream);
        putc((unsigned char)*text < 32 || *text == 127 ? '?' : *text, stream);
    }
}

/* Characters as shown: UTF-8 continuation bytes take no place. */
static int shown(const char *text, size_t length) {
    int count = 0;
    for (size_t i = 0; i < length; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

/* The cell as it stands between bars, malloc'd: escaped but for what makes it bold. NULL: no memory. */
static char *make_cell(const char *cell) {
    char *out = NULL;
    size_t size, length = strlen(cell);
    FILE *stream = open_memstream(&out, &size);
    if (!stream)
        return NULL;
    const bool bold = ll_sheet_is_bold(cell);
    char *plain = strndup(bold ? cell + 2 : cell, bold ? length - 4 : length);
    fputs(bold ? "**" : "", stream);
    if (plain)
        ll_markdown_put(stream, plain);
    fputs(bold ? "**" : "", stream);
    const bool good = plain != NULL;
    free(plain);
    if (fclose(stream) == 0 && good)
        return out;
    free(out);
    return NULL;
}

static void put_line(FILE *stream, char *const *cells, const int *widths, size_t columns) {
    for (size_t i = 0; i < columns; i++) {
        const int gap = widths[i] - shown(cells[i], strlen(cells[i]));
        fprintf(stream, "| %*s%s%*s ", i == 0 ? 0 : gap, "", cells[i], i == 0 ? gap : 0, "");
    }
    fputs("|\n", stream);
}

static void put_rule(FILE *stream, const int *widths, size_t columns) {
    for (size_t i = 0; i < columns; i++) {
        fputs(i == 0 ? "|:" : "|-", stream);
        for (int dash = 0; dash < widths[i]; dash++)
            putc('-', stream);
        fputs(i == 0 ? "-" : ":", stream);
    }
    fputs("|\n", stream);
}

static bool make_cells(char **out, const char *const *cells, size_t count, int *widths, size_t columns) {
    for (size_t i = 0; i < count; i++) {
        if (!(out[i] = make_cell(cells[i])))
            return false;
        const int width = shown(out[i], strlen(out[i]));
        if (width > widths[i % columns])
            widths[i % columns] = width;
    }
    return true;
}

bool ll_markdown_put_grid(FILE *stream, const char *const *cells, size_t lines, size_t columns) {
    int *widths = calloc(columns, sizeof *widths);
    char **made = calloc(lines * columns, sizeof *made);
    const bool good = widths && made && make_cells(made, cells, lines * columns, widths, columns);
    for (size_t l = 0; l < lines && good; l++) {
        put_line(stream, made + l * columns, widths, columns);
        if (l == 0)
            put_rule(stream, widths, columns);
    }
    for (size_t i = 0; made && i < lines * columns; i++)
        free(made[i]);
    free(made);
    free(widths);
    return good;
}
