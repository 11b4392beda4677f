/* Packed weights kept between runs: a header that says what they are, a hash of every chunk, and the arena as it lies in
 * memory. A file that is anything but whole and right is made again, never used. */
#include "packed_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <xxhash.h>

enum {
    VERSION = 3,     /* of this file's form; a packed layout that changes needs a new one too */
    CHUNK = 4 << 20, /* bytes that are read, hashed and still in a core's reach together */
    DATA_ALIGN = 4096,
};
static const char MAGIC[8] = "LLPACKED";

typedef struct {
    char magic[8];
    uint64_t version, bytes, chunk;
    uint64_t header_hash; /* of key and chunk hashes */
    char key[LL_PACKED_KEY];
} header;

static size_t chunk_count(uint64_t bytes) {
    return (size_t)((bytes + CHUNK - 1) / CHUNK);
}

static uint64_t data_offset(uint64_t bytes) {
    const uint64_t end = sizeof(header) + chunk_count(bytes) * sizeof(uint64_t);
    return (end + DATA_ALIGN - 1) / DATA_ALIGN * DATA_ALIGN;
}

/* ---- what the weights are ---- */

typedef struct {
    char *text; /* [LL_PACKED_KEY] */
    size_t used;
} key_writer;

static void put_key(key_writer *key, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put_key(key_writer *key, const char *format, ...) {
    const size_t room = LL_PACKED_KEY - key->used;
    va_list arguments;
    va_start(arguments, format);
    const int length = vsnprintf(key->text + key->used, room, format, arguments);
    va_end(arguments);
    key->used +=
        (size_t)length < room ? (size_t)length : room - 1; /* a path and some numbers always have room */
}

/* Where the source lies. Of a folder in Hugging Face form its own path: its files may be links to others from time to time. */
static ll_status put_place(key_writer *key, const ll_weights_source *source) {
    const ll_checkpoint *checkpoint = source->checkpoint;
    const char *path = ll_checkpoint_format(checkpoint) == LL_FORMAT_HF ? ll_checkpoint_path(checkpoint)
                                                                        : ll_checkpoint_file(checkpoint, 0);
    char real[PATH_MAX];
    if (!realpath(path, real))
        return ll_fail(source->error, LL_BAD_INPUT, "%s: cannot be looked at: %s", path, strerror(errno));
    put_key(key, "path %s\n", real);
    return LL_OK;
}

static void put_options(key_writer *key, const ll_weights_source *source) {
    char drop[LL_MASK_TEXT], dropped[LL_SHA256_TEXT];
    ll_mask_format(&source->config->dropped, source->config->layers, drop);
    ll_sha256_bytes(drop, strlen(drop), dropped);
    put_key(key, "seed %llu\nisa %s\ngroup %zu\nresident %zu\ndropped %s\n",
            (unsigned long long)(source->checkpoint ? 0 : source->options->seed), source->matmul->layout,
            source->options->group, source->options->resident, dropped);
    const ll_placement *p = source->home ? source->home->placement : NULL;
    for (size_t i = 0; p && p->nodes > 1 && i < p->nodes; i++) /* what each node holds follows from these */
        put_key(key, "node %zu of %zu: %zu threads\n", i + 1, p->nodes, p->node[i].threads);
}

static void put_shape(key_writer *key, const ll_weights_source *source, const ll_weights *w) {
    const ll_config *c = source->config;
    put_key(key,
            "head group %zu\nembedding %u\nlayers %zu\nhidden %zu\nheads %zu\nkv heads %zu\nhead size %zu\n"
            "mlp %zu\nvocabulary %zu\ntied %d\nbiases %d %d %d\nrope factors %d\n",
            ll_head_group(c->hidden), w->embedding_type, c->layers, c->hidden, c->heads, c->kv_heads,
            c->head_dim, c->mlp, c->vocab, c->tied, c->bias_qkv, c->bias_o, c->bias_mlp,
            w->rope_factors != NULL);
}

/* The file's name comes from the options and the source's place; of synthetic weights, which have none, from the shape. */
static ll_status describe(const ll_weights_source *source, const ll_weights *w, ll_packed_name *out) {
    enum { NAME = 32 };
    char hash[LL_SHA256_TEXT], identity[LL_SHA256_TEXT];
    memset(out, 0, sizeof *out);
    key_writer key = {out->key, 0};
    if (source->checkpoint)
        LL_TRY(put_place(&key, source));
    put_options(&key, source);
    if (!source->checkpoint)
        put_shape(&key, source, w);
    ll_sha256_bytes(out->key, key.used, hash);
    if (source->checkpoint) {
        put_shape(&key, source, w);
        LL_TRY(ll_checkpoint_identity(source->checkpoint, identity, source->error));
        put_key(&key, "identity %s\n", identity);
    }
    if (snprintf(out->path, LL_PACKED_PATH, "%s/%.*s.packed", source->options->cache, NAME, hash) >=
        LL_PACKED_PATH)
        return ll_fail(source->error, LL_BAD_USAGE, "%.64s...: the path is longer than %d bytes",
                       source->options->cache, LL_PACKED_PATH - 1);
    return LL_OK;
}

static uint64_t hash_header(const header *h, const uint64_t *hashes, size_t count) {
    return XXH3_64bits_withSeed(h->key, LL_PACKED_KEY, XXH3_64bits(hashes, count * sizeof *hashes));
}

/* ---- whole reads and writes ---- */

static bool read_at(int file, void *data, size_t bytes, uint64_t offset) {
    for (size_t done = 0; done < bytes;) {
        const ssize_t got = pread(file, (uint8_t *)data + done, bytes - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static bool write_at(int file, const void *data, size_t bytes, uint64_t offset) {
    for (size_t done = 0; done < bytes;) {
        const ssize_t put = pwrite(file, (const uint8_t *)data + done, bytes - done, (off_t)(offset + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put == 0)
            errno = ENOSPC; /* no reason is given */
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

static size_t chunk_bytes(uint64_t bytes, size_t chunk) {
    const uint64_t left = bytes - (uint64_t)chunk * CHUNK;
    return (size_t)(left < CHUNK ? left : CHUNK);
}

/* ---- loading ---- */

/* An arena on its way from or to a file; what went wrong, an errno, 0: nothing, or a chunk that is not what it should be. */
typedef struct {
    int file;
    uint8_t *base;
    uint64_t bytes;
    uint64_t *hashes;
    atomic_int reason;
} transfer;

static void read_share(void *context, ll_member *m) {
    transfer *t = context;
    size_t i, end;
    ll_share(chunk_count(t->bytes), m->thread, m->threads, 1, &i, &end);
    for (; i < end; i++) {
        const size_t size = chunk_bytes(t->bytes, i);
        uint8_t *to = t->base + (uint64_t)i * CHUNK;
        if (!read_at(t->file, to, size, data_offset(t->bytes) + (uint64_t)i * CHUNK) ||
            XXH3_64bits(to, size) != t->hashes[i])
            atomic_store(&t->reason, EIO);
    }
}

static bool read_chunks(const ll_weights_source *source, int file, uint8_t *base, uint64_t bytes,
                        uint64_t *hashes) {
    transfer t = {.file = file, .base = base, .bytes = bytes, .hashes = hashes};
    ll_team_run(source->team, 0, read_share, &t);
    return t.reason == 0;
}

/* Whether the open file is these weights, whole: then they are in the arena. */
static bool read_file(const ll_weights_source *source, int file, ll_weights *w, const char *key) {
    const uint64_t bytes = w->arena.used;
    struct stat info;
    if (fstat(file, &info) != 0 || (uint64_t)info.st_size != data_offset(bytes) + bytes)
        return false;
    const size_t count = chunk_count(bytes);
    header *h = malloc(sizeof *h);
    uint64_t *hashes = malloc(count * sizeof *hashes);
    const bool good = h && hashes && read_at(file, h, sizeof *h, 0) &&
                      read_at(file, hashes, count * sizeof *hashes, sizeof *h) &&
                      memcmp(h->magic, MAGIC, sizeof MAGIC) == 0 && h->version == VERSION &&
                      h->bytes == bytes && h->chunk == CHUNK && memcmp(h->key, key, LL_PACKED_KEY) == 0 &&
                      h->header_hash == hash_header(h, hashes, count) &&
                      read_chunks(source, file, w->arena.base, bytes, hashes);
    free(h);
    free(hashes);
    return good;
}

/* Room for the file, found out before minutes of packing. */
static ll_status check_room(const ll_weights_source *source, const ll_weights *w) {
    const char *folder = source->options->cache;
    struct statvfs disk;
    struct stat info;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return ll_fail(source->error, LL_BAD_INPUT, "%s: the folder of packed weights cannot be made: %s",
                       folder, strerror(errno));
    if (stat(folder, &info) == 0 && !S_ISDIR(info.st_mode))
        return ll_fail(
            source->error, LL_BAD_INPUT,
            "%s: is not a folder, so packed weights cannot be kept there; set LAYERLAB_CACHE to one", folder);
    if (access(folder, W_OK | X_OK) != 0 || statvfs(folder, &disk) != 0)
        return ll_fail(source->error, LL_BAD_INPUT, "%s: packed weights cannot be kept there: %s", folder,
                       strerror(errno));
    const uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize,
                   needed = data_offset(w->arena.used) + w->arena.used;
    if (needed > free_bytes)
        return ll_fail(source->error, LL_NO_RESOURCE,
                       "%s: packed weights take %.1f MB there, %.1f MB are free; free some, set "
                       "LAYERLAB_CACHE to another "
                       "folder, or leave --cache out",
                       folder, (double)needed / 1e6, (double)free_bytes / 1e6);
    return LL_OK;
}

ll_status ll_packed_cache_load(const ll_weights_source *source, ll_weights *w, ll_packed_name *name,
                               bool *hit) {
    *hit = false;
    LL_TRY(describe(source, w, name));
    const int file = open(name->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file >= 0) {
        *hit = read_file(source, file, w, name->key);
        close(file);
    }
    return *hit ? LL_OK : check_room(source, w);
}

/* ---- keeping ---- */

static void write_share(void *context, ll_member *m) {
    transfer *t = context;
    size_t i, end;
    ll_share(chunk_count(t->bytes), m->thread, m->threads, 1, &i, &end);
    for (; i < end; i++) {
        const uint8_t *from = t->base + (uint64_t)i * CHUNK;
        const size_t size = chunk_bytes(t->bytes, i);
        t->hashes[i] = XXH3_64bits(from, size);
        if (!write_at(t->file, from, size, data_offset(t->bytes) + (uint64_t)i * CHUNK))
            atomic_store(&t->reason, errno);
    }
}

static bool write_chunks(const ll_weights_source *source, int file, uint8_t *base, uint64_t bytes,
                         uint64_t *hashes) {
    transfer t = {.file = file, .base = base, .bytes = bytes, .hashes = hashes};
    ll_team_run(source->team, 0, write_share, &t);
    errno = t.reason; /* every thread has its own */
    return t.reason == 0;
}

static bool write_file(const ll_weights_source *source, int file, const ll_weights *w, const char *key) {
    const uint64_t bytes = w->arena.used;
    const size_t count = chunk_count(bytes);
    header *h = calloc(1, sizeof *h);
    uint64_t *hashes = calloc(count, sizeof *hashes);
    bool good = h && hashes && write_chunks(source, file, w->arena.base, bytes, hashes);
    if (good) {
        memcpy(h->magic, MAGIC, sizeof MAGIC);
        h->version = VERSION;
        h->bytes = bytes;
        h->chunk = CHUNK;
        memcpy(h->key, key, LL_PACKED_KEY);
        h->header_hash = hash_header(h, hashes, count);
        good = write_at(file, h, sizeof *h, 0) && write_at(file, hashes, count * sizeof *hashes, sizeof *h) &&
               fsync(file) == 0;
    }
    free(h);
    free(hashes);
    return good;
}

/* A file that is no one's until it has a name: a program that is killed leaves nothing. */
typedef struct {
    int file;
    bool named; /* where the file system has no such files: it is at beside from the beginning */
    char beside[LL_PACKED_PATH + 32]; /* the name until it replaces the kept one */
} new_file;

static bool create(new_file *out, const char *folder, const char *path) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return false;
    snprintf(out->beside, sizeof out->beside, "%s.%016" PRIx64, path, random);
    out->named = false;
    out->file = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
    if (out->file >= 0)
        return true;
    out->named = true;
    out->file = open(out->beside, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666);
    return out->file >= 0;
}

/* Puts the file in the place of the kept one. */
static bool publish(new_file *new, const char *path) {
    if (!new->named) {
        char open_file[64];
        snprintf(open_file, sizeof open_file, "/proc/self/fd/%d", new->file);
        if (linkat(AT_FDCWD, open_file, AT_FDCWD, new->beside, AT_SYMLINK_FOLLOW) != 0)
            return false;
        new->named = true; /* linkat replaces nothing, rename does */
    }
    (void)rmdir(path); /* an empty folder in its place; a full one is someone's, and rename says so */
    return rename(new->beside, path) == 0;
}

static bool is_unchanged(const ll_weights_source *source, const ll_weights *w, const ll_packed_name *name) {
    ll_weights_source quiet = *source;
    ll_packed_name now;
    quiet.error = NULL;
    return describe(&quiet, w, &now) == LL_OK && memcmp(now.key, name->key, sizeof now.key) == 0;
}

ll_status ll_packed_cache_save(const ll_weights_source *source, const ll_weights *w,
                               const ll_packed_name *name) {
    new_file new;
    if (!create(&new, source->options->cache, name->path))
        return ll_fail(source->error, LL_NO_RESOURCE, "%s: packed weights are not kept: %s", name->path,
                       strerror(errno));
    bool good = write_file(source, new.file, w, name->key);
    int reason = errno;
    const bool same = is_unchanged(source, w, name);
    if (good && same) {
        good = publish(&new, name->path);
        reason = errno;
    }
    close(new.file); /* written through by fsync */
    if (good && same)
        return LL_OK;
    if (new.named)
        unlink(new.beside);
    if (!good)
        return ll_fail(source->error, LL_NO_RESOURCE, "%s: packed weights are not kept: %s", name->path,
                       strerror(reason));
    return ll_fail(source->error, LL_BAD_INPUT,
                   "%s: changed while it was read, so its packed weights are not kept; load it again",
                   ll_checkpoint_path(source->checkpoint));
}
