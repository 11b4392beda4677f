#include "options_table.h"

#include <string.h>

#ifndef LL_DATA_DIR
#define LL_DATA_DIR "harness/data"
#endif

enum {
    INFO = 1u << LL_COMMAND_INFO,
    TOKENIZE = 1u << LL_COMMAND_TOKENIZE,
    GENERATE = 1u << LL_COMMAND_GENERATE,
    IMPORTANCE = 1u << LL_COMMAND_IMPORTANCE,
    PLAN = 1u << LL_COMMAND_PLAN,
    QUALITY = 1u << LL_COMMAND_QUALITY,
    SPEED = 1u << LL_COMMAND_SPEED,
    SWEEP = 1u << LL_COMMAND_SWEEP,
    MERGE = 1u << LL_COMMAND_MERGE,
    REPORT = 1u << LL_COMMAND_REPORT,
    EXPORT = 1u << LL_COMMAND_EXPORT,
    EVAL = 1u << LL_COMMAND_EVAL,
    TASKS = 1u << LL_COMMAND_TASKS,
    CALIBRATION = 1u << LL_COMMAND_CALIBRATION,
    CALIBRATING = IMPORTANCE | PLAN | SWEEP,
    PRUNING = QUALITY | EVAL,
    DROPPING = GENERATE | QUALITY | EVAL | SPEED,
    LOADING = CALIBRATING | DROPPING | CALIBRATION,
    LOADED_ONCE = LOADING & ~SWEEP, /* a sweep adds to rows that know nothing of these options */
};

enum { COUNT_MAX = 1 << 30 }; /* beyond any text or model; products of two stay inside 64 bits */

static const ll_command_spec commands[LL_COMMAND_COUNT] = {
    [LL_COMMAND_INFO] =
        {"info", "MODEL", LL_POSITIONAL_OPTIONAL,
         "The model's shape and memory, this machine, and the ISA of each operation.",
         "Reads headers only, and none for a model of the list. Without MODEL: the machine and the list.",
         "layerlab info llama2-13b --length 2048 --batch 4 --drop attn:20-39"},
    [LL_COMMAND_TOKENIZE] = {"tokenize", "MODEL", LL_POSITIONAL_REQUIRED,
                             "Splits standard input into tokens: a line of id, tab and text for each.",
                             "In the text, control characters, backslashes and bytes that are not UTF-8 are\n"
                             "escaped (\\n, \\\\, \\xFF). No BOS is added.",
                             "echo 'Hello world' | layerlab tokenize smollm2-135m --ids"},
    [LL_COMMAND_GENERATE] =
        {"generate", "MODEL", LL_POSITIONAL_REQUIRED,
         "Continues a text, up to the end token or the number of tokens asked for.", "",
         "layerlab generate smollm2-135m --prompt 'The capital of France is' --max-tokens 16"},
    [LL_COMMAND_IMPORTANCE] =
        {"importance", "MODEL", LL_POSITIONAL_REQUIRED,
         "How much every attention layer, MLP layer and block changes its input.",
         "Importance is 1 minus the mean cosine similarity of a module's input and output; --metric: others.",
         "layerlab importance smollm2-135m --samples 4 --length 256 --csv -"},
    [LL_COMMAND_PLAN] = {"plan", "MODEL", LL_POSITIONAL_REQUIRED,
                         "Finds the order in which modules go, least important first, and writes it as JSON.",
                         "A plan is what --plan takes, for drops such as attn@8 or joint@8.",
                         "layerlab plan smollm2-135m --samples 4 --length 256 --out plan.json"},
    [LL_COMMAND_QUALITY] =
        {"quality", "MODEL", LL_POSITIONAL_REQUIRED, "Perplexity on a text, whole or with dropped modules.",
         "--recipe says how the text is cut and what of it is scored; --kl compares with the full model.",
         "layerlab quality smollm2-135m --window 256 --max-windows 2 --drop attn:20-27 --json"},
    [LL_COMMAND_EVAL] =
        {"eval", "MODEL", LL_POSITIONAL_REQUIRED,
         "Scores tasks as lm-evaluation-harness does: ARC, BoolQ, HellaSwag, MMLU, GSM8K, ...",
         "Prompts, examples, metrics and errors are the harness's, so that its results are met; what "
         "prompts\n"
         "have in common is computed once. With --paired the full model is asked the same questions: the\n"
         "error of the difference is much smaller than those of the two. Data: layerlab tasks.",
         "layerlab eval smollm2-135m --tasks openbookqa,piqa --limit 20 --drop attn:20-22 --paired"},
    [LL_COMMAND_TASKS] = {"tasks", "TASK", LL_POSITIONAL_OPTIONAL,
                          "The tasks of eval, what of their data is there, and where to get the rest.",
                          "Looks in $LAYERLAB_DATA/TASK/, then among the program's own samples.",
                          "layerlab tasks mmlu"},
    [LL_COMMAND_SPEED] =
        {"speed", "MODEL", LL_POSITIONAL_REQUIRED,
         "Tokens/s of prefill and decode; with a drop, the speedup over the full model.",
         "Speedups are medians of full time over dropped time, the two in turns within every timing.",
         "layerlab speed smollm2-135m --prompt 128 --generate 16 --drop attn:20-27 --json"},
    [LL_COMMAND_SWEEP] = {"sweep", "MODEL", LL_POSITIONAL_REQUIRED,
                          "Importance, plans, quality and speed of all four kinds of drop, into CSV files.",
                          "Run again, it does only what is missing.",
                          "layerlab sweep smollm2-135m --counts 8 --samples 4 --length 256 --window 256 "
                          "--max-windows 2 --prompt 64 --repetitions 1 --out out/try"},
    [LL_COMMAND_MERGE] =
        {"merge", "DIR", LL_POSITIONAL_SEVERAL,
         "The rows of several sweeps' folders, such as the parts of one, in one folder with its report.",
         "The first DIR is the new folder; it is there whole or not at all. A row that several have is "
         "taken\n"
         "once; rows that measure the same and differ are refused, and so are rows of several models. Of "
         "the\n"
         "parts of a sweep (sweep --shard) all must be there, and the result is what the sweep would have\n"
         "written without --shard, but for times and dates. What eval answered stays in the parts.",
         "layerlab merge out/whole out/try/shard-1-of-2 out/try/shard-2-of-2"},
    [LL_COMMAND_REPORT] =
        {"report", "DIR", LL_POSITIONAL_SEVERAL,
         "Pages and plots from the CSV files of a sweep, or of machines side by side.",
         "report.html is one file that needs no network: summary, tables beside the paper's, plots, the\n"
         "command that measures each row again, what is missing. report.md says the same as text.\n"
         "Of several DIR, the results of one machine or more in each: compare.md and compare.png, .svg\n"
         "with the machines' speedups, tokens/s and shares of their limits, from speed.csv alone. Only\n"
         "rows of the same model, weights and protocol are compared:\n"
         "  layerlab report out/epyc out/xeon --out compared",
         "layerlab report results/smollm2-135m --out report"},
    [LL_COMMAND_EXPORT] =
        {"export", "MODEL", LL_POSITIONAL_REQUIRED,
         "Writes the checkpoint again without the dropped weights.",
         "What remains are the source's own bytes: the same logits as from the source with the drop.\n"
         "GGUF: blocks dropped whole are gone and the rest renumbered, so that llama.cpp loads it.\n"
         "Hugging Face: layers keep their numbers, config.json gets drop_attn_list and drop_mlp_list.",
         "layerlab export smollm2-135m --drop block:25,26 --out smaller.gguf"},
    [LL_COMMAND_CALIBRATION] =
        {"calibration", "MODEL", LL_POSITIONAL_SEVERAL,
         "How far importance depends on calibration set, number of documents and checkpoint.",
         "Importance by layer for each, rank correlation, and how many of the least important modules two\n"
         "plans have in common, as table and plots. Of several MODEL, checkpoints of one training, each is\n"
         "compared with the last. Sets are files of yours: documents are objects with \"text\", or with\n"
         "instruction, input, output, response, question, answer or conversations. Run again, it does only\n"
         "what is missing.",
         "layerlab calibration smollm2-135m --calib harness/data/c4.jsonl --samples 4,16 --length 128 --out "
         "out/calibration"},
};

#define BY_PROTOCOL " (default: by the protocol)"
#define FIELD(name) offsetof(ll_options, name)

static const ll_option_spec options[] = {
    {"--weights", "int8|f32", LL_VALUE_WEIGHTS, FIELD(weights), DROPPING | SWEEP, "int8", 0, 0,
     "what weights and arithmetic are"},
    {"--weights", "int8|f32", LL_VALUE_WEIGHTS, FIELD(weights), IMPORTANCE | PLAN | CALIBRATION, "f32", 0, 0,
     "what weights and arithmetic are"},
    {"--group", "128|32|channel", LL_VALUE_GROUP, FIELD(group), INFO | LOADING, "128", 0, 0,
     "int8: weights that share a scale; channel is a whole row; the head's are 32"},
    {"--threads", "N", LL_VALUE_SIZE, FIELD(threads), INFO | LOADING, NULL, 1, 1024,
     "threads that compute (default: one a physical core, within the CPU quota)"},
    {"--decode-threads", "N|probe", LL_VALUE_DECODE, FIELD(placement.decode_threads), LOADED_ONCE, NULL, 1,
     1024,
     "threads of a decode step, of every node its share; probe: the fastest of four (default: as --threads)"},
    {"--nodes", "N,N,...", LL_VALUE_NODES, FIELD(placement), INFO | LOADED_ONCE, NULL, 0, 0,
     "NUMA nodes whose cores and memory are used (default: all that have cores of this process)"},
    {"--numa", "split|interleave|off", LL_VALUE_NUMA, FIELD(placement.numa), INFO | LOADED_ONCE, "split", 0,
     0,
     "split: every node holds and works on its part; interleave: pages on all nodes in turn; off: left to "
     "the system"},
    {"--bind", "core|none", LL_VALUE_BIND, FIELD(placement.unbound), INFO | LOADED_ONCE, "core", 0, 0,
     "core: every thread on a core of its own; none: threads run where the system puts them"},
    {"--huge-pages", "on|off", LL_VALUE_HUGE, FIELD(placement.small_pages), INFO | LOADED_ONCE, "on", 0, 0,
     "on: memory in huge pages where the system gives them; off: to compare with"},
    {"--strict-numa", NULL, LL_VALUE_FLAG, FIELD(placement.strict), INFO | LOADING, NULL, 0, 0,
     "end with an error where a thread or memory cannot be bound (default: say so, and go on)"},
    {"--virtual-nodes", "N", LL_VALUE_SIZE, FIELD(placement.virtual_nodes), INFO | DROPPING, NULL, 1,
     LL_MAX_NODES, "for tests: split one node as if it were N"},
    {"--placement", NULL, LL_VALUE_FLAG, FIELD(show_placement), INFO, NULL, 0, 0,
     "load MODEL, and ask the system on which CPUs its threads and on which nodes its pages are"},
    {"--dry-run", NULL, LL_VALUE_FLAG, FIELD(dry_run), INFO, NULL, 0, 0,
     "--placement: only the plan and the memory of each node"},
    {"--topology", "DESC", LL_VALUE_TEXT, FIELD(topology), INFO, NULL, 0, 0,
     "--placement: the plan for another machine: \"numa:2 core:48 pu:2\", or what lstopo FILE.xml wrote "
     "there"},
    {"--svg", "FILE", LL_VALUE_TEXT, FIELD(svg), INFO, NULL, 0, 0, "--placement: also a picture of it"},
    {"--isa", "NAME", LL_VALUE_ISA, FIELD(isa), INFO | LOADING, NULL, 0, 0,
     "the strongest ISA to use (default: $LL_ISA, else the best this CPU has)"},
    {"--kernels", NULL, LL_VALUE_FLAG, FIELD(kernels), INFO, NULL, 0, 0,
     "only: for each operation the ISA in use, and why a better one is not"},
    {"--matmul", "own|onednn", LL_VALUE_MATMUL, FIELD(matmul), INFO | LOADING, "own", 0, 0,
     "int8: what multiplies matrices, our kernels or oneDNN; the numbers are the same to the last bit"},
    {"--seed", "N", LL_VALUE_U64, FIELD(seed), LOADING, "0", 0, UINT64_MAX, "start of every random choice"},
    {"--kv", "16bit|int8", LL_VALUE_KV, FIELD(kv_i8), LOADING & ~CALIBRATION, "16bit", 0, 0,
     "KV-cache: bf16 (float32 with --weights f32), or int8 with a scale per head and position"},
    {"--cache", NULL, LL_VALUE_FLAG, FIELD(cache), LOADING, NULL, 0, 0,
     "keep packed int8 weights in $LAYERLAB_CACHE (default: cache/) and load them from there next time"},
    {"--synthetic", NULL, LL_VALUE_FLAG, FIELD(synthetic), LOADING | TOKENIZE, NULL, 0, 0,
     "random weights of a listed model's shape: speed and memory only, never quality"},
    {"--synthetic", NULL, LL_VALUE_FLAG, FIELD(synthetic), INFO, NULL, 0, 0,
     "look for no file of a listed model: what random weights of its shape need"},
    {"--resident", "R", LL_VALUE_SIZE, FIELD(resident), SPEED | SWEEP, NULL, 1, LL_MAX_LAYERS,
     "--synthetic: keep R blocks' weights, the other blocks run on them in turn (default: all that fit)"},
    {"--batch", "N|max", LL_VALUE_BATCH, FIELD(batch), SPEED | SWEEP, "1", 1, 4096,
     "sequences that share each read of the weights; max: as many as memory holds"},
    {"--length", "N", LL_VALUE_SIZE, FIELD(length), INFO, NULL, 1, COUNT_MAX,
     "positions of the KV-cache (default: 4096, or the model's context)"},
    {"--batch", "N", LL_VALUE_SIZE, FIELD(batch), INFO, "1", 1, 4096, "sequences that have a KV-cache"},
    {"--drop", "SPEC", LL_VALUE_ANY, FIELD(drop), INFO | DROPPING | EXPORT, NULL, 0, 0,
     "what to leave out: attn:25,26+mlp:3-5, block:29, attn@8 (see layerlab --help)"},
    {"--plan", "FILE", LL_VALUE_TEXT, FIELD(plan), INFO | DROPPING | EXPORT, NULL, 0, 0,
     "the plan that drops such as attn@8 refer to (layerlab plan writes one)"},
    {"--calib", "FILE", LL_VALUE_SETS, FIELD(calibs), CALIBRATION, LL_DATA_DIR "/c4.jsonl", 0, 0,
     "a calibration set: .txt, .json or .jsonl; once for each set"},
    {"--samples", "N,N,...", LL_VALUE_COUNTS, FIELD(counts), CALIBRATION, "4,16,64,256,1024", 1, COUNT_MAX,
     "numbers of documents, of a smaller set all that it holds"},
    {"--lowest", "N", LL_VALUE_SIZE, FIELD(lowest), CALIBRATION, "8", 1, 2 * LL_MAX_LAYERS,
     "modules of the plans that are compared"},
    {"--calib", "FILE", LL_VALUE_TEXT, FIELD(calib), CALIBRATING, LL_DATA_DIR "/c4.jsonl", 0, 0,
     "calibration documents: .txt, .json or .jsonl"},
    {"--samples", "N", LL_VALUE_SIZE, FIELD(samples), IMPORTANCE | PLAN, NULL, 1, COUNT_MAX,
     "calibration documents to use (default: all)"},
    {"--samples", "N", LL_VALUE_SIZE, FIELD(samples), SWEEP, NULL, 1, COUNT_MAX,
     "calibration documents to use" BY_PROTOCOL},
    {"--length", "N", LL_VALUE_SIZE, FIELD(length), IMPORTANCE | PLAN | CALIBRATION, NULL, 2, COUNT_MAX,
     "tokens that a document is cut to (default: 2048, or the model's context)"},
    {"--length", "N", LL_VALUE_SIZE, FIELD(length), SWEEP, NULL, 2, COUNT_MAX,
     "tokens that a document is cut to" BY_PROTOCOL},
    {"--wanda", "SPARSITY", LL_VALUE_WANDA, FIELD(wanda), PRUNING, NULL, 0, 1,
     "prune the f32 weights by Wanda (arXiv 2306.11695) first: 2:4, a share such as 0.5, or as many weights "
     "as "
     "attn@4 has"},
    {"--wanda", "SPARSITY,...", LL_VALUE_WANDA, FIELD(wanda), SWEEP, NULL, 0, LL_MAX_WANDA,
     "also quality of f32 weights pruned by Wanda on --calib: 2:4, shares such as 0.5, as many as attn@4 "
     "has"},
    {"--precisions", "P,P,...", LL_VALUE_PRECISIONS, FIELD(precisions), SWEEP, NULL, 0, 0,
     "also quality of the same drops at f32, int8:32, int8:128, int8:channel; +kv8 behind one: KV-cache in "
     "int8"},
    {"--calib", "FILE", LL_VALUE_TEXT, FIELD(calib), PRUNING, NULL, 0, 0,
     "--wanda: documents that the norms are of: .txt, .json or .jsonl (default: as sweep's)"},
    {"--samples", "N", LL_VALUE_SIZE, FIELD(samples), PRUNING, NULL, 1, COUNT_MAX,
     "--wanda: documents to use (default: 128)"},
    {"--length", "N", LL_VALUE_SIZE, FIELD(length), PRUNING, NULL, 2, COUNT_MAX,
     "--wanda: tokens that a document is cut to (default: 2048, or the model's context)"},
    {"--metric", "cosine|no-residual|magnitude", LL_VALUE_METRIC, FIELD(metric),
     IMPORTANCE | PLAN | CALIBRATION, "cosine", 0, 0,
     "what importance is: 1 - cos(before, after); 1 - cos(before, what is added); |added| / |after|"},
    {"--csv", "FILE", LL_VALUE_TEXT, FIELD(csv), IMPORTANCE, NULL, 0, 0,
     "where kind,layer,importance go; - is standard output (default)"},
    {"--text", "FILE", LL_VALUE_TEXT, FIELD(text), QUALITY | SWEEP, LL_DATA_DIR "/wikitext2-test.txt", 0, 0,
     "text that is scored: .txt, .json or .jsonl"},
    {"--recipe", "NAME", LL_VALUE_RECIPE, FIELD(recipe), QUALITY | SWEEP, "whole-windows", 0, 0,
     "how: whole-windows (as GPTQ), second-half (as llama.cpp), rolling (each document, as lm-eval; also by "
     "words and bytes)"},
    {"--window", "N", LL_VALUE_SIZE, FIELD(window), QUALITY | SWEEP, "1024", 2, COUNT_MAX,
     "tokens of a window"},
    {"--first-window", "N", LL_VALUE_SIZE, FIELD(first_window), QUALITY | SWEEP, "0", 0, COUNT_MAX,
     "first window to score (rolling: document); window N starts at token N x window"},
    {"--max-windows", "N", LL_VALUE_SIZE, FIELD(max_windows), QUALITY, NULL, 1, COUNT_MAX,
     "windows to score; rolling: documents (default: all)"},
    {"--max-windows", "N", LL_VALUE_SIZE, FIELD(max_windows), SWEEP, NULL, 1, COUNT_MAX,
     "windows to score; rolling: documents" BY_PROTOCOL},
    {"--sweep-memory", "MiB", LL_VALUE_SIZE, FIELD(sweep_memory), SWEEP, NULL, 1, COUNT_MAX,
     "for residual streams of drops that run together (default: half of what is free, 4096 at most); no "
     "number depends on it"},
    {"--tasks", "NAME,...", LL_VALUE_TEXT, FIELD(tasks), EVAL, NULL, 0, 0,
     "tasks by name, or files that define them (default: paper, its eight as far as their data is there)"},
    {"--tasks", "NAME,...", LL_VALUE_TEXT, FIELD(tasks), SWEEP, NULL, 0, 0,
     "also score these tasks; paper: the paper's eight, as far as their data is there (layerlab tasks)"},
    {"--num-fewshot", "N|task", LL_VALUE_SHOTS, FIELD(shots), EVAL | SWEEP, "task", 0, 1000,
     "examples before each question; task: as each task has it"},
    {"--limit", "N|all", LL_VALUE_LIMIT, FIELD(limit), EVAL, "all", 1, COUNT_MAX,
     "questions of each task, of mmlu of each subject: the first ones"},
    {"--limit", "N|all", LL_VALUE_LIMIT, FIELD(limit), SWEEP, NULL, 1, COUNT_MAX,
     "questions of each task, of mmlu of each subject: the first ones (default: by the protocol, and drawn)"},
    {"--subset", NULL, LL_VALUE_FLAG, FIELD(subset), EVAL | SWEEP, NULL, 0, 0,
     "--limit: draw them by --seed, so that they stand for all"},
    {"--too-long", "refuse|cut", LL_VALUE_CUT, FIELD(cut_long), EVAL | SWEEP, "refuse", 0, 0,
     "prompts beyond the model's context; cut: they lose their beginning, and are counted"},
    {"--batch", "N", LL_VALUE_SIZE, FIELD(batch), EVAL, NULL, 1, LL_MAX_BATCH,
     "questions at once (default: what fills a pass and fits in memory); the scores do not depend on it"},
    {"--paired", NULL, LL_VALUE_FLAG, FIELD(paired), EVAL, NULL, 0, 0,
     "ask the full model too: difference, its paired standard error, McNemar's p"},
    {"--log-samples", "FILE", LL_VALUE_TEXT, FIELD(log_samples), EVAL, NULL, 0, 0,
     "a JSON line a question: prompt, choices, log-likelihoods, right or wrong"},
    {"--answers", "DIR", LL_VALUE_TEXT, FIELD(answers), EVAL, NULL, 0, 0,
     "keep every answer here, and ask only what is missing"},
    {"--kl", NULL, LL_VALUE_FLAG, FIELD(kl), QUALITY, NULL, 0, 0,
     "also KL divergence from the full model and top-1 agreement with it"},
    {"--prompt", "N", LL_VALUE_SIZE, FIELD(prompt), SPEED, "512", 1, COUNT_MAX,
     "tokens of the prefill that is timed"},
    {"--prompt", "N", LL_VALUE_SIZE, FIELD(prompt), SWEEP, NULL, 1, COUNT_MAX,
     "tokens of the prefill that is timed" BY_PROTOCOL},
    {"--generate", "N", LL_VALUE_SIZE, FIELD(generate), SPEED, "64", 1, COUNT_MAX,
     "tokens generated after the prompt"},
    {"--generate", "N", LL_VALUE_SIZE, FIELD(generate), SWEEP, NULL, 1, COUNT_MAX,
     "tokens generated after the prompt (default: as --prompt, or by the protocol)"},
    {"--repetitions", "N", LL_VALUE_SIZE, FIELD(repetitions), SPEED, "5", 1, 10000,
     "timings of both, full and dropped, after a warm-up"},
    {"--repetitions", "N", LL_VALUE_SIZE, FIELD(repetitions), SWEEP, NULL, 1, 10000,
     "timings of both, full and dropped, after a warm-up" BY_PROTOCOL},
    {"--exact", NULL, LL_VALUE_FLAG, FIELD(exact), SPEED | SWEEP, NULL, 0, 0,
     "time every token (default: parts, from which the whole follows within 3 %)"},
    {"--prompt", "TEXT", LL_VALUE_ANY, FIELD(prompt_text), GENERATE, NULL, 0, 0,
     "the text to continue (needed)"},
    {"--max-tokens", "N", LL_VALUE_SIZE, FIELD(max_tokens), GENERATE, "128", 1, COUNT_MAX,
     "tokens to generate"},
    {"--temperature", "X", LL_VALUE_REAL, FIELD(temperature), GENERATE, "0", 0, 100,
     "0 takes the likeliest token; 1 draws as the model says"},
    {"--counts", "N,N,...", LL_VALUE_COUNTS, FIELD(counts), SWEEP, NULL, 0, 2 * LL_MAX_LAYERS,
     "numbers of dropped modules, 0 is always run" BY_PROTOCOL},
    {"--orders", "NAME,...", LL_VALUE_ORDERS, FIELD(orders), SWEEP, NULL, 0, 0,
     "ways of choosing what goes, beside importance: no-residual, magnitude, reverse, random, iterative, "
     "consecutive, cost, or all (default: all with --full, else none); at three of the counts up to half of "
     "the layers"},
    {"--cost-mix", "generation|prefill|decode", LL_VALUE_MIX, FIELD(mix), SWEEP, "generation", 0, 0,
     "--orders cost: which of a module's time counts"},
    {"--quick", NULL, LL_VALUE_FLAG, FIELD(quick), SWEEP, NULL, 0, 0,
     "the quick protocol: the default, but for models of the paper's tables, whose default is its own "
     "protocol"},
    {"--full", NULL, LL_VALUE_FLAG, FIELD(full), SWEEP, NULL, 0, 0,
     "the full protocol, as in results/smollm2-135m"},
    {"--no-speed", NULL, LL_VALUE_FLAG, FIELD(no_speed), SWEEP, NULL, 0, 0,
     "leave the timings out: quality alone, on a machine that others use"},
    {"--shard", "I/N", LL_VALUE_SHARD, FIELD(shard), SWEEP, NULL, 0, 0,
     "run part I of N alone, in DIR/shard-I-of-N, on any machine; layerlab merge puts the parts together"},
    {"--partial", NULL, LL_VALUE_FLAG, FIELD(partial), MERGE, NULL, 0, 0,
     "merge though parts are missing or not finished, and say which"},
    {"--first", NULL, LL_VALUE_FLAG, FIELD(first), MERGE, NULL, 0, 0,
     "of a drop that was timed twice, keep the timing of the folder that is named first"},
    {"--ids", NULL, LL_VALUE_FLAG, FIELD(ids), TOKENIZE, NULL, 0, 0, "ids only, on one line"},
    {"--out", "FILE", LL_VALUE_TEXT, FIELD(out), INFO | TOKENIZE | DROPPING | TASKS | IMPORTANCE | PLAN, NULL,
     0, 0, "the file for what is printed, whole or not at all (default, -: standard output)"},
    {"--out", "DIR", LL_VALUE_TEXT, FIELD(out), SWEEP, NULL, 0, 0,
     "where rows, table and plots go (default: out/MODEL/PROTOCOL)"},
    {"--out", "DIR", LL_VALUE_TEXT, FIELD(out), CALIBRATION, NULL, 0, 0,
     "where rows, table and plots go (default: out/MODEL/calibration)"},
    {"--out", "DIR", LL_VALUE_TEXT, FIELD(out), REPORT, NULL, 0, 0,
     "where pages and plots go (default: DIR itself; needed with several)"},
    {"--out", "PATH", LL_VALUE_TEXT, FIELD(out), EXPORT, NULL, 0, 0,
     "the new .gguf file or Hugging Face folder (needed); with --format config a .json file"},
    {"--format", "gguf|hf|config", LL_VALUE_TEXT, FIELD(format), EXPORT, NULL, 0, 0,
     "the source's own form (default), or config: only a config.json with the drop lists"},
    {"--force", NULL, LL_VALUE_FLAG, FIELD(force), EXPORT, NULL, 0, 0,
     "replace what an earlier export wrote at --out; never the source"},
    {"--force", NULL, LL_VALUE_FLAG, FIELD(force), MERGE, NULL, 0, 0,
     "replace what an earlier merge made; never a folder of a sweep"},
    {"--json", NULL, LL_VALUE_FLAG, FIELD(json), INFO | TOKENIZE | LOADING | TASKS | MERGE | REPORT | EXPORT,
     NULL, 0, 0, "print JSON"},
    {"--quiet", NULL, LL_VALUE_FLAG, FIELD(quiet), LOADING | MERGE | REPORT | EXPORT, NULL, 0, 0,
     "nothing on stderr but errors"},
};

_Static_assert(sizeof options / sizeof *options <= LL_OPTIONS_MAX,
               "the parser notes the options it has seen");

const ll_command_spec *ll_command_spec_at(ll_command command) {
    return &commands[command];
}

const ll_option_spec *ll_option_spec_at(size_t index) {
    return index < sizeof options / sizeof *options ? &options[index] : NULL;
}

bool ll_option_taken_by(const ll_option_spec *option, ll_command command) {
    return option->commands >> command & 1;
}

const ll_option_spec *ll_option_find(const char *name, size_t length, ll_command command) {
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (ll_option_taken_by(&options[i], command) && strlen(options[i].name) == length &&
            memcmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}
