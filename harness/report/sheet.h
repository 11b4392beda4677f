/* A page written in Markdown or in HTML by the same calls, so that both say the same. Two kinds of text go in: what the program
 * says itself, in which ** begins and ends bold, and what it quotes from files, which may hold anything. */
#ifndef LL_SHEET_H
#define LL_SHEET_H
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef enum { LL_MARKDOWN, LL_HTML } ll_sheet_form;
typedef struct {
    FILE *stream;
    ll_sheet_form form;
    int pictures; /* inlined so far: their ids are made unique by it */
    bool strong;  /* within bold text */
} ll_sheet;

typedef enum {
    LL_TITLE,   /* h1 */
    LL_SECTION, /* h2 */
    LL_PART,    /* h3 */
    LL_PARAGRAPH,
    LL_ITEM, /* of the list that ll_sheet_begin_list began */
    LL_NOTE, /* a paragraph about a table or picture */
} ll_sheet_block;

/* Around a page: the head of an HTML file with its title and the text of its style; nothing in Markdown. */
void ll_sheet_open(ll_sheet *sheet, const char *title, const char *style);
void ll_sheet_close(ll_sheet *sheet);

void ll_sheet_begin(ll_sheet *sheet, ll_sheet_block block);
void ll_sheet_end(ll_sheet *sheet, ll_sheet_block block);
/* A whole block of the program's own words. */
void ll_sheet_put(ll_sheet *sheet, ll_sheet_block block, const char *text);
/* A section's heading; id is what a link to it says after #. */
void ll_sheet_section(ll_sheet *sheet, const char *id, const char *text);
/* Links to sections: ids and titles in turn, NULL at the end; nothing in Markdown. */
void ll_sheet_links(ll_sheet *sheet, const char *const *links);
void ll_sheet_begin_list(ll_sheet *sheet);
void ll_sheet_end_list(ll_sheet *sheet);

/* Within a block. */
void ll_sheet_say(ll_sheet *sheet, const char *text);
void ll_sheet_sayf(ll_sheet *sheet, const char *format, ...) __attribute__((format(printf, 2, 3)));
void ll_sheet_quote(ll_sheet *sheet, const char *text);
/* Says format, with every @ one of cells, quoted. */
void ll_sheet_say_cells(ll_sheet *sheet, const char *format, const char *const *cells);

/* Names and what is said of each: a table of two columns. */
void ll_sheet_begin_facts(ll_sheet *sheet, const char *caption);
void ll_sheet_begin_fact(ll_sheet *sheet, const char *name);
void ll_sheet_end_fact(ll_sheet *sheet);
void ll_sheet_end_facts(ll_sheet *sheet);

/* lines x columns cells; the first line is the head, the first column the lines' heads. A cell between ** is bold. False: no
 * memory. */
bool ll_sheet_table(ll_sheet *sheet, const char *caption, const char *const *cells, size_t lines,
                    size_t columns);
/* In HTML what follows is shown when it is asked for. */
void ll_sheet_begin_details(ll_sheet *sheet, const char *summary);
void ll_sheet_end_details(ll_sheet *sheet);
/* Lines to type, of which each is quoted. */
void ll_sheet_begin_code(ll_sheet *sheet);
void ll_sheet_code(ll_sheet *sheet, const char *line);
void ll_sheet_end_code(ll_sheet *sheet);

/* The picture file name.png (name.svg with an svg) in Markdown; in HTML the text of an SVG itself, with its ids made unique, and
 * title and description for who cannot see it. svg NULL or unfit (it holds a script, or is none): nothing. */
void ll_sheet_picture(ll_sheet *sheet, const char *file, const char *caption, const char *svg);

/* ---- parts ---- */
bool ll_sheet_is_bold(const char *cell);
/* text as HTML, between tags or quotes: what is markup is escaped, what is no UTF-8 or a control character becomes U+FFFD. */
void ll_html_put(FILE *stream, const char *text);
void ll_html_put_part(FILE *stream, const char *text, size_t length);
/* An SVG as written by gnuplot or by us, inside an HTML page; see ll_sheet_picture. False: unfit, and nothing was written. */
bool ll_html_put_svg(FILE *stream, const char *svg, int number, const char *title);
/* Text inside Markdown; control characters become '?'. */
void ll_markdown_put(FILE *stream, const char *text);
/* A table that is one to the eye too. False: no memory. */
bool ll_markdown_put_grid(FILE *stream, const char *const *cells, size_t lines, size_t columns);
#endif
