/* The union of one CSV's rows: each once, none that contradict each other, in the order of a whole sweep. */
#include "merge_private.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

const ll_csv_schema *const ll_merge_schemas[LL_MERGE_FILES] = {
    &ll_importance_schema, &ll_plans_schema, &ll_quality_schema, &ll_tasks_schema,
    &ll_speed_schema,      &ll_costs_schema, &ll_samples_schema};

/* Files of which each part has only its own drops' rows, so that they need to be put in order; of others every part has all. */
static const ll_csv_schema *const by_drop[] = {&ll_quality_schema, &ll_tasks_schema, &ll_speed_schema,
                                               &ll_samples_schema};

/* Of rows that are the same these may differ: who measured it, when, and what that cost. */
static const char *const circumstances[] = {
    "commit",  "compiler",        "cpu",    "isa",  "threads", "nodes",        "placement",
    "model",   "data_file",       "source", "seed", "date",    "tokens_asked", "tokens_computed",
    "seconds", "modules_computed"};

typedef struct {
    const char *const *cells;
    size_t input, row;     /* where it comes from */
    size_t rank, position; /* where it goes; position: in the sweep's list of drops */
    bool gone;             /* another one is taken for it */
} merged;

typedef struct {
    const ll_merge *merge;
    const ll_csv_schema *schema;
    size_t file, keys;
    merged *rows;
    size_t count;
} table;

static size_t column(const ll_csv_schema *schema, const char *name) {
    size_t i = 0;
    while (i < schema->count && strcmp(schema->columns[i], name) != 0)
        i++;
    return i;
}

/* ---- gathering ---- */
static size_t find_position(const ll_parts_sweep *sweep, const ll_csv_schema *schema,
                            const char *const *cells) {
    ll_parts_row row = {.kind = cells[column(schema, "kind")],
                        .drop = cells[column(schema, "drop")],
                        .dropped = strtoull(cells[column(schema, "dropped")], NULL, 10)};
    snprintf(row.weights, sizeof row.weights, "%.40s %.40s %.8s", cells[column(schema, "weights")],
             cells[column(schema, "group")], cells[column(schema, "kv")]);
    size_t i = 0;
    while (i < sweep->row_count && !ll_parts_same(&sweep->rows[i], &row))
        i++;
    return i;
}

static const ll_parts_sweep *sweep_of(const table *t, const ll_merge_input *input) {
    for (size_t i = 0; i < sizeof by_drop / sizeof *by_drop && input->sweep != SIZE_MAX; i++)
        if (t->schema == by_drop[i])
            return &t->merge->sweeps[input->sweep].whole;
    return NULL;
}

static int compare_cells(const char *const *a, const char *const *b, size_t count) {
    int order = 0;
    for (size_t i = 0; i < count && !order; i++)
        order = strcmp(a[i], b[i]);
    return order;
}

static const ll_csv *csv_of(const ll_merge *merge, size_t input, const ll_csv_schema *schema) {
    size_t file = 0;
    while (ll_merge_schemas[file] != schema)
        file++;
    return merge->inputs[input].csv[file];
}

/* With --first: whether a row is a sample of a timing for which that of an earlier folder is taken. */
static bool is_passed_over(const table *t, size_t input, size_t sample) {
    const ll_csv *speed = csv_of(t->merge, input, &ll_speed_schema), *earlier;
    if (t->schema != &ll_samples_schema || !t->merge->options->first || !speed)
        return false;
    const size_t row = ll_row_of_sample(speed, t->merge->inputs[input].csv[t->file], sample);
    for (size_t i = 0; i < input && row != SIZE_MAX; i++)
        if ((earlier = csv_of(t->merge, i, &ll_speed_schema)))
            for (size_t r = 0; r < ll_csv_rows(earlier); r++)
                if (compare_cells(ll_csv_cells(earlier, r), ll_csv_cells(speed, row), ll_speed_schema.keys) ==
                    0)
                    return true;
    return false;
}

static void gather(table *t) {
    for (size_t i = 0; i < t->merge->count; i++) {
        const ll_merge_input *input = &t->merge->inputs[i];
        const ll_csv *csv = input->csv[t->file];
        const ll_parts_sweep *sweep = sweep_of(t, input);
        for (size_t r = 0; csv && r < ll_csv_rows(csv); r++) {
            const char *const *cells = ll_csv_cells(csv, r);
            if (is_passed_over(t, i, r))
                continue;
            t->rows[t->count++] = (merged){.cells = cells,
                                           .input = i,
                                           .row = r,
                                           .rank = input->rank,
                                           .position = sweep ? find_position(sweep, t->schema, cells) : 0};
        }
    }
}

/* ---- rows that measure the same ---- */
static int compare_sizes(size_t a, size_t b) {
    return (a > b) - (a < b);
}

static int by_key(const void *a, const void *b, void *context) {
    const merged *x = a, *y = b;
    const int order = compare_cells(x->cells, y->cells, ((const table *)context)->keys);
    return order ? order : compare_sizes(x->input, y->input);
}

static bool may_differ(const char *name) {
    for (size_t i = 0; i < sizeof circumstances / sizeof *circumstances; i++)
        if (strcmp(name, circumstances[i]) == 0)
            return true;
    return false;
}

/* "attn 8", "mlp layer 3" */
static void put_what(const table *t, const merged *row, char text[LL_CSV_CELL]) {
    const size_t kind = column(t->schema, "kind"), number = column(t->schema, "dropped"),
                 layer = column(t->schema, "layer");
    const bool modules = layer < t->schema->count;
    snprintf(text, LL_CSV_CELL, "%.64s %s%.64s", row->cells[kind], modules ? "layer " : "",
             row->cells[modules ? layer : number]);
}

/* Of which two never agree. */
static bool is_timing(const table *t) {
    return t->schema == &ll_speed_schema || t->schema == &ll_costs_schema;
}

static ll_status conflict(const table *t, const merged *a, const merged *b, size_t at) {
    const ll_merge_input *first = &t->merge->inputs[a->input], *other = &t->merge->inputs[b->input];
    const size_t isa = column(t->schema, "isa");
    char what[LL_CSV_CELL], advice[2 * LL_CSV_CELL];
    put_what(t, a, what);
    if (is_timing(t))
        snprintf(advice, sizeof advice, "--first keeps the timing of the folder named first");
    else if (isa < t->schema->count && strcmp(a->cells[isa], b->cells[isa]) != 0)
        snprintf(advice, sizeof advice,
                 "their ISAs are %.64s and %.64s, which round otherwise: run all with one --isa",
                 a->cells[isa], b->cells[isa]);
    else
        snprintf(advice, sizeof advice, "leave one folder out");
    return ll_fail(
        t->merge->error, LL_BAD_INPUT,
        "%s: line %zu and %s: line %zu measure the same (%s), and %s is %.32s there, %.32s here; %s",
        ll_csv_path(first->csv[t->file]), ll_csv_line_of(first->csv[t->file], a->row),
        ll_csv_path(other->csv[t->file]), ll_csv_line_of(other->csv[t->file], b->row), what,
        t->schema->columns[at], a->cells[at], b->cells[at], advice);
}

static ll_status compare_values(const table *t, const merged *a, const merged *b) {
    if (is_timing(t) && t->merge->options->first)
        return LL_OK;
    for (size_t i = t->keys; i < t->schema->count; i++)
        if (!may_differ(t->schema->columns[i]) && strcmp(a->cells[i], b->cells[i]) != 0)
            return conflict(t, a, b, i);
    return LL_OK;
}

static ll_status drop_doubles(table *t) {
    qsort_r(t->rows, t->count, sizeof *t->rows, by_key, t);
    for (size_t i = 1, first = 0; i < t->count; i++)
        if (compare_cells(t->rows[first].cells, t->rows[i].cells, t->keys) == 0) {
            LL_TRY(compare_values(t, &t->rows[first], &t->rows[i]));
            t->rows[i].gone = true;
        } else {
            first = i;
        }
    return LL_OK;
}

/* ---- order ---- */
static int by_place(const void *a, const void *b) {
    const merged *x = a, *y = b;
    const int orders[] = {compare_sizes(x->gone, y->gone), compare_sizes(x->rank, y->rank),
                          compare_sizes(x->position, y->position), compare_sizes(x->input, y->input)};
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (orders[i])
            return orders[i];
    return compare_sizes(x->row, y->row);
}

static ll_status print(const table *t, char **text, size_t *length) {
    FILE *stream = open_memstream(text, length);
    if (!stream)
        return ll_fail(t->merge->error, LL_NO_RESOURCE, "no memory for %s.csv", t->schema->name);
    ll_csv_print_header(stream, t->schema);
    for (size_t i = 0; i < t->count && !t->rows[i].gone; i++)
        ll_csv_print_cells(stream, t->rows[i].cells, t->schema->count);
    const bool failed = ferror(stream);
    if (fclose(stream) == 0 && !failed)
        return LL_OK;
    free(*text);
    *text = NULL;
    return ll_fail(t->merge->error, LL_NO_RESOURCE, "no memory for %s.csv", t->schema->name);
}

/* ---- rows that a finished part should have ---- */
/* How many a drop of the sweep's list has: of tasks one each. */
static size_t rows_of_drop(const table *t, const ll_parts_sweep *sweep) {
    const char *key;
    json_t *value;
    size_t count = 0;
    if (t->schema != &ll_tasks_schema)
        return 1;
    json_object_foreach(sweep->settings, key, value) {
        count += strncmp(key, LL_PARTS_TASK, strlen(LL_PARTS_TASK)) == 0;
    }
    return count;
}

/* Rows are in the order of their keys: of several that measure the same one counts. */
static void count_rows(const table *t, size_t at, size_t *seen) {
    const merged *last = NULL;
    for (size_t i = 0; i < t->count; i++) {
        const merged *row = &t->rows[i];
        if (t->merge->inputs[row->input].sweep != at ||
            (last && compare_cells(last->cells, row->cells, t->keys) == 0))
            continue;
        seen[row->position]++;
        last = row;
    }
}

static ll_status check_sweep(const table *t, size_t at, size_t *seen) {
    const ll_merge_sweep *sweep = &t->merge->sweeps[at];
    const ll_parts_sweep *whole = &sweep->whole;
    const size_t wanted = rows_of_drop(t, whole);
    count_rows(t, at, seen);
    for (size_t i = 0; i < whole->row_count; i++)
        if (seen[i] < wanted && ll_parts_lists(&whole->rows[i], t->schema->name) &&
            whole->finished[whole->rows[i].part - 1])
            LL_TRY(ll_merge_lack(
                t->merge,
                "%s.csv: %zu of %zu rows of %s %zu (%s), though part %zu of %zu of the sweep of %s is "
                "finished; run that part again",
                t->schema->name, seen[i], wanted, whole->rows[i].kind, whole->rows[i].dropped,
                whole->rows[i].weights, whole->rows[i].part, whole->of,
                t->merge->inputs[sweep->input].folder));
    return LL_OK;
}

/* A folder of several sweeps says of none of its rows which one's it is: only sweeps whose rows can be told are looked through. */
static bool can_be_told(const ll_merge *merge, size_t at) {
    const char *a, *b;
    for (size_t i = 0; i < merge->count; i++)
        for (size_t k = 0; merge->inputs[i].parts.count > 1 && k < merge->inputs[i].parts.count; k++)
            if (!ll_parts_difference(&merge->inputs[i].parts.sweeps[k], &merge->sweeps[at].whole, &a, &b))
                return false;
    return true;
}

static ll_status check_all_there(const table *t) {
    ll_status status = LL_OK;
    for (size_t at = 0; at < t->merge->sweep_count && status == LL_OK; at++) {
        const ll_parts_sweep *whole = &t->merge->sweeps[at].whole;
        if (!can_be_told(t->merge, at))
            continue;
        size_t *seen = calloc(whole->row_count + 1, sizeof *seen);
        status = seen ? check_sweep(t, at, seen)
                      : ll_fail(t->merge->error, LL_NO_RESOURCE, "no memory to look through %s.csv",
                                t->schema->name);
        free(seen);
    }
    return status;
}

static ll_status unite(table *t, char **text, size_t *length) {
    gather(t);
    LL_TRY(drop_doubles(t));
    LL_TRY(check_all_there(t));
    qsort(t->rows, t->count, sizeof *t->rows, by_place);
    return print(t, text, length);
}

ll_status ll_merge_rows(const ll_merge *merge, size_t file, char **text, size_t *length) {
    const ll_csv_schema *schema = ll_merge_schemas[file];
    /* Without a key a row is all that it says. */
    table t = {
        .merge = merge, .schema = schema, .file = file, .keys = schema->keys ? schema->keys : schema->count};
    size_t capacity = 0, files = 0;
    *text = NULL;
    for (size_t i = 0; i < merge->count; i++)
        if (merge->inputs[i].csv[file]) {
            capacity += ll_csv_rows(merge->inputs[i].csv[file]);
            files++;
        }
    if (!files)
        return check_all_there(&t);
    t.rows = calloc(capacity + 1, sizeof *t.rows);
    if (!t.rows)
        return ll_fail(merge->error, LL_NO_RESOURCE, "%s.csv: no memory for %zu rows", schema->name,
                       capacity);
    const ll_status status = unite(&t, text, length);
    free(t.rows);
    return status;
}
