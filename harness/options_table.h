/* The one table of commands and the one table of options, read by the parser and by --help. */
#ifndef LL_OPTIONS_TABLE_H
#define LL_OPTIONS_TABLE_H
#include "options.h"

enum { LL_OPTIONS_MAX = 96 }; /* of the table */

typedef enum { LL_POSITIONAL_REQUIRED, LL_POSITIONAL_OPTIONAL, LL_POSITIONAL_SEVERAL } ll_positional;

typedef struct {
    const char *name;
    const char *positional; /* "MODEL" */
    ll_positional need;
    const char *summary; /* one line */
    const char *more;    /* further lines of the command's help; "" if none */
    const char *example; /* works in the project's folder */
} ll_command_spec;

const ll_command_spec *ll_command_spec_at(ll_command command);

typedef enum {
    LL_VALUE_FLAG,       /* bool, no value */
    LL_VALUE_TEXT,       /* const char *, not empty */
    LL_VALUE_ANY,        /* const char *, may be empty */
    LL_VALUE_SIZE,       /* size_t in [low, high] */
    LL_VALUE_U64,        /* uint64_t in [low, high] */
    LL_VALUE_REAL,       /* double in [low, high] */
    LL_VALUE_WEIGHTS,    /* ll_weights_kind */
    LL_VALUE_GROUP,      /* size_t */
    LL_VALUE_ISA,        /* const char *, a name of isa.def */
    LL_VALUE_MATMUL,     /* ll_matmul_kind */
    LL_VALUE_KV,         /* bool: int8 */
    LL_VALUE_RECIPE,     /* ll_recipe */
    LL_VALUE_SHOTS,      /* size_t */
    LL_VALUE_LIMIT,      /* size_t */
    LL_VALUE_CUT,        /* bool */
    LL_VALUE_HUGE,       /* bool: off */
    LL_VALUE_NUMA,       /* ll_numa */
    LL_VALUE_BIND,       /* bool: none */
    LL_VALUE_NODES,      /* nodes and node of ll_placement_options */
    LL_VALUE_DECODE,     /* size_t in [low, high], or probe */
    LL_VALUE_BATCH,      /* size_t in [low, high], or max */
    LL_VALUE_SETS,       /* const char *, added to calibs; may be given several times */
    LL_VALUE_METRIC,     /* ll_metric */
    LL_VALUE_ORDERS,     /* unsigned: 1 << ll_order */
    LL_VALUE_MIX,        /* ll_mix */
    LL_VALUE_SHARD,      /* ll_shard */
    LL_VALUE_PRECISIONS, /* precisions and precision_count */
    LL_VALUE_WANDA,      /* wanda and wanda_count; high of them at most */
    LL_VALUE_COUNTS      /* counts and count_total; each in [low, high] */
} ll_value_kind;

typedef struct {
    const char *name;  /* "--window" */
    const char *value; /* its name in the help; NULL for a flag */
    ll_value_kind kind;
    size_t field;      /* offset in ll_options */
    unsigned commands; /* bits 1 << ll_command */
    const char
        *standard; /* the default, parsed as if it were given; NULL: zero, and help says what that means */
    uint64_t low, high;
    const char *help; /* one line */
} ll_option_spec;

const ll_option_spec *ll_option_spec_at(size_t index); /* NULL past the end */
bool ll_option_taken_by(const ll_option_spec *option, ll_command command);
/* The option of that name that the command takes; NULL: none. */
const ll_option_spec *ll_option_find(const char *name, size_t length, ll_command command);

/* Reads text as the option's value into out. */
ll_status ll_option_read(const ll_option_spec *option, const char *text, ll_options *out, ll_error *error);

void ll_help_program(void);
void ll_help_command(ll_command command);
#endif
