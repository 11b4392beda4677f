/* Private to the exporter: what is written, and files that are written whole or not at all. */
#ifndef LL_EXPORT_PARTS_H
#define LL_EXPORT_PARTS_H
#include "drop.h"
#include "export.h"
#include "gguf_parts.h"
#include "safetensors_parts.h"
#include <limits.h>
#include <stdio.h>

typedef struct {
    const ll_tensor *tensor;
    ll_role role; /* LL_ROLE_COUNT: none */
    size_t layer; /* by the source's numbers */
} ll_kept;

typedef struct {
    const ll_checkpoint *source;
    const ll_export_options *options;
    ll_error *error;
    ll_config expected;              /* what a reader of the export must find */
    ll_mask dropped;                 /* by the source's numbers */
    size_t new_layer[LL_MAX_LAYERS]; /* number of a kept block */
    bool gone[LL_MAX_LAYERS];        /* GGUF: the block has no number any more */
    ll_gguf_parts parts;             /* the source again, tensor by tensor in its files' order */
    ll_safetensors *files;
    ll_kept *kept;               /* in that order */
    size_t count, total;         /* tensors that are written; that the source has */
    uint64_t bytes, total_bytes; /* of these tensors */
    char path[PATH_MAX];         /* without a slash at its end */
    char beside[PATH_MAX];       /* where it is written first */
} ll_export_job;

/* ---- files (export_file.c) ---- */
typedef struct {
    const ll_export_job *job;
    FILE *stream;
    char path[PATH_MAX];
    uint64_t bytes; /* written so far */
} ll_export_file;

/* A new file; name NULL: the path is folder. */
ll_status ll_export_create(ll_export_file *out, const ll_export_job *job, const char *folder,
                           const char *name);
ll_status ll_export_put(ll_export_file *file, const void *data, uint64_t bytes);
ll_status ll_export_put_number(ll_export_file *file, uint64_t value, size_t bytes); /* little-endian */
ll_status ll_export_pad(ll_export_file *file, uint64_t bytes);                      /* zeros */
/* In pieces whose pages of the source are let go. before: bytes of the tensors that were written before it. */
ll_status ll_export_put_tensor(ll_export_file *file, const ll_tensor *tensor, uint64_t before);
/* Closes it, on the disk when status is LL_OK. Passes status on, or its own failure. */
ll_status ll_export_finish(ll_export_file *file, ll_status status);
/* "PATH: cannot be written", by errno: LL_NO_RESOURCE where room is what lacks. */
ll_status ll_export_failed(const char *path, int reason, ll_error *error);

/* ---- the target (export_target.c) ---- */
/* Refuses paths that are taken or the source's own; fills job->path and beside. folder: what will be there. */
ll_status ll_export_check_target(ll_export_job *job, const char *path, bool folder);
/* Bytes that the file system has are enough for these. */
ll_status ll_export_check_room(const ll_export_job *job, uint64_t bytes);
/* Moves what is beside to the path. */
ll_status ll_export_place(const ll_export_job *job, bool folder);
/* Removes what is beside, if anything. */
void ll_export_discard(const ll_export_job *job);

/* ---- the forms ---- */
ll_status ll_export_gguf(const ll_export_job *job); /* the file beside */
ll_status ll_export_hf(const ll_export_job *job);   /* the folder beside */
/* The text of a config.json with the drop lists, malloc'd. */
ll_status ll_export_config(const ll_export_job *job, char **text, size_t *length);
ll_status ll_export_put_file(const ll_export_job *job, const char *folder, const char *name, const char *text,
                             size_t length);
/* The name that a kept tensor has in the export; room is for those that it changes. */
const char *ll_kept_name(const ll_export_job *job, const ll_kept *kept, char room[LL_TENSOR_NAME]);
#endif
