/* --help, from the tables that the parser reads. */
#include "model_list.h"
#include "options_table.h"
#include "sweep.h"

#include <stdio.h>

static void print_option(const ll_option_spec *option) {
    char left[48];
    snprintf(left, sizeof left, "%s%s%s", option->name, option->value ? " " : "",
             option->value ? option->value : "");
    printf("  %-23s %s", left, option->help);
    if (option->standard)
        printf(" (default: %s)", option->standard);
    printf("\n");
}

static void print_protocol(const ll_options *options) {
    const ll_protocol p = ll_protocol_of(options);
    printf("  %-8s%zu documents of %zu tokens, %zu windows, %zu + %zu tokens timed %zu times,\n          "
           "dropped:",
           p.name, p.samples, p.length, p.max_windows, p.speed.prompt, p.speed.generate, p.speed.repetitions);
    for (size_t i = 0; i < p.count_total; i++)
        printf("%s%zu", i ? "," : " ", p.counts[i]);
    printf("\n");
}

void ll_help_command(ll_command command) {
    const ll_command_spec *spec = ll_command_spec_at(command);
    const bool optional = spec->need == LL_POSITIONAL_OPTIONAL;
    printf("layerlab %s %s%s%s [options]\n\n%s\n%s%s\nOptions:\n", spec->name, optional ? "[" : "",
           spec->positional, optional ? "]" : "", spec->summary, spec->more, *spec->more ? "\n" : "");
    for (size_t i = 0; ll_option_spec_at(i); i++)
        if (ll_option_taken_by(ll_option_spec_at(i), command))
            print_option(ll_option_spec_at(i));
    printf("  %-23s %s\n", "--help", "this text");
    if (command == LL_COMMAND_SWEEP) {
        printf("\nProtocols:\n");
        print_protocol(&(ll_options){.full = false});
        print_protocol(&(ll_options){.full = true});
    }
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
           "  LAYERLAB_MODELS the folder of the models (default: models)\n");
    printf("\nExit codes: 0 done; 1 bad input (a file or text); 2 bad usage (an argument);\n"
           "3 not enough memory, disk or CPU features. An error is one line on stderr.\n");
}
