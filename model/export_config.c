/* The config.json of an export: the source's own text, in which only the two drop lists change. */
#include "config_hf.h"
#include "export_parts.h"
#include <stdlib.h>
#include <string.h>

/* ---- one key's value in the text of an object that is known to be sound JSON ---- */

typedef struct {
    const char *text;
    size_t at;
} scanner;

static void skip_blanks(scanner *s) {
    s->at += strspn(s->text + s->at, " \t\r\n");
}

static void skip_string(scanner *s) {
    for (s->at++; s->text[s->at] != '"'; s->at++)
        s->at += s->text[s->at] == '\\';
    s->at++;
}

/* Up to the blanks that follow it. */
static void skip_value(scanner *s) {
    size_t depth = 0;
    do {
        const char c = s->text[s->at];
        if (c == '"') {
            skip_string(s);
        } else {
            depth += c == '{' || c == '[';
            depth -= c == '}' || c == ']';
            s->at++;
        }
    } while (depth || !strchr(",}] \t\r\n", s->text[s->at]));
}

/* begin .. end is what the value replaces, before goes in front of it. */
typedef struct {
    size_t begin, end;
    char *before;
} place;

/* Behind the last key where this one is not there, laid out as that. */
static bool find_place(const char *text, const char *key, place *out) {
    scanner s = {text, strcspn(text, "{")};
    char *name;
    if (asprintf(&name, "\"%s\"", key) < 0)
        return false;
    bool found = false;
    size_t gap = 0, quote = 0;
    do {
        gap = ++s.at; /* over '{' or ',' */
        skip_blanks(&s);
        quote = s.at;
        skip_string(&s);
        found = s.at - quote == strlen(name) && memcmp(text + quote, name, strlen(name)) == 0;
        skip_blanks(&s);
        s.at++; /* over ':' */
        skip_blanks(&s);
        out->begin = s.at;
        skip_value(&s);
        out->end = s.at;
        skip_blanks(&s);
    } while (!found && text[s.at] == ',');
    free(name);
    if (!found)
        out->begin = out->end;
    const int length = found ? asprintf(&out->before, "%s", "")
                             : asprintf(&out->before, ",%.*s\"%s\": ", (int)(quote - gap), text + gap, key);
    return length >= 0;
}

static void print_list(FILE *out, const bool *dropped, size_t layers) {
    const char *comma = "";
    fputc('[', out);
    for (size_t layer = 0; layer < layers; layer++) {
        if (!dropped[layer])
            continue;
        fprintf(out, "%s%zu", comma, layer);
        comma = ", ";
    }
    fputc(']', out);
}

/* Takes *text and gives another, with the list as the key's value; NULL: no memory. */
static void set_list(char **text, const char *key, const bool *dropped, size_t layers) {
    char *old = *text;
    size_t length;
    place p;
    *text = NULL;
    if (!old || !find_place(old, key, &p)) {
        free(old);
        return;
    }
    FILE *out = open_memstream(text, &length);
    if (out) {
        fprintf(out, "%.*s%s", (int)p.begin, old, p.before);
        print_list(out, dropped, layers);
        fputs(old + p.end, out);
        if (fclose(out) != 0) {
            free(*text);
            *text = NULL;
        }
    }
    free(p.before);
    free(old);
}

static ll_status own_text(const ll_export_job *job, char **text) {
    ll_mapping map;
    const char *path = ll_checkpoint_file(job->source, ll_checkpoint_file_count(job->source) - 1);
    LL_TRY(ll_mapping_open(&map, path, job->error));
    *text = strndup((const char *)map.data, (size_t)map.bytes);
    ll_mapping_close(&map);
    return LL_OK;
}

/* A config.json of a GGUF file's lists alone, for the user to merge. */
static ll_status new_text(const ll_export_job *job, char **text) {
    const size_t layers = ll_checkpoint_config(job->source)->layers;
    if (asprintf(text, "{\n  \"num_hidden_layers\": %zu\n}\n", layers) < 0)
        *text = NULL;
    return LL_OK;
}

/* The reader finds the lists in it: a key may be spelt with escapes, which the scanner does not see. */
static ll_status check_text(const ll_export_job *job, const char *text, size_t length) {
    const char *path = ll_checkpoint_path(job->source);
    ll_config read;
    LL_TRY(ll_config_from_json(&read, text, length, path, job->error));
    if (memcmp(&read.dropped, &job->dropped, sizeof read.dropped) == 0)
        return LL_OK;
    return ll_fail(job->error, LL_BAD_INPUT,
                   "%s: its config.json does not take drop lists; write them into it", path);
}

ll_status ll_export_config(const ll_export_job *job, char **text, size_t *length) {
    const size_t layers = ll_checkpoint_config(job->source)->layers;
    const bool hf = ll_checkpoint_format(job->source) == LL_FORMAT_HF;
    LL_TRY(hf ? own_text(job, text) : new_text(job, text));
    set_list(text, "drop_attn_list", job->dropped.attn, layers);
    set_list(text, "drop_mlp_list", job->dropped.mlp, layers);
    if (!*text)
        return ll_fail(job->error, LL_NO_RESOURCE, "%s: no memory for its config.json",
                       ll_checkpoint_path(job->source));
    *length = strlen(*text);
    const ll_status status = hf ? check_text(job, *text, *length) : LL_OK;
    if (status != LL_OK)
        free(*text);
    return status;
}
