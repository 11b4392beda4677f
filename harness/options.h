/* The command line: one table of options, shared by every command. */
#ifndef LL_OPTIONS_H
#define LL_OPTIONS_H
#include "drop_orders.h"
#include "metric.h"
#include "passages.h"
#include "wanda.h"

typedef enum {
    LL_COMMAND_INFO,
    LL_COMMAND_TOKENIZE,
    LL_COMMAND_GENERATE,
    LL_COMMAND_IMPORTANCE,
    LL_COMMAND_PLAN,
    LL_COMMAND_QUALITY,
    LL_COMMAND_EVAL,
    LL_COMMAND_TASKS,
    LL_COMMAND_SPEED,
    LL_COMMAND_SWEEP,
    LL_COMMAND_MERGE,
    LL_COMMAND_REPORT,
    LL_COMMAND_EXPORT,
    LL_COMMAND_CALIBRATION,
    LL_COMMAND_COUNT
} ll_command;

/* What weights, arithmetic and KV-cache are, as --precisions lists them. */
typedef struct {
    ll_weights_kind weights;
    size_t group; /* int8; 0: channel */
    bool kv_i8;
} ll_precision;

#define LL_BATCH_MAX SIZE_MAX
#define LL_LIMIT_ALL SIZE_MAX     /* --limit: all questions */
#define LL_SHOTS_OF_TASK SIZE_MAX /* --num-fewshot: as each task says */
#define LL_DECODE_PROBE SIZE_MAX  /* --decode-threads: to be found out */
enum {
    LL_MAX_COUNTS = 64,
    LL_MAX_FOLDERS =
        1024, /* that one report compares, or one merge takes with the one it makes; models of one calibration */
    LL_MAX_PARTS = 1000,      /* of a sweep */
    LL_MAX_SETS = 16,         /* calibration */
    LL_MAX_PRECISIONS = 16,   /* beside a sweep's own */
    LL_MAX_WANDA = 16,        /* prunings of one sweep */
    LL_DEFAULT_LENGTH = 2048, /* importance, plan: tokens of a calibration document, or the model's context */
};

/* One part of a sweep out of so many; of 0: the whole. */
typedef struct {
    size_t part, of;
} ll_shard;

typedef struct {
    const char *command; /* "quality" */
    ll_command which;
    const char *model; /* name or path (report: the first folder); NULL where none was given */
    const char
        *folders[LL_MAX_FOLDERS]; /* report; merge, where the first is the new one; calibration: models */
    size_t folder_count;
    /* common */
    ll_weights_kind weights;
    size_t group;   /* 0: channel */
    size_t threads; /* 0: default */
    const char *isa;
    bool kernels; /* info: which ISA serves which operation */
    ll_placement_options placement;
    bool show_placement, dry_run; /* info: where threads and memory are, or would be */
    const char *svg;              /* info: where a picture of it goes; NULL: nowhere */
    const char *topology;         /* info: of another machine; NULL: this one */
    ll_matmul_kind matmul;
    uint64_t seed;
    const char *out; /* NULL: the command's default */
    bool json, quiet;
    bool kv_i8;      /* KV-cache in int8 */
    bool cache;      /* keep packed weights between runs */
    bool synthetic;  /* random weights of a listed model's shape */
    size_t resident; /* distinct blocks of a synthetic model; 0: all */
    size_t batch;    /* sequences; 0: the command's default, LL_BATCH_MAX: as many as fit */
    /* drops */
    const char *drop; /* spec; NULL: none */
    const char *plan; /* file */
    /* export */
    const char *format; /* NULL: the source's */
    bool force;         /* merge too */
    /* texts */
    const char *text, *calib; /* the project's own data by default; NULL where the command takes none */
    const char *calibs[LL_MAX_SETS]; /* calibration */
    size_t calib_count;
    size_t lowest;
    size_t samples, length;                   /* calibration; 0: the command's default */
    size_t window, first_window, max_windows; /* quality; max_windows 0: all */
    ll_recipe recipe;
    size_t sweep_memory;                 /* MiB of residual streams; 0: by what is free */
    bool kl;                             /* quality: compare with the full model */
    const char *csv;                     /* importance: file, "-" is standard output */
    ll_wanda_amount wanda[LL_MAX_WANDA]; /* quality, eval, sweep: weights that are pruned */
    size_t wanda_count;
    ll_precision precisions[LL_MAX_PRECISIONS]; /* sweep: of more quality rows */
    size_t precision_count;
    ll_metric metric; /* importance, plan */
    /* speed */
    size_t prompt, generate, repetitions; /* 0: the command's default */
    bool exact;
    /* eval */
    const char *tasks;       /* names; NULL: the paper's */
    size_t shots, limit;     /* limit 0: the command's default */
    bool subset;             /* the limit's questions are drawn */
    bool cut_long;           /* prompts beyond the context lose their beginning */
    bool paired;             /* the full model is asked too */
    const char *log_samples; /* file; NULL: none */
    const char *answers;     /* folder; NULL: none are kept */
    /* generate */
    const char *prompt_text;
    double temperature;
    size_t max_tokens;
    bool ids;
    /* sweep */
    bool full, quick;
    bool no_speed;                /* no timings */
    size_t counts[LL_MAX_COUNTS]; /* numbers of dropped modules */
    size_t count_total;           /* of counts; 0: the protocol's default */
    unsigned orders;              /* 1 << ll_order; 0: the protocol's default */
    ll_mix mix;
    ll_shard shard;
    /* merge */
    bool partial, first;
} ll_options;

/* Parses argv[1..]. `--help` anywhere: prints the command's help (or the program's) and *done is true.
 * LL_BAD_USAGE: an unknown command or option (with the nearest one), an option that the command does not
 * take, a missing or impossible value (0 threads, a number that is none, out of range), twice the same
 * option. LL_ISA in the environment stands for --isa where that is absent. */
ll_status ll_options_parse(ll_options *out, int argc, char **argv, bool *done, ll_error *error);
#endif
