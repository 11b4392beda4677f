#include "placement_svg.h"
#include "cmd.h"
#include "documents.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 760, MARGIN = 12, CORE = 14, STEP = 17, LINE = 18, BAR = 12 };

typedef struct {
    FILE *out;
    const ll_placement_picture *p;
    int y;
} drawing;

static void text(const drawing *d, int x, int y, const char *style, const char *what) {
    fprintf(d->out, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, style);
    for (; *what; what++) /* names come from files */
        if (*what == '<' || *what == '&' || *what == '>')
            fprintf(d->out, "&#%d;", *what);
        else
            fputc(*what, d->out);
    fputs("</text>\n", d->out);
}

/* ---- cores ---- */

static bool has_thread(const ll_placement *plan, const ll_core *core) {
    for (size_t t = 0; t < plan->threads; t++)
        for (size_t c = 0; c < core->cpus; c++)
            if (plan->cpu[t] == core->cpu[c])
                return true;
    return false;
}

/* The cores of a node of the topology, a gap between two last-level caches. */
static void draw_cores(drawing *d, size_t node) {
    const ll_topology *t = d->p->topology;
    const ll_core *before = NULL;
    int x = 2 * MARGIN;
    for (size_t i = 0; i < t->cores; i++) {
        const ll_core *core = &t->core[i];
        if (core->node != node)
            continue;
        x += before && before->cache != core->cache ? STEP / 2 : 0;
        if (x + CORE > WIDTH - 2 * MARGIN) {
            x = 2 * MARGIN;
            d->y += STEP;
        }
        fprintf(
            d->out,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"%s\"><title>CPU %u</title></rect>\n",
            x, d->y, CORE, CORE, has_thread(d->p->plan, core) ? "busy" : "idle", core->cpu[0]);
        x += STEP;
        before = core;
    }
    d->y += STEP + 4;
}

/* ---- bytes ---- */

static uint64_t most_bytes(const ll_placement_picture *p) {
    uint64_t most = 1;
    for (size_t i = 0; i <= p->plan->nodes; i++)
        if (p->bytes[i].weights + p->bytes[i].session > most)
            most = p->bytes[i].weights + p->bytes[i].session;
    return most;
}

static int width_of(const drawing *d, uint64_t bytes) {
    return (int)((double)bytes / (double)most_bytes(d->p) * (WIDTH - 4 * MARGIN));
}

static void draw_bytes(drawing *d, const ll_node_bytes *bytes) {
    char weights[LL_BYTES_TEXT], session[LL_BYTES_TEXT], line[160];
    const int first = width_of(d, bytes->weights), second = width_of(d, bytes->session);
    ll_cmd_bytes_text(bytes->weights, weights);
    ll_cmd_bytes_text(bytes->session, session);
    fprintf(d->out,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" class=\"weights\"/><rect x=\"%d\" y=\"%d\" "
            "width=\"%d\" height=\"%d\" "
            "class=\"session\"/>\n",
            2 * MARGIN, d->y, first, BAR, 2 * MARGIN + first, d->y, second, BAR);
    d->y += BAR + LINE - 4;
    snprintf(line, sizeof line, "weights %s, KV-cache and buffers %s", weights, session);
    text(d, 2 * MARGIN, d->y, "small", line);
    d->y += 8;
}

/* ---- nodes ---- */

static void draw_node(drawing *d, size_t i) {
    const ll_placement *plan = d->p->plan;
    const ll_placed *placed = d->p->placed;
    const bool split = plan->options.numa == LL_NUMA_SPLIT;
    char line[256];
    const int top = d->y;
    snprintf(line, sizeof line, "%s %u: %zu threads",
             plan->options.virtual_nodes ? "virtual, of node"
             : split                     ? "node"
                                         : "all nodes from",
             d->p->topology->node[plan->node[i].index].os, plan->node[i].threads);
    if (placed && placed->pages_known && placed->pages[i] && split)
        snprintf(line + strlen(line), sizeof line - strlen(line), "; %.1f %% of its pages are on it",
                 100 * (double)placed->there[i] / (double)placed->pages[i]);
    d->y += LINE;
    text(d, 2 * MARGIN, d->y, "title", line);
    d->y += 8;
    if (split)
        draw_cores(d, plan->node[i].index);
    else
        for (size_t node = 0; node < d->p->topology->nodes; node++)
            draw_cores(d, node);
    draw_bytes(d, &d->p->bytes[i]);
    fprintf(d->out, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" class=\"frame\"/>\n", MARGIN,
            top, WIDTH - 2 * MARGIN, d->y - top);
    d->y += MARGIN;
}

static void draw(drawing *d) {
    const ll_placement_picture *p = d->p;
    char line[256];
    snprintf(line, sizeof line, "%.100s: %zu threads on %zu of %zu nodes, %s%s", p->model, p->plan->threads,
             p->plan->nodes, p->topology->nodes, ll_numa_name(p->plan->options.numa),
             p->placed ? "" : ", a plan");
    d->y = 2 * LINE - MARGIN;
    text(d, MARGIN, d->y, "title", line);
    d->y += MARGIN;
    for (size_t i = 0; i < p->plan->nodes; i++)
        draw_node(d, i);
    text(d, MARGIN, d->y + MARGIN, "small", "read by all nodes:");
    d->y += LINE;
    draw_bytes(d, &p->bytes[p->plan->nodes]);
}

ll_status ll_placement_draw(const ll_placement_picture *picture, const char *path, ll_error *error) {
    static const char STYLE[] =
        "<style>text{font:13px "
        "sans-serif;fill:#222}.small{font-size:12px}.title{font-weight:bold}.frame{fill:none;stroke:#888}"
        ".busy{fill:#0072b2}.idle{fill:none;stroke:#999}.weights{fill:#0072b2}.session{fill:#e69f00}"
        "@media(prefers-color-scheme:dark){svg{background:#1b1b1b}text{fill:#ddd}}</style>\n";
    char *body = NULL, *whole = NULL;
    size_t length = 0;
    drawing d = {.out = open_memstream(&body, &length), .p = picture};
    if (!d.out)
        return ll_fail(error, LL_NO_RESOURCE, "%s: no memory for a picture", path);
    draw(&d);
    ll_status status =
        fclose(d.out) == 0 ? LL_OK : ll_fail(error, LL_NO_RESOURCE, "%s: no memory for a picture", path);
    if (status == LL_OK) {
        const int size = asprintf(&whole,
                                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                                  "viewBox=\"0 0 %d %d\">\n%s%s</svg>\n",
                                  WIDTH, d.y + MARGIN, WIDTH, d.y + MARGIN, STYLE, body);
        status = size < 0 ? ll_fail(error, LL_NO_RESOURCE, "%s: no memory for a picture", path)
                          : ll_file_write(path, whole, (size_t)size, error);
    }
    free(body);
    free(whole);
    return status;
}
