#include "report/sheet.h"
#include "utf8.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* ---- text ---- */

#define REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

static void put_byte(FILE *stream, char c) {
    switch (c) {
    case '&':
        fputs("&amp;", stream);
        break;
    case '<':
        fputs("&lt;", stream);
        break;
    case '>':
        fputs("&gt;", stream);
        break;
    case '"':
        fputs("&quot;", stream);
        break;
    case '\'':
        fputs("&#39;", stream);
        break;
    default:
        if ((c > 0 && c < 32) || c == 127)
            fputs(REPLACEMENT, stream);
        else
            putc(c, stream);
    }
}

/* text is whole characters of UTF-8. XML knows all of them but two. */
static void put_characters(FILE *stream, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (length - i >= 3 &&
            (memcmp(text + i, "\xEF\xBF\xBE", 3) == 0 || memcmp(text + i, "\xEF\xBF\xBF", 3) == 0)) {
            fputs(REPLACEMENT, stream);
            i += 2;
        } else {
            put_byte(stream, text[i]);
        }
}

void ll_html_put_part(FILE *stream, const char *text, size_t length) {
    enum { CHUNK = 128 };
    char whole[LL_UTF8_ROOM(CHUNK)];
    ll_utf8 characters = {{0}, 0};
    for (size_t at = 0; at < length; at += CHUNK) {
        const size_t size = length - at < CHUNK ? length - at : CHUNK;
        put_characters(stream, whole, ll_utf8_feed(&characters, text + at, size, whole));
    }
    put_characters(stream, whole, ll_utf8_flush(&characters, whole));
}

void ll_html_put(FILE *stream, const char *text) {
    ll_html_put_part(stream, text, strlen(text));
}

/* ---- pictures ---- */

/* The length of text's beginning that is start; 0: it begins otherwise. */
static size_t begins(const char *text, const char *start) {
    const size_t length = strlen(start);
    return strncmp(text, start, length) == 0 ? length : 0;
}

/* Whether text has an attribute that would run something: onload="". Browsers take any letters' case, and more than blanks before it. */
static bool has_handler(const char *text) {
    for (const char *at = text; (at = strcasestr(at, "on")); at++) {
        const char *end = at + 2;
        while (isalpha((unsigned char)*end))
            end++;
        if (at > text && strchr(" \t\n\r/\"'", at[-1]) && end > at + 2 && end[strspn(end, " \t\n\r")] == '=')
            return true;
    }
    return false;
}

/* Whether what follows a '<' is one of the elements that gnuplot and we draw with. A style with attributes would not be taken away. */
static bool is_drawn_with(const char *tag) {
    static const char *const names[] = {"svg",      "g",           "path",   "text",     "tspan",   "defs",
                                        "use",      "rect",        "circle", "line",     "ellipse", "polygon",
                                        "polyline", "title",       "desc",   "clipPath", "pattern", "filter",
                                        "feFlood",  "feComposite", "?xml",   "!DOCTYPE", "!--"};
    tag += *tag == '/';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const size_t length = begins(tag, names[i]);
        if (length && (!isalnum((unsigned char)tag[length]) || *tag == '!'))
            return true;
    }
    return begins(tag, "style>");
}

/* Whether every reference that begins so goes on with a place in the picture itself. */
static bool refers_inside(const char *text, const char *reference, size_t quote) {
    for (const char *at = text; (at = strstr(at, reference)); at++)
        if (strlen(at) > strlen(reference) + quote && at[strlen(reference) + quote] != '#')
            return false;
    return true;
}

/* No script, and nothing from outside the page: what our plots have none of. */
static bool is_fit(const char *svg) {
    for (const char *at = svg; (at = strchr(at, '<')); at++)
        if (!is_drawn_with(at + 1))
            return false;
    return !has_handler(svg) && refers_inside(svg, "href=", 1) && refers_inside(svg, "url(", 0);
}

/* The four numbers of the root's viewBox. */
static bool find_view(const char *root, const char *end, char out[64]) {
    const char *at = strstr(root, "viewBox=");
    if (!at || at >= end)
        return false;
    at += strlen("viewBox=") + 1;
    const size_t length = strspn(at, "0123456789. ");
    if (length == 0 || length >= 64)
        return false;
    memcpy(out, at, length);
    out[length] = 0;
    return true;
}

/* The body with its ids and what refers to them made unique, and without titles (browsers would show gnuplot's names of
 * parts) and styles, which would reach the whole page: its own has what our pictures need. */
static void put_body(FILE *stream, const char *at, const char *end, int number) {
    static const char *const names[] = {" id='", " id=\"", "href='#", "href=\"#", "url(#"};
    static const char *const hidden[][2] = {
        {"<title>", "</title>"}, {"<desc>", "</desc>"}, {"<style>", "</style>"}};
    while (at < end) {
        size_t length = 0;
        for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++) {
            const char *close = begins(at, hidden[i][0]) ? strstr(at, hidden[i][1]) : NULL;
            if (close)
                at = close + strlen(hidden[i][1]);
        }
        for (size_t i = 0; i < sizeof names / sizeof *names && !length; i++)
            length = begins(at, names[i]);
        if (at >= end)
            return;
        fwrite(at, 1, length ? length : 1, stream);
        if (length)
            fprintf(stream, "p%d-", number);
        at += length ? length : 1;
    }
}

bool ll_html_put_svg(FILE *stream, const char *svg, int number, const char *title) {
    const char *root = strstr(svg, "<svg"), *body = root ? strchr(root, '>') : NULL, *end = NULL;
    char view[64];
    for (const char *at = body; at && (at = strstr(at, "</svg>")); at++)
        end = at;
    if (!end || !is_fit(svg) || !find_view(root, body, view))
        return false;
    fprintf(stream, "<svg class=\"plot\" role=\"img\" aria-labelledby=\"p%d-title p%d-desc\" viewBox=\"%s\"",
            number, number, view);
    fputs(" xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">\n", stream);
    fprintf(stream, "<title id=\"p%d-title\">", number);
    ll_html_put(stream, title);
    fprintf(stream,
            "</title>\n<desc id=\"p%d-desc\">A plot; its numbers are in the tables of this page.</desc>",
            number);
    put_body(stream, body + 1, end, number);
    fputs("</svg>\n", stream);
    return true;
}
