#include "report/sheet.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- the page ---- */

/* Written so that a reader of XML takes it as well as a browser does. Nothing may be loaded or run, whatever slipped in. */
void ll_sheet_open(ll_sheet *sheet, const char *title, const char *style) {
    if (sheet->form == LL_MARKDOWN)
        return;
    FILE *stream = sheet->stream;
    fputs("<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta "
          "charset=\"utf-8\"/>\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<meta name=\"color-scheme\" content=\"light dark\"/>\n<title>",
          stream);
    ll_html_put(stream, title);
    fprintf(stream, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n", style);
}

void ll_sheet_close(ll_sheet *sheet) {
    if (sheet->form == LL_HTML)
        fputs("</main>\n</body>\n</html>\n", sheet->stream);
}

/* ---- blocks ---- */

typedef struct {
    const char *markdown, *html_open, *html_close;
} block_form;

static const block_form forms[] = {
    [LL_TITLE] = {"# ", "<h1>", "</h1>"},    [LL_SECTION] = {"\n## ", "<h2>", "</h2>"},
    [LL_PART] = {"\n### ", "<h3>", "</h3>"}, [LL_PARAGRAPH] = {"\n", "<p>", "</p>"},
    [LL_ITEM] = {"- ", "<li>", "</li>"},     [LL_NOTE] = {"\n", "<p class=\"note\">", "</p>"},
};

void ll_sheet_begin(ll_sheet *sheet, ll_sheet_block block) {
    fputs(sheet->form == LL_HTML ? forms[block].html_open : forms[block].markdown, sheet->stream);
}

void ll_sheet_end(ll_sheet *sheet, ll_sheet_block block) {
    if (sheet->strong)
        ll_sheet_say(sheet, "**");
    fprintf(sheet->stream, "%s\n", sheet->form == LL_HTML ? forms[block].html_close : "");
}

void ll_sheet_put(ll_sheet *sheet, ll_sheet_block block, const char *text) {
    ll_sheet_begin(sheet, block);
    ll_sheet_say(sheet, text);
    ll_sheet_end(sheet, block);
}

void ll_sheet_section(ll_sheet *sheet, const char *id, const char *text) {
    if (sheet->form == LL_MARKDOWN) {
        ll_sheet_put(sheet, LL_SECTION, text);
        return;
    }
    fprintf(sheet->stream, "<h2 id=\"%s\">", id);
    ll_sheet_say(sheet, text);
    fputs("</h2>\n", sheet->stream);
}

void ll_sheet_links(ll_sheet *sheet, const char *const *links) {
    if (sheet->form == LL_MARKDOWN)
        return;
    fputs("<nav aria-label=\"Sections\">\n<ul>\n", sheet->stream);
    for (; *links; links += 2)
        fprintf(sheet->stream, "<li><a href=\"#%s\">%s</a></li>\n", links[0], links[1]);
    fputs("</ul>\n</nav>\n", sheet->stream);
}

void ll_sheet_begin_list(ll_sheet *sheet) {
    fputs(sheet->form == LL_HTML ? "<ul>\n" : "\n", sheet->stream);
}

void ll_sheet_end_list(ll_sheet *sheet) {
    if (sheet->form == LL_HTML)
        fputs("</ul>\n", sheet->stream);
}

/* ---- within a block ---- */

void ll_sheet_say(ll_sheet *sheet, const char *text) {
    if (sheet->form == LL_MARKDOWN) {
        fputs(text, sheet->stream);
        return;
    }
    for (const char *bold; (bold = strstr(text, "**")); text = bold + 2) {
        ll_html_put_part(sheet->stream, text, (size_t)(bold - text));
        fputs(sheet->strong ? "</strong>" : "<strong>", sheet->stream);
        sheet->strong = !sheet->strong;
    }
    ll_html_put(sheet->stream, text);
}

void ll_sheet_sayf(ll_sheet *sheet, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    ll_sheet_say(sheet, text);
}

void ll_sheet_quote(ll_sheet *sheet, const char *text) {
    if (sheet->form == LL_HTML)
        ll_html_put(sheet->stream, text);
    else
        ll_markdown_put(sheet->stream, text);
}

void ll_sheet_say_cells(ll_sheet *sheet, const char *format, const char *const *cells) {
    for (const char *at; (at = strchr(format, '@')); format = at + 1) {
        ll_sheet_sayf(sheet, "%.*s", (int)(at - format), format);
        ll_sheet_quote(sheet, *cells++);
    }
    ll_sheet_say(sheet, format);
}

/* ---- facts ---- */

void ll_sheet_begin_facts(ll_sheet *sheet, const char *caption) {
    if (sheet->form == LL_MARKDOWN) {
        fputs("\n| | |\n|:-|:-|\n", sheet->stream);
        return;
    }
    fputs("<table class=\"facts\">\n<caption>", sheet->stream);
    ll_sheet_say(sheet, caption);
    fputs("</caption>\n<tbody>\n", sheet->stream);
}

void ll_sheet_begin_fact(ll_sheet *sheet, const char *name) {
    fprintf(sheet->stream, sheet->form == LL_HTML ? "<tr><th scope=\"row\">%s</th><td>" : "| %s | ", name);
}

void ll_sheet_end_fact(ll_sheet *sheet) {
    fputs(sheet->form == LL_HTML ? "</td></tr>\n" : " |\n", sheet->stream);
}

void ll_sheet_end_facts(ll_sheet *sheet) {
    if (sheet->form == LL_HTML)
        fputs("</tbody>\n</table>\n", sheet->stream);
}

/* ---- tables ---- */

bool ll_sheet_is_bold(const char *cell) {
    const size_t length = strlen(cell);
    return length > 4 && memcmp(cell, "**", 2) == 0 && strcmp(cell + length - 2, "**") == 0;
}

/* NA is less than a number. more: the tag's attributes. */
static void put_cell(FILE *stream, const char *cell, const char *tag, const char *more) {
    const bool bold = ll_sheet_is_bold(cell), missing = strcmp(cell, "NA") == 0;
    fprintf(stream, "<%s%s>%s", tag, missing ? " class=\"na\"" : more, bold ? "<strong>" : "");
    if (bold)
        ll_html_put_part(stream, cell + 2, strlen(cell) - 4);
    else
        ll_html_put(stream, missing ? "–" : cell);
    fprintf(stream, "%s</%s>", bold ? "</strong>" : "", tag);
}

/* Whether two lines' heads are one but for being bold. */
static bool is_same(const char *a, const char *b) {
    const size_t skip_a = ll_sheet_is_bold(a) ? 2 : 0, skip_b = ll_sheet_is_bold(b) ? 2 : 0,
                 length = strlen(a) - 2 * skip_a;
    return length == strlen(b) - 2 * skip_b && memcmp(a + skip_a, b + skip_b, length) == 0;
}

/* Whether a column is of words: no cell below its head is a number. */
static bool is_words(const char *const *cells, size_t lines, size_t columns, size_t column) {
    bool words = false;
    for (size_t l = 1; l < lines; l++) {
        const char *cell = cells[l * columns + column];
        if (strpbrk(cell, "0123456789") && strspn(cell, "+-*.0123456789"))
            return false;
        words = words || strcmp(cell, "NA") != 0;
    }
    return words;
}

static void put_row(FILE *stream, const char *const *cells, size_t columns, bool again, const bool *words) {
    for (size_t c = 0; c < columns; c++)
        put_cell(stream, cells[c], c == 0 ? "th" : "td",
                 c == 0     ? again ? " scope=\"row\" class=\"again\"" : " scope=\"row\""
                 : words[c] ? " class=\"words\""
                            : "");
}

/* Whether neighbouring lines have one head: then lines with another begin a group. */
static bool has_groups(const char *const *cells, size_t lines, size_t columns) {
    for (size_t l = 2; l < lines; l++)
        if (is_same(cells[l * columns], cells[(l - 1) * columns]))
            return true;
    return false;
}

static void put_grid(FILE *stream, const char *caption, const char *const *cells, size_t lines,
                     size_t columns, const bool *words) {
    /* Wide tables scroll by themselves, with the keyboard too. */
    fputs("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"", stream);
    ll_html_put(stream, caption);
    fputs("\">\n<table>\n<caption>", stream);
    ll_html_put(stream, caption);
    fputs("</caption>\n<thead>\n<tr>", stream);
    for (size_t c = 0; c < columns; c++)
        put_cell(stream, cells[c], "th", words[c] ? " scope=\"col\" class=\"words\"" : " scope=\"col\"");
    fputs("</tr>\n</thead>\n<tbody>\n", stream);
    const bool groups = has_groups(cells, lines, columns);
    for (size_t l = 1; l < lines; l++) {
        const char *const *row = cells + l * columns;
        const bool again = l > 1 && is_same(row[0], cells[(l - 1) * columns]);
        fputs(groups && l > 1 && !again ? "<tr class=\"group\">" : "<tr>", stream);
        put_row(stream, row, columns, again, words);
        fputs("</tr>\n", stream);
    }
    fputs("</tbody>\n</table>\n</div>\n", stream);
}

bool ll_sheet_table(ll_sheet *sheet, const char *caption, const char *const *cells, size_t lines,
                    size_t columns) {
    if (sheet->form == LL_MARKDOWN) {
        putc('\n', sheet->stream);
        return ll_markdown_put_grid(sheet->stream, cells, lines, columns);
    }
    bool *words = calloc(columns, sizeof *words);
    for (size_t c = 0; words && c < columns; c++)
        words[c] = is_words(cells, lines, columns, c);
    if (words)
        put_grid(sheet->stream, caption, cells, lines, columns, words);
    free(words);
    return words != NULL;
}

/* ---- the rest ---- */

void ll_sheet_begin_details(ll_sheet *sheet, const char *summary) {
    if (sheet->form == LL_MARKDOWN) {
        ll_sheet_put(sheet, LL_PARAGRAPH, summary);
        return;
    }
    fputs("<details>\n<summary>", sheet->stream);
    ll_sheet_say(sheet, summary);
    fputs("</summary>\n", sheet->stream);
}

void ll_sheet_end_details(ll_sheet *sheet) {
    if (sheet->form == LL_HTML)
        fputs("</details>\n", sheet->stream);
}

void ll_sheet_begin_code(ll_sheet *sheet) {
    fputs(sheet->form == LL_HTML ? "<pre tabindex=\"0\"><code>" : "\n```\n", sheet->stream);
}

void ll_sheet_code(ll_sheet *sheet, const char *line) {
    if (sheet->form == LL_HTML)
        ll_html_put(sheet->stream, line);
    else
        for (; *line; line++)
            putc((unsigned char)*line < 32 || *line == 127 ? '?' : *line, sheet->stream);
    putc('\n', sheet->stream);
}

void ll_sheet_end_code(ll_sheet *sheet) {
    fputs(sheet->form == LL_HTML ? "</code></pre>\n" : "```\n", sheet->stream);
}

void ll_sheet_picture(ll_sheet *sheet, const char *file, const char *caption, const char *svg) {
    if (sheet->form == LL_MARKDOWN) {
        fprintf(sheet->stream, "\n![%s](%s)\n", caption, file);
        return;
    }
    if (!svg)
        return;
    fputs("<figure>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"", sheet->stream);
    ll_html_put(sheet->stream, caption);
    fputs("\">\n", sheet->stream);
    if (!ll_html_put_svg(sheet->stream, svg, ++sheet->pictures, caption))
        fputs("<p>The picture's file is no plot of ours, so it is not shown.</p>\n", sheet->stream);
    fputs("</div>\n<figcaption>", sheet->stream);
    ll_html_put(sheet->stream, caption);
    fputs("</figcaption>\n</figure>\n", sheet->stream);
}
