/* What reports are written with: text of any kind in HTML and Markdown, pictures within a page, words for a shell. */
#include "report/rerun.h"
#include "report/sheet.h"
#include "test.h"

#include <stdlib.h>
#include <string.h>

static char *text;
static size_t length;

static FILE *begin(void) {
    free(text);
    text = NULL;
    return open_memstream(&text, &length);
}

static void expect(FILE *stream, const char *expected) {
    fclose(stream);
    CHECK_MSG(strcmp(text, expected) == 0, "\"%s\", expected \"%s\"", text, expected);
}

/* ---- text ---- */

static void test_html_text(void) {
    static const char *const cases[][2] = {
        {"plain", "plain"},
        {"<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"\"a\" & 'b'", "&quot;a&quot; &amp; &#39;b&#39;"},
        {"&lt;", "&amp;lt;"},
        {"\x01\t\n\x1b[31m\x7f", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD[31m\xEF\xBF\xBD"},
        {"± é 漢 \xF0\x9F\x98\x80", "± é 漢 \xF0\x9F\x98\x80"},
        {"a\xFF\xC3(", "a\xEF\xBF\xBD\xEF\xBF\xBD("},                 /* no UTF-8 */
        {"\xED\xA0\x80|", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD|"},   /* half of a pair */
        {"a\xEF\xBF\xBE\xEF\xBF\xBF.", "a\xEF\xBF\xBD\xEF\xBF\xBD."}, /* no characters of XML */
        {"cut \xE6\xBC", "cut \xEF\xBF\xBD"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *stream = begin();
        ll_html_put(stream, cases[i][0]);
        expect(stream, cases[i][1]);
    }
    /* Longer than what is looked at at once, a character across every border. */
    char long_text[600], *at = long_text;
    for (int i = 0; i < 199; i++, at += 3)
        memcpy(at, "漢", 3);
    *at = 0;
    FILE *stream = begin();
    ll_html_put(stream, long_text);
    expect(stream, long_text);
}

static void test_markdown_text(void) {
    FILE *stream = begin();
    ll_markdown_put(stream, "a|b<c>`d`_e_*f*\\\n\x02");
    expect(stream, "a\\|b\\<c>\\`d\\`\\_e\\_\\*f\\*\\\\??");
}

static void test_bold(void) {
    for (int form = LL_MARKDOWN; form <= LL_HTML; form++) {
        ll_sheet sheet = {.stream = begin(), .form = (ll_sheet_form)form};
        ll_sheet_begin(&sheet, LL_PARAGRAPH);
        ll_sheet_say(&sheet, "**gamma** < 1, ");
        ll_sheet_quote(&sheet, "**<b>");
        ll_sheet_sayf(&sheet, " **%d", 7);
        ll_sheet_end(&sheet, LL_PARAGRAPH);
        expect(sheet.stream, form == LL_HTML
                                 ? "<p><strong>gamma</strong> &lt; 1, **&lt;b&gt; <strong>7</strong></p>\n"
                                 : "\n**gamma** < 1, \\*\\*\\<b> **7\n");
    }
}

static void test_table(void) {
    static const char *const cells[] = {"kind", "whose", "n|", "**attn**", "a<b", "**1.5**",
                                        "attn", "c",     "NA", "mlp",      "c",   "-2"};
    ll_sheet sheet = {.stream = begin(), .form = LL_HTML};
    CHECK(ll_sheet_table(&sheet, "A \"table\"", cells, 4, 3));
    expect(sheet.stream,
           "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"A &quot;table&quot;\">\n<table>\n"
           "<caption>A &quot;table&quot;</caption>\n<thead>\n<tr><th scope=\"col\" class=\"words\">kind</th>"
           "<th scope=\"col\" class=\"words\">whose</th><th scope=\"col\">n|</th></tr>\n</thead>\n<tbody>\n"
           "<tr><th scope=\"row\"><strong>attn</strong></th><td "
           "class=\"words\">a&lt;b</td><td><strong>1.5</strong></td></tr>\n"
           "<tr><th scope=\"row\" class=\"again\">attn</th><td class=\"words\">c</td><td "
           "class=\"na\">–</td></tr>\n"
           "<tr class=\"group\"><th scope=\"row\">mlp</th><td class=\"words\">c</td><td>-2</td></tr>\n"
           "</tbody>\n</table>\n</div>\n");
    sheet = (ll_sheet){.stream = begin(), .form = LL_MARKDOWN};
    CHECK(ll_sheet_table(&sheet, "", cells, 4, 3));
    expect(
        sheet.stream,
        "\n| kind     | whose |     n\\| |\n|:---------|------:|--------:|\n| **attn** |  a\\<b | **1.5** |\n"
        "| attn     |     c |      NA |\n| mlp      |     c |      -2 |\n");
}

/* ---- pictures ---- */

#define ROOT                                                                                                 \
    "<?xml version=\"1.0\"?><!DOCTYPE svg>\n<svg width=\"9\" viewBox=\"0 0 9 9\" "                           \
    "xmlns=\"http://www.w3.org/2000/svg\">"

static void test_picture(void) {
    FILE *stream = begin();
    CHECK(ll_html_put_svg(
        stream,
        ROOT "<title>Gnuplot</title><desc>by it</desc><style>p{}</style><path id='a' d='M0,0'/><g id=\"b\">"
             "<title>gnuplot_plot_1</title><use xlink:href='#a'/><use xlink:href=\"#b\" "
             "fill='url(#c)'/></g></svg>\n",
        3, "A <plot>"));
    fclose(stream);
    CHECK_CONTAINS(
        text, "<svg class=\"plot\" role=\"img\" aria-labelledby=\"p3-title p3-desc\" viewBox=\"0 0 9 9\"");
    CHECK_CONTAINS(text, "<title id=\"p3-title\">A &lt;plot&gt;</title>\n<desc id=\"p3-desc\">");
    CHECK_CONTAINS(text, "</desc><path id='p3-a' d='M0,0'/><g id=\"p3-b\"><use xlink:href='#p3-a'/>"
                         "<use xlink:href=\"#p3-b\" fill='url(#p3-c)'/></g></svg>\n");
    CHECK(!strstr(text, "DOCTYPE") && !strstr(text, "Gnuplot") && !strstr(text, "p{}") &&
          !strstr(text, "width"));
}

static void test_unfit_pictures(void) {
    static const char *const unfit[] = {
        "",
        "no picture",
        "<svg viewBox=\"0 0 9 9\">",
        "<svg></svg>",
        "<svg viewBox=\"evil\"></svg>",
        ROOT "<script>alert(1)</script></svg>",
        ROOT "<use href='http://example.org/x#a'/></svg>",
        ROOT "<a xlink:href=\"javascript:alert(1)\"/></svg>",
        ROOT "<image href='#a'/></svg>",
        ROOT "<foreignObject/></svg>",
        ROOT "<g onload=\"alert(1)\"/></svg>",
        ROOT "<g onclick = 'alert(1)'/></svg>",
        ROOT "<g\tONCLICK='alert(1)'/></svg>",
        ROOT "<rect/onclick='alert(1)'/></svg>",
        ROOT "<SCRIPT>alert(1)</SCRIPT></svg>",
        ROOT "<iframe/></svg>",
        ROOT "<meta http-equiv='refresh' content='0;url=//example.org'/></svg>",
        ROOT "<animate attributeName='href'/></svg>",
        ROOT "<style type='text/css'>body { display: none }</style></svg>",
        ROOT "<path fill=\"url(http://example.org/)\"/></svg>",
        "<!DOCTYPE svg [<!ENTITY a \"b\">]>" ROOT "&a;</svg>",
    };
    for (size_t i = 0; i < sizeof unfit / sizeof *unfit; i++) {
        FILE *stream = begin();
        CHECK_MSG(!ll_html_put_svg(stream, unfit[i], 1, "t"), "\"%s\" is taken", unfit[i]);
        expect(stream, "");
    }
    ll_sheet sheet = {.stream = begin(), .form = LL_HTML};
    ll_sheet_picture(&sheet, "a.png", "A plot", "<svg><script/></svg>");
    fclose(sheet.stream);
    CHECK_CONTAINS(text, "so it is not shown");
    CHECK(!strstr(text, "<script"));
}

/* ---- words ---- */

/* A shell that is given the word gives it back. */
static void test_words(void) {
    static const char *const words[] = {
        "attn:25,26", "a b", "it's", "$(touch x); `y` \"z\" \\", "-rf", "", "*", "'", "a\\'b", "~",
        "é",          "#",   "2:4"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char command[256], back[128] = "";
        FILE *stream = begin();
        ll_rerun_put_word(stream, words[i]);
        fclose(stream);
        snprintf(command, sizeof command, "printf '%%s' %s", text);
        FILE *shell = popen(command, "r");
        REQUIRE(shell);
        const size_t got = fread(back, 1, sizeof back - 1, shell);
        back[got] = 0;
        CHECK_MSG(pclose(shell) == 0 && strcmp(back, words[i]) == 0, "%s: the shell made \"%s\" of it", text,
                  back);
    }
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("sheet/text in HTML", test_html_text);
    ll_test_run("sheet/text in Markdown", test_markdown_text);
    ll_test_run("sheet/bold", test_bold);
    ll_test_run("sheet/tables", test_table);
    ll_test_run("sheet/a picture", test_picture);
    ll_test_run("sheet/unfit pictures", test_unfit_pictures);
    ll_test_run("sheet/words of a shell", test_words);
    free(text);
    return ll_test_end();
}
