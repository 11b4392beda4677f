/* --help, from the tables that the parser reads. */
#include "model_list.h"
#include "options_table.h"
#include "sweep.h"

#include <stdio.h>
#include <string.h>

static void print_option(const ll_option_spec *option) {
    char left[48];
    snprintf(left, sizeof left, "%s%s%s", option->name, option->value ? " " : "",
             option->value ? option->value : "");
    printf("  %-23s %s", left, option->help);
    if (option->standard)
        printf(" (default: %s)", option->standard);
    printf("\n");
}

static void print_counts(const ll_counts *counts) {
    for (size_t i = 0; i < counts->total; i++)
        printf("%s%zu", i ? "," : " ", counts->count[i]);
}

static bool same_counts(const ll_protocol *p) {
    for (int kind = 1; kind < LL_DROP_KINDS; kind++)
        if (memcmp(&p->counts[kind], &p->counts[0], sizeof p->counts[0]) != 0)
            return false;
    return true;
}

static void print_protocol(const char *when, const ll_options *options) {
    ll_protocol p;
    if (ll_protocol_of(&p, options, NULL) != LL_OK)
        return; /* the paper's tables cannot be read: the sweep itself will say so */
    printf("  %s\n          %zu documents of %zu tokens, %zu windows, %zu + %zu tokens timed %zu times,\n    "
           "      "
           "dropped:",
           when, p.samples, p.length, p.max_windows, p.speed.prompt, p.speed.generate, p.speed.repetitions);
    for (int kind = 0; kind < LL_DROP_KINDS && !same_counts(&p); kind++)
        if (p.counts[kind].total) {
            printf(" %s", ll_drop_kind_name((ll_drop_kind)kind));
            print_counts(&p.counts[kind]);
        }
    if (same_counts(&p))
        print_counts(&p.counts[0]);
    printf("\n");
}

static void print_protocols(void) {
    printf("\nProtocols:\n");
    print_protocol("quick", &(ll_options){.model = "", .quick = true});
    print_protocol("full    (--full)", &(ll_options){.model = "", .full = true});
    print_protocol("paper   (llama2-13b and the other models of the paper's tables), here llama2-13b",
                   &(ll_options){.model = "llama2-13b"});
    print_protocol("quick   of these models (--quick)", &(ll_options){.model = "llama2-13b", .quick = true});
    printf("  Of --synthetic weights only the timings are run.\n");
    printf(
        "\nOther orders (--orders) are measured at the protocol's numbers of at most half of the layers, of\n"
        "more than %d at those a quarter, half and three quarters along: quality, and with --tasks the "
        "answers\n"
        "where --orders is given; not speed, since timings do not depend on which modules of a kind go.\n"
        "iterative calibrates on at most %d documents. random is %d seeds.\n"
        "cost is joint by importance per microsecond of a module here (costs.csv), at the numbers that save\n"
        "as much time as joint does, and timed.\n",
        LL_ORDER_COUNTS, LL_ITERATIVE_SAMPLES, LL_RANDOM_SEEDS);
}

void ll_help_command(ll_command command) {
    const ll_command_spec *spec = ll_command_spec_at(command);
    const bool optional = spec->need == LL_POSITIONAL_OPTIONAL;
    printf("layerlab %s %s%s%s%s [options]\n\n%s\n%s%s\nOptions:\n", spec->name, optional ? "[" : "",
           spec->positional, optional ? "]" : "", spec->need == LL_POSITIONAL_SEVERAL ? "..." : "",
           spec->summary, spec->more, *spec->more ? "\n" : "");
    for (size_t i = 0; ll_option_spec_at(i); i++)
        if (ll_option_taken_by(ll_option_spec_at(i), command))
            print_option(ll_option_spec_at(i));
    printf("  %-23s %s\n", "--help", "this text");
    if (command == LL_COMMAND_SWEEP)
        print_protocols();
    printf("\nExample:\n  %s\n", spec->example);
}

static void print_models(void) {
    printf("\nMODEL is the path of a GGUF file or of a folder in Hugging Face form, or a name of this list\n"
           "(tools/fetch_model.sh NAME fetches it or says where it comes from):\n");
    for (size_t i = 0; ll_model_list_at(i); i++) {
        const ll_model_entry *entry = ll_model_list_at(i);
        printf("  %-15s %s, %s%s\n", entry->name, *entry->file ? entry->file : entry->source, entry->licence,
               entry->is_default ? " (the default of run_all.sh)" : "");
    }
}

void ll_help_program(void) {
    printf("layerlab COMMAND MODEL [options]\n\n"
           "Leaves attention layers, MLP layers or whole blocks out of a Llama-family model and measures\n"
           "what that costs in quality and gains in speed and memory.\n\n"
           "Commands (layerlab COMMAND --help lists a command's options):\n");
    for (int c = 0; c < LL_COMMAND_COUNT; c++) {
        const ll_command_spec *spec = ll_command_spec_at((ll_command)c);
        printf("  %-15s %s\n", spec->name, spec->summary);
    }
    print_models();
    printf("\nA drop is written as terms joined by +; layers count from 0, ranges include both ends:\n"
           "  attn:25,26      attention layers 25 and 26\n"
           "  mlp:3-5         MLP layers 3, 4 and 5\n"
           "  block:29        block 29, that is both its layers\n"
           "  attn@8          the 8 least important attention layers of --plan FILE;\n"
           "                  also mlp@8, block@8, and joint@8 (attention and MLP layers mixed)\n"
           "  none            the full model\n");
    printf("\nEnvironment:\n"
           "  LL_ISA          the strongest ISA to use, where --isa is absent:");
    for (size_t i = 0; ll_isa_name(i); i++)
        printf(" %s", ll_isa_name(i));
    printf("\n"
           "  LAYERLAB_MODELS the folder of the models (default: models)\n"
           "  LAYERLAB_CACHE  the folder of --cache (default: cache)\n");
    printf("\nExit codes: 0 done; 1 bad input (a file or text); 2 bad usage (an argument);\n"
           "3 not enough memory, disk or CPU features. An error is one line on stderr.\n");
}
