/* Private to the GGUF reader: the opened file's struct, and a cursor that never passes the file's end. */
#ifndef LL_GGUF_READER_H
#define LL_GGUF_READER_H
#include "gguf.h"
#include "mapping.h"

/* Kinds of metadata values (values of the file format). */
typedef enum {
    LL_KIND_U8 = 0,
    LL_KIND_I8 = 1,
    LL_KIND_U16 = 2,
    LL_KIND_I16 = 3,
    LL_KIND_U32 = 4,
    LL_KIND_I32 = 5,
    LL_KIND_F32 = 6,
    LL_KIND_BOOL = 7,
    LL_KIND_TEXT = 8,
    LL_KIND_ARRAY = 9,
    LL_KIND_U64 = 10,
    LL_KIND_I64 = 11,
    LL_KIND_F64 = 12,
    LL_KIND_COUNT
} ll_kind;

const char *ll_kind_name(ll_kind kind);

/* A key with its value; the bytes stay in the mapped file and were checked when it was opened. */
typedef struct {
    ll_text key;
    ll_kind kind;
    ll_kind element;     /* of an array's items */
    uint64_t count;      /* items of an array, bytes of a text */
    const uint8_t *data; /* first byte of the value, after its lengths */
} ll_gguf_entry;

struct ll_gguf {
    char *path;
    ll_mapping map;      /* nothing where the bytes are the caller's */
    const uint8_t *data; /* the whole file */
    uint64_t bytes;
    ll_gguf_entry *entries; /* sorted by key */
    size_t entry_count;
    ll_tensor *tensors; /* in the file's order */
    size_t tensor_count;
    const ll_tensor **by_name; /* sorted */
};

typedef struct {
    const ll_gguf *gguf;
    uint64_t at;    /* offset of the next byte; never past the end */
    char place[96]; /* what is being read, for the sentence of an error */
    bool checking;  /* a table was read and is being checked: at tells nothing about the place */
    ll_error *error;
} ll_gguf_reader;

/* What the reader stands at: shown in every error until set again. */
void ll_gguf_place(ll_gguf_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* LL_BAD_INPUT with "file: place, before offset N: sentence"; without the offset while checking. */
ll_status ll_gguf_refuse(const ll_gguf_reader *reader, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

uint64_t ll_gguf_left(const ll_gguf_reader *reader);
/* The next bytes bytes, or an error that says how many are missing. */
ll_status ll_gguf_take(ll_gguf_reader *reader, uint64_t bytes, const uint8_t **out);
ll_status ll_gguf_take_u32(ll_gguf_reader *reader, uint32_t *out);
ll_status ll_gguf_take_u64(ll_gguf_reader *reader, uint64_t *out);
ll_status ll_gguf_take_text(ll_gguf_reader *reader, ll_text *out);
/* A text that names something: neither empty nor holding a NUL. */
ll_status ll_gguf_take_name(ll_gguf_reader *reader, ll_text *out);

uint32_t ll_load_u32(const uint8_t *bytes);
uint64_t ll_load_u64(const uint8_t *bytes);
int ll_text_compare(ll_text a, ll_text b);

/* The two tables after the header; each leaves the reader behind its table. */
ll_status ll_gguf_read_metadata(ll_gguf *gguf, ll_gguf_reader *reader, uint64_t count);
ll_status ll_gguf_read_tensors(ll_gguf *gguf, ll_gguf_reader *reader, uint64_t count);
#endif
