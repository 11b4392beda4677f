/* Writing a checkpoint without its dropped modules. What remains are the source's own bytes, so this program computes
 * the same bits from the export as from the source with the mask. */
#ifndef LL_EXPORT_H
#define LL_EXPORT_H
#include "checkpoint.h"

typedef struct {
    const ll_mask *drop; /* besides what the source drops itself; NULL: nothing */
    bool lists_only;     /* write the drop lists, as a config.json, and no weights */
    bool replace;        /* what is at the path may be an earlier export, and goes */
    /* Called while tensors are written: their bytes so far, and in all. False: stop, which is a failure. NULL: not told. */
    bool (*progress)(void *context, uint64_t bytes, uint64_t total);
    void *context;
} ll_export_options;

typedef struct {
    ll_mask dropped; /* all that is left out, by the source's layer numbers */
    size_t layers;   /* blocks that the export counts */
    bool listed;     /* the export needs its drop lists: other programs that do not know them cannot run it */
    size_t tensors, source_tensors;
    uint64_t bytes, source_bytes; /* of weight files; of lists_only: of the text */
} ll_export_result;

/* Writes source's form at path, beside it first and renamed when a reader of the result finds all that it should:
 *
 * - Hugging Face: a folder with config.json (its keys as they are, but for drop_attn_list and drop_mlp_list: layer numbers,
 *   ascending, as the published checkpoints have them), files of the tokenizer, and model.safetensors or, where the source
 *   has shards, shards of at most 5 GB. Layers keep their numbers.
 * - GGUF: one file, whatever the source's parts. Blocks that are dropped whole are gone and the others numbered anew,
 *   in llama.block_count and in arrays of one item a layer too, so that every reader of GGUF loads the file. Layers of which
 *   one half is dropped are listed under the keys of gguf_parts.h, by their new numbers.
 * - lists_only: a file; of a Hugging Face source its config.json as above; of a GGUF source an object of num_hidden_layers,
 *   drop_attn_list and drop_mlp_list, to be merged into the config.json of the same model.
 *
 * Refused: nothing to drop; a path that is taken, unless replace; any of the source's own files, whatever replace says;
 * more bytes than the file system has (LL_NO_RESOURCE). After a failure nothing is left behind and what was at the path is
 * as it was. */
ll_status ll_export(ll_export_result *out, const ll_checkpoint *source, const char *path,
                    const ll_export_options *options, ll_error *error);
#endif
