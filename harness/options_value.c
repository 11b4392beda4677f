/* The values of options: strict, so that a mistyped number is never taken for another one. */
#include "options_table.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits only: no sign, no blank, no base prefix, nothing after them. False also when it does not fit. */
static bool read_digits(const char *text, size_t length, uint64_t *out) {
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        const unsigned digit = (unsigned)(unsigned char)text[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = 10 * value + digit;
    }
    *out = value;
    return length > 0;
}

static ll_status read_integer(const ll_option_spec *option, const char *text, size_t length, uint64_t *out,
                              ll_error *error) {
    if (read_digits(text, length, out) && *out >= option->low && *out <= option->high)
        return LL_OK;
    return ll_fail(
        error, LL_BAD_USAGE, "%s takes a whole number from %llu to %llu, found \"%.*s\"%s", option->name,
        (unsigned long long)option->low, (unsigned long long)option->high, (int)length, text,
        option->standard || option->kind == LL_VALUE_COUNTS ? "" : "; leave it out for the default");
}

static ll_status read_real(const ll_option_spec *option, const char *text, double *out, ll_error *error) {
    char *end = NULL;
    const bool shaped =
        *text && strspn(text, "0123456789.eE+-") == strlen(text) && *text != '+' && *text != '-';
    *out = shaped ? strtod(text, &end) : NAN;
    if (shaped && end != text && !*end && isfinite(*out) && *out >= (double)option->low &&
        *out <= (double)option->high)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "%s takes a number from %llu to %llu, found \"%s\"", option->name,
                   (unsigned long long)option->low, (unsigned long long)option->high, text);
}

static ll_status read_weights(const ll_option_spec *option, const char *text, ll_weights_kind *out,
                              ll_error *error) {
    if (strcmp(text, "int8") == 0)
        *out = LL_WEIGHTS_INT8;
    else if (strcmp(text, "f32") == 0)
        *out = LL_WEIGHTS_F32;
    else
        return ll_fail(error, LL_BAD_USAGE, "%s takes int8 or f32, found \"%s\"", option->name, text);
    return LL_OK;
}

static ll_status read_group(const ll_option_spec *option, const char *text, size_t *out, ll_error *error) {
    if (strcmp(text, "128") == 0)
        *out = 128;
    else if (strcmp(text, "32") == 0)
        *out = 32;
    else if (strcmp(text, "channel") == 0)
        *out = 0;
    else
        return ll_fail(error, LL_BAD_USAGE, "%s takes 128, 32 or channel, found \"%s\"", option->name, text);
    return LL_OK;
}

static ll_status read_isa(const ll_option_spec *option, const char *text, const char **out, ll_error *error) {
    char names[256] = "";
    for (size_t i = 0; ll_isa_name(i); i++) {
        if (strcmp(text, ll_isa_name(i)) == 0) {
            *out = text;
            return LL_OK;
        }
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", ll_isa_name(i));
    }
    const char *const architecture = ll_isa_architecture(text);
    if (architecture)
        return ll_fail(error, LL_BAD_USAGE,
                       "%s: %s is an ISA of %s, which this program was not built for; it has %s",
                       option->name, text, architecture, names);
    return ll_fail(error, LL_BAD_USAGE, "%s: no ISA is called \"%s\"; this program has %s", option->name,
                   text, names);
}

static ll_status read_matmul(const ll_option_spec *option, const char *text, ll_matmul_kind *out,
                             ll_error *error) {
    for (int kind = 0; kind < LL_MATMUL_COUNT; kind++)
        if (strcmp(text, ll_matmul_kind_name((ll_matmul_kind)kind)) == 0) {
            *out = (ll_matmul_kind)kind;
            return LL_OK;
        }
    return ll_fail(error, LL_BAD_USAGE, "%s takes own or onednn, found \"%s\"", option->name, text);
}

static ll_status read_recipe(const ll_option_spec *option, const char *text, ll_recipe *out,
                             ll_error *error) {
    for (int recipe = 0; recipe < LL_RECIPE_COUNT; recipe++)
        if (strcmp(text, ll_recipe_name((ll_recipe)recipe)) == 0) {
            *out = (ll_recipe)recipe;
            return LL_OK;
        }
    return ll_fail(error, LL_BAD_USAGE, "%s takes whole-windows, second-half or rolling, found \"%s\"",
                   option->name, text);
}

static ll_status read_kv(const ll_option_spec *option, const char *text, bool *out, ll_error *error) {
    *out = strcmp(text, "int8") == 0;
    if (*out || strcmp(text, "16bit") == 0)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "%s takes int8 or 16bit, found \"%s\"", option->name, text);
}

static ll_status read_numa(const ll_option_spec *option, const char *text, ll_numa *out, ll_error *error) {
    static const ll_numa all[] = {LL_NUMA_SPLIT, LL_NUMA_INTERLEAVE, LL_NUMA_OFF};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(text, ll_numa_name(all[i])) == 0) {
            *out = all[i];
            return LL_OK;
        }
    return ll_fail(error, LL_BAD_USAGE, "%s takes split, interleave or off, found \"%s\"", option->name,
                   text);
}

static ll_status read_bind(const ll_option_spec *option, const char *text, bool *out, ll_error *error) {
    *out = strcmp(text, "none") == 0;
    if (*out || strcmp(text, "core") == 0)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "%s takes core or none, found \"%s\"", option->name, text);
}

static ll_status read_huge(const ll_option_spec *option, const char *text, bool *out, ll_error *error) {
    *out = strcmp(text, "off") == 0;
    if (*out || strcmp(text, "on") == 0)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "%s takes on or off, found \"%s\"", option->name, text);
}

static ll_status read_cut(const ll_option_spec *option, const char *text, bool *out, ll_error *error) {
    *out = strcmp(text, "cut") == 0;
    if (*out || strcmp(text, "refuse") == 0)
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "%s takes refuse or cut, found \"%s\"", option->name, text);
}

static ll_status read_metric(const ll_option_spec *option, const char *text, ll_metric *out,
                             ll_error *error) {
    if (ll_metric_parse(text, out))
        return LL_OK;
    return ll_fail(error, LL_BAD_USAGE, "%s takes %s, found \"%s\"", option->name, option->value, text);
}

static ll_status read_set(const ll_option_spec *option, const char *text, ll_options *out, ll_error *error) {
    if (!*text)
        return ll_fail(error, LL_BAD_USAGE, "%s needs a %s, found an empty one", option->name, option->value);
    if (out->calib_count == LL_MAX_SETS)
        return ll_fail(error, LL_BAD_USAGE, "%s can be given %d times, found \"%s\" beyond them",
                       option->name, LL_MAX_SETS, text);
    out->calibs[out->calib_count++] = text;
    return LL_OK;
}

static ll_status read_mix(const ll_option_spec *option, const char *text, ll_mix *out, ll_error *error) {
    static const char *const names[LL_MIXES] = {"generation", "prefill", "decode"};
    for (int mix = 0; mix < LL_MIXES; mix++)
        if (strcmp(text, names[mix]) == 0) {
            *out = (ll_mix)mix;
            return LL_OK;
        }
    return ll_fail(error, LL_BAD_USAGE, "%s takes %s, found \"%s\"", option->name, option->value, text);
}

/* The orders of one word. */
static unsigned orders_of(const char *word, size_t length) {
    static const unsigned random = ((1u << LL_RANDOM_SEEDS) - 1) << LL_ORDER_RANDOM;
    ll_order order;
    if (length == 3 && memcmp(word, "all", 3) == 0)
        return LL_ALL_ORDERS;
    if (length == 6 && memcmp(word, "random", 6) == 0)
        return random;
    return ll_order_parse(word, length, &order) == LL_OK ? 1u << order : 0;
}

static ll_status read_orders(const ll_option_spec *option, const char *text, unsigned *out, ll_error *error) {
    for (const char *item = text;; item++) {
        const size_t length = strcspn(item, ",");
        const unsigned named = orders_of(item, length);
        if (!named)
            return ll_fail(error, LL_BAD_USAGE,
                           "%s: no order is called \"%.*s\"; there are all, importance, no-residual, "
                           "magnitude, reverse, random, random-0 to random-%d, iterative, consecutive, cost",
                           option->name, (int)length, item, LL_RANDOM_SEEDS - 1);
        *out |= named;
        item += length;
        if (!*item)
            return LL_OK;
    }
}

/* The one word that stands for a number, the highest. */
static bool read_word(const ll_option_spec *option, const char *text, size_t *out) {
    static const char *const words[] = {[LL_VALUE_BATCH] = "max",
                                        [LL_VALUE_DECODE] = "probe",
                                        [LL_VALUE_SHOTS] = "task",
                                        [LL_VALUE_LIMIT] = "all"};
    _Static_assert(LL_BATCH_MAX == SIZE_MAX && LL_DECODE_PROBE == SIZE_MAX && LL_SHOTS_OF_TASK == SIZE_MAX &&
                       LL_LIMIT_ALL == SIZE_MAX,
                   "one value for all words");
    if (strcmp(text, words[option->kind]) != 0)
        return false;
    *out = SIZE_MAX;
    return true;
}

static ll_status read_nodes(const ll_option_spec *option, const char *text, ll_placement_options *out,
                            ll_error *error) {
    for (const char *item = text;; item++) {
        const size_t length = strcspn(item, ",");
        uint64_t value;
        if (!read_digits(item, length, &value) || value > INT_MAX)
            return ll_fail(error, LL_BAD_USAGE, "%s takes numbers of nodes such as 0,1, found \"%s\"",
                           option->name, text);
        if (out->nodes == LL_MAX_NODES)
            return ll_fail(error, LL_BAD_USAGE, "%s takes at most %d nodes", option->name, LL_MAX_NODES);
        out->node[out->nodes++] = (unsigned)value;
        item += length;
        if (!*item)
            return LL_OK;
    }
}

static ll_status read_counts(const ll_option_spec *option, const char *text, ll_options *out,
                             ll_error *error) {
    out->count_total = 0;
    for (const char *item = text;; item++) {
        const size_t length = strcspn(item, ",");
        uint64_t value;
        LL_TRY(read_integer(option, item, length, &value, error));
        for (size_t i = 0; i < out->count_total; i++)
            if (out->counts[i] == value)
                return ll_fail(error, LL_BAD_USAGE, "%s names %zu twice", option->name, (size_t)value);
        if (out->count_total == LL_MAX_COUNTS)
            return ll_fail(error, LL_BAD_USAGE, "%s takes at most %d numbers", option->name, LL_MAX_COUNTS);
        out->counts[out->count_total++] = (size_t)value;
        item += length;
        if (!*item)
            return LL_OK;
    }
}

static ll_status read_shard(const ll_option_spec *option, const char *text, ll_shard *out, ll_error *error) {
    const size_t length = strcspn(text, "/");
    uint64_t part = 0, of = 0;
    if (text[length] && read_digits(text, length, &part) &&
        read_digits(text + length + 1, strlen(text + length + 1), &of) && part >= 1 && part <= of &&
        of <= LL_MAX_PARTS) {
        *out = (ll_shard){(size_t)part, (size_t)of};
        return LL_OK;
    }
    return ll_fail(
        error, LL_BAD_USAGE,
        "%s takes I/N, a part and how many parts there are (1 <= I <= N <= %d), such as 2/4, found "
        "\"%s\"",
        option->name, LL_MAX_PARTS, text);
}

static ll_status read_size(const ll_option_spec *option, const char *text, size_t *out, ll_error *error) {
    uint64_t integer;
    LL_TRY(read_integer(option, text, strlen(text), &integer, error));
    *out = (size_t)integer;
    return LL_OK;
}

static ll_status read_text(const ll_option_spec *option, const char *text, const char **out,
                           ll_error *error) {
    *out = text;
    return *text || option->kind == LL_VALUE_ANY
               ? LL_OK
               : ll_fail(error, LL_BAD_USAGE, "%s needs a %s, found an empty one", option->name,
                         option->value);
}

static ll_status read_wanda(const ll_option_spec *option, const char *text, ll_options *out,
                            ll_error *error) {
    char names[2][LL_WANDA_TEXT];
    for (const char *item = text;; item++) {
        const size_t length = strcspn(item, ",");
        ll_wanda_amount amount;
        const ll_status status = ll_wanda_amount_parse(&amount, item, length, error);
        if (status != LL_OK)
            return ll_fail_in(error, status, "%s", option->name);
        ll_wanda_weights_name(&amount, names[0]);
        for (size_t i = 0; i < out->wanda_count; i++) {
            ll_wanda_weights_name(&out->wanda[i], names[1]);
            if (strcmp(names[0], names[1]) == 0)
                return ll_fail(error, LL_BAD_USAGE, "%s names %.*s twice", option->name, (int)length, item);
        }
        if (out->wanda_count == option->high)
            return ll_fail(error, LL_BAD_USAGE, "%s of %s takes at most %zu of them", option->name,
                           out->command, (size_t)option->high);
        out->wanda[out->wanda_count++] = amount;
        item += length;
        if (!*item)
            return LL_OK;
    }
}

/* "f32", "int8:128", each maybe with "+kv8" behind; text is one of them alone. */
static ll_status read_precision(const ll_option_spec *option, char *text, ll_precision *out,
                                ll_error *error) {
    char *kv = strchr(text, '+'), *group = strchr(text, ':');
    *out = (ll_precision){.weights = LL_WEIGHTS_INT8};
    out->kv_i8 = kv && strcmp(kv, "+kv8") == 0;
    if (kv && !out->kv_i8)
        return ll_fail(error, LL_BAD_USAGE, "%s: \"%s\": only +kv8 comes behind weights", option->name, text);
    if (kv)
        *kv = 0;
    if (!group && strcmp(text, "f32") == 0) {
        out->weights = LL_WEIGHTS_F32;
        return LL_OK;
    }
    if (!group || strncmp(text, "int8:", strlen("int8:")) != 0)
        return ll_fail(error, LL_BAD_USAGE, "%s takes f32, int8:32, int8:128 and int8:channel, found \"%s\"",
                       option->name, text);
    return read_group(option, group + 1, &out->group, error);
}

static ll_status read_precisions(const ll_option_spec *option, const char *text, ll_options *out,
                                 ll_error *error) {
    for (const char *item = text;; item++) {
        const size_t length = strcspn(item, ",");
        char one[24];
        snprintf(one, sizeof one, "%.*s", (int)(length < sizeof one ? length : sizeof one), item);
        if (out->precision_count == LL_MAX_PRECISIONS)
            return ll_fail(error, LL_BAD_USAGE, "%s takes at most %d of them", option->name,
                           LL_MAX_PRECISIONS);
        ll_precision *const p = &out->precisions[out->precision_count];
        LL_TRY(read_precision(option, one, p, error));
        for (const ll_precision *q = out->precisions; q < p; q++)
            if (q->weights == p->weights && q->group == p->group && q->kv_i8 == p->kv_i8)
                return ll_fail(error, LL_BAD_USAGE, "%s names %.*s twice", option->name, (int)length, item);
        out->precision_count++;
        item += length;
        if (!*item)
            return LL_OK;
    }
}

static ll_status read_list(const ll_option_spec *option, const char *text, ll_options *out, ll_error *error) {
    return option->kind == LL_VALUE_WANDA        ? read_wanda(option, text, out, error)
           : option->kind == LL_VALUE_PRECISIONS ? read_precisions(option, text, out, error)
                                                 : read_counts(option, text, out, error);
}

/* A value that is one of some words. */
static ll_status read_choice(const ll_option_spec *option, const char *text, void *field, ll_error *error) {
    switch ((int)option->kind) {
    case LL_VALUE_WEIGHTS:
        return read_weights(option, text, field, error);
    case LL_VALUE_GROUP:
        return read_group(option, text, field, error);
    case LL_VALUE_ISA:
        return read_isa(option, text, field, error);
    case LL_VALUE_MATMUL:
        return read_matmul(option, text, field, error);
    case LL_VALUE_RECIPE:
        return read_recipe(option, text, field, error);
    case LL_VALUE_KV:
        return read_kv(option, text, field, error);
    case LL_VALUE_HUGE:
        return read_huge(option, text, field, error);
    case LL_VALUE_NUMA:
        return read_numa(option, text, field, error);
    case LL_VALUE_BIND:
        return read_bind(option, text, field, error);
    case LL_VALUE_CUT:
        return read_cut(option, text, field, error);
    case LL_VALUE_METRIC:
        return read_metric(option, text, field, error);
    case LL_VALUE_MIX:
        return read_mix(option, text, field, error);
    }
    return LL_OK;
}

ll_status ll_option_read(const ll_option_spec *option, const char *text, ll_options *out, ll_error *error) {
    void *field = (char *)out + option->field;
    switch (option->kind) {
    case LL_VALUE_FLAG:
        *(bool *)field = true;
        return LL_OK;
    case LL_VALUE_TEXT:
    case LL_VALUE_ANY:
        return read_text(option, text, field, error);
    case LL_VALUE_DECODE:
    case LL_VALUE_BATCH:
    case LL_VALUE_SHOTS:
    case LL_VALUE_LIMIT:
        return read_word(option, text, field) ? LL_OK : read_size(option, text, field, error);
    case LL_VALUE_SIZE:
        return read_size(option, text, field, error);
    case LL_VALUE_SHARD:
        return read_shard(option, text, field, error);
    case LL_VALUE_U64:
        return read_integer(option, text, strlen(text), field, error);
    case LL_VALUE_REAL:
        return read_real(option, text, field, error);
    case LL_VALUE_NODES:
        return read_nodes(option, text, field, error);
    case LL_VALUE_SETS:
        return read_set(option, text, out, error);
    case LL_VALUE_ORDERS:
        return read_orders(option, text, field, error);
    case LL_VALUE_PRECISIONS:
    case LL_VALUE_WANDA:
    case LL_VALUE_COUNTS:
        return read_list(option, text, out, error);
    case LL_VALUE_WEIGHTS:
    case LL_VALUE_GROUP:
    case LL_VALUE_ISA:
    case LL_VALUE_MATMUL:
    case LL_VALUE_RECIPE:
    case LL_VALUE_KV:
    case LL_VALUE_HUGE:
    case LL_VALUE_NUMA:
    case LL_VALUE_BIND:
    case LL_VALUE_CUT:
    case LL_VALUE_METRIC:
    case LL_VALUE_MIX:
        return read_choice(option, text, field, error);
    }
    return LL_OK;
}
