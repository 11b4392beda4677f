/* The command line: one table of options, shared by every command. */
#ifndef LL_OPTIONS_H
#define LL_OPTIONS_H
#include "model.h"

typedef struct {
    const char *command; /* "quality" */
    const char *model;   /* name or path; NULL where none was given */
    /* common */
    ll_weights_kind weights;
    size_t group;   /* 0: channel */
    size_t threads; /* 0: default */
    const char *isa;
    uint64_t seed;
    const char *out; /* NULL: the command's default */
    bool json, quiet;
    /* drops */
    const char *drop; /* spec; NULL: none */
    const char *plan; /* file */
    /* texts */
    const char *text, *calib; /* NULL: the project's own data */
    size_t samples, length;   /* calibration; 0: the command's default */
    size_t window, first_window, max_windows; /* quality; max_windows 0: all */
    bool kl;                                  /* quality: compare with the full model */
    const char *csv;                          /* importance: file, "-" is standard output */
    /* speed */
    size_t prompt, generate, repetitions; /* 0: the command's default */
    bool exact;
    /* generate */
    const char *prompt_text;
    double temperature;
    size_t max_tokens;
    bool ids;
    /* sweep */
    bool full;
} ll_options;

/* Parses argv[1..]. `--help` anywhere: prints the command's help (or the program's) and *done is true. LL_BAD_USAGE: an unknown
 * command or option (with the nearest one), an option that the command does not take, a missing or impossible value (0 threads,
 * a number that is none, out of range), twice the same option. LL_ISA in the environment stands for --isa where that is absent. */
ll_status ll_options_parse(ll_options *out, int argc, char **argv, bool *done, ll_error *error);
#endif
