/* Text that is calibrated on or scored: files of documents. */
#ifndef LL_DOCUMENTS_H
#define LL_DOCUMENTS_H
#include "gguf.h"
#include "sha256.h"

typedef struct {
    ll_text *texts; /* into storage */
    size_t count;
    char *storage;
    char sha256[LL_SHA256_TEXT]; /* of the file */
} ll_documents;

/* .json: an array of objects with "text"; .jsonl: one such object a line (empty lines skipped); any other file (.txt) is one
 * document of any bytes. Objects without "text" but with instruction, input, output, response, question or answer, or a list of
 * conversations, are what these say in this order, a line each, empty ones left out. Refused, with line or index: no "text", text that is not a string, an empty file, no documents,
 * broken JSON, duplicate keys. */
ll_status ll_documents_load(ll_documents *out, const char *path, ll_error *error);
void ll_documents_free(ll_documents *documents);
/* A whole file in malloc'd memory, NUL appended (a directory or a missing file is a clear error). */
ll_status ll_file_read(const char *path, char **data, size_t *length, ll_error *error);
/* Writes beside and renames: path is either the old file or the whole new one. */
ll_status ll_file_write(const char *path, const char *data, size_t length, ll_error *error);
/* mkdir -p. */
ll_status ll_folder_make(const char *path, ll_error *error);
#endif
