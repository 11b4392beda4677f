#include "report/published.h"
#include "rows.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEEDS = 5 }; /* random-0 to random-4 */

static const ll_measured nothing = {(double)NAN, (double)NAN};

/* ---- rows ---- */

static bool is(const ll_report_row *row, const char *column, const char *text) {
    return strcmp(ll_report_text(row, column), text) == 0;
}

static bool is_drop(const ll_report_row *row, const ll_condition *c, const char *drop) {
    return is(row, "kind", c->kind) && ll_report_number(row, "dropped") == (double)c->dropped &&
           is(row, "drop", drop);
}

/* Of plans.csv the modules that an order drops; NULL: there is no such plan. */
static const char *planned(const ll_report_data *data, const ll_condition *c, const char *order) {
    const char *drop = NULL, *model = ll_report_text(ll_report_main(data), "model_sha256");
    for (size_t i = 0; data->plans_csv && i < ll_csv_rows(data->plans_csv); i++) {
        const ll_report_row row = {data->plans_csv, &ll_plans_schema, i};
        if (is(&row, "model_sha256", model) && is(&row, "order", order) && is(&row, "kind", c->kind) &&
            ll_report_number(&row, "dropped") == (double)c->dropped)
            drop = ll_report_text(&row, "drop");
    }
    return drop;
}

/* The modules dropped; NULL: not known. */
static const char *find_drop(const ll_report_data *data, const ll_condition *c, const char *order) {
    if (strcmp(c->kind, "none") == 0)
        return "none";
    if (strcmp(order, "importance") != 0)
        return planned(data, c, order);
    for (size_t i = 0; i < data->count; i++) {
        const ll_report_entry *entry = &data->entries[i];
        if (strcmp(entry->kind, c->kind) == 0 && entry->dropped == c->dropped)
            return ll_report_text(entry->quality.csv ? &entry->quality : &entry->speed, "drop");
    }
    return NULL;
}

/* Whether a row is of the setting of another, as far as its weights and examples are not wanted otherwise. */
static bool agrees(const ll_report_row *row, const ll_report_row *setting, const ll_condition *c) {
    for (size_t i = 0; strcmp(row->schema->columns[i], "kind") != 0; i++) {
        const char *column = row->schema->columns[i], *wanted = ll_report_text(setting, column);
        const bool of_weights = strcmp(column, "group") == 0 || strcmp(column, "kv") == 0;
        if (strcmp(column, "weights") == 0 && c->weights[0])
            wanted = c->weights;
        else if (strcmp(column, "num_fewshot") == 0 && c->shots)
            wanted = c->shots;
        else if (of_weights && c->weights[0])
            continue;
        if (!is(row, column, wanted))
            return false;
    }
    return true;
}

/* The last row of the setting's file that is of that drop; csv NULL: there is none. */
static ll_report_row find_row(const ll_report_row *setting, const ll_condition *c, const char *drop) {
    for (size_t i = setting->csv && drop ? ll_csv_rows(setting->csv) : 0; i-- > 0;) {
        const ll_report_row row = {setting->csv, setting->schema, i};
        if (is_drop(&row, c, drop) && agrees(&row, setting, c))
            return row;
    }
    return (ll_report_row){NULL, setting->schema, 0};
}

/* ---- one drop ---- */

static ll_measured accuracy_of(const ll_report_data *data, const ll_condition *c, const char *drop,
                               const char *task) {
    for (size_t t = 0; task && t < data->task_count; t++)
        if (strcmp(data->tasks[t].name, task) == 0) {
            const ll_report_row row = find_row(&data->tasks[t].questions, c, drop);
            return (ll_measured){100 * ll_report_number(&row, "value"),
                                 100 * ll_report_number(&row, "stderr")};
        }
    return nothing;
}

static void add_to_mean(ll_measured *sum, size_t *count, ll_measured m) {
    sum->value += m.value;
    sum->error += m.error * m.error;
    ++*count;
}

static ll_measured mean_of(ll_measured sum, size_t count) {
    return count ? (ll_measured){sum.value / (double)count, sqrt(sum.error) / (double)count} : nothing;
}

/* Over the tasks of the table's columns, as far as they are among ours; of a table without such columns over all of the paper's. */
static ll_measured average_of(const ll_published *p, size_t row, const ll_condition *c, const char *drop) {
    ll_measured sum = {0, 0};
    size_t count = 0;
    bool named = false;
    for (size_t i = 0; i < p->table->schema.count; i++) {
        const ll_condition of = ll_published_condition(p, row, p->table->schema.columns[i], false);
        if (of.quantity != LL_TASK_ACCURACY)
            continue;
        ll_condition one = *c;
        one.shots = of.shots;
        named = true;
        if (of.task)
            add_to_mean(&sum, &count, accuracy_of(p->data, &one, drop, of.task));
    }
    for (size_t t = 0; !named && t < p->data->task_count; t++)
        if (p->data->tasks[t].paper_column[0])
            add_to_mean(&sum, &count, accuracy_of(p->data, c, drop, p->data->tasks[t].name));
    return mean_of(sum, count);
}

static ll_measured speed_of(const ll_report_data *data, const ll_condition *c, const char *drop,
                            const char *column, double factor) {
    const ll_report_row row = find_row(&data->speed, c, drop);
    return (ll_measured){factor * ll_report_number(&row, column), (double)NAN};
}

static ll_measured measured_of(const ll_published *p, size_t row, const ll_condition *c, const char *drop);

/* Points of accuracy lost for a percent of speed. */
static ll_measured gamma_of(const ll_published *p, size_t row, const ll_condition *c, const char *drop) {
    ll_condition none = *c;
    none.kind = "none";
    none.dropped = 0;
    const double before = average_of(p, row, &none, "none").value, after = average_of(p, row, c, drop).value,
                 gain = 100 * (speed_of(p->data, c, drop, "speedup", 1).value - 1);
    return (ll_measured){c->dropped && gain > 0 ? (before - after) / gain : (double)NAN, (double)NAN};
}

static ll_measured measured_of(const ll_published *p, size_t row, const ll_condition *c, const char *drop) {
    switch (c->quantity) {
    case LL_TASK_ACCURACY:
        return accuracy_of(p->data, c, drop, c->task);
    case LL_AVERAGE:
        return average_of(p, row, c, drop);
    case LL_SPEEDUP:
        return speed_of(p->data, c, drop, "speedup", 1);
    case LL_GAMMA:
        return gamma_of(p, row, c, drop);
    case LL_KV_FULL:
    case LL_KV_DROPPED:
        return speed_of(p->data, c, drop, "kv_bytes", 1.0 / (1 << 30));
    case LL_PERPLEXITY: {
        const ll_report_row quality = find_row(&p->data->quality, c, drop);
        return (ll_measured){ll_report_number(&quality, "perplexity"),
                             ll_report_number(&quality, "perplexity_stderr")};
    }
    case LL_NOT_OURS:
        break;
    }
    return nothing;
}

/* The mean over the seeds that there are, and their standard deviation. */
static ll_measured random_of(const ll_published *p, size_t row, const ll_condition *c) {
    double values[SEEDS], mean = 0, squares = 0;
    size_t count = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
        char order[16];
        snprintf(order, sizeof order, "random-%d", seed);
        const double value = measured_of(p, row, c, find_drop(p->data, c, order)).value;
        if (isfinite(value))
            values[count++] = value;
    }
    for (size_t i = 0; i < count; i++)
        mean += values[i] / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return count ? (ll_measured){mean, count > 1 ? sqrt(squares / (double)(count - 1)) : (double)NAN}
                 : nothing;
}

static ll_measured ours_of(const ll_published *p, size_t row, const ll_condition *c) {
    if (!c->kind || !c->order)
        return nothing;
    if (strcmp(c->order, "random") == 0 && c->dropped)
        return random_of(p, row, c);
    return measured_of(p, row, c, find_drop(p->data, c, c->order));
}

ll_measured ll_published_ours(const ll_published *p, size_t row, const char *column, bool scaled) {
    const ll_condition c = ll_published_condition(p, row, column, scaled);
    return ours_of(p, row, &c);
}

ll_measured ll_published_perplexity(const ll_published *p, size_t row, const char *column) {
    ll_condition c = ll_published_condition(p, row, column, false);
    if (c.quantity != LL_AVERAGE)
        return nothing;
    c.quantity = LL_PERPLEXITY;
    return ours_of(p, row, &c);
}

ll_measured ll_published_of_order(const ll_report_data *data, const char *kind, size_t dropped,
                                  const char *order, ll_quantity quantity) {
    const ll_published p = {.data = data};
    const ll_condition c = {.quantity = quantity, .kind = kind, .dropped = dropped, .order = order};
    return ours_of(&p, 0, &c);
}

ll_measured ll_published_ours_full(const ll_published *p, size_t row, const char *column) {
    ll_condition c = ll_published_condition(p, row, column, false);
    c.kind = "none";
    c.dropped = 0;
    return ours_of(p, row, &c);
}

double ll_published_theirs(const ll_published *p, size_t row, const char *column) {
    double sum = 0;
    size_t count = 0, missing = 0;
    for (size_t i = 0; strcmp(column, "avg") == 0 && i < p->table->schema.count; i++) {
        const ll_condition c = ll_published_condition(p, row, p->table->schema.columns[i], false);
        if (c.quantity != LL_TASK_ACCURACY)
            continue;
        missing += !c.task;
        count += c.task != NULL;
        sum += c.task ? ll_csv_number(p->csv, row, p->table->schema.columns[i]) : 0;
    }
    if (count && missing)
        return sum / (double)count;
    for (size_t i = 0; i < p->table->schema.count; i++)
        if (strcmp(p->table->schema.columns[i], column) == 0)
            return ll_csv_number(p->csv, row, column);
    return (double)NAN;
}
