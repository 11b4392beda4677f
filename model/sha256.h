/* SHA-256 of bytes and files (by OpenSSL's libcrypto). */
#ifndef LL_SHA256_H
#define LL_SHA256_H
#include "error.h"
enum { LL_SHA256_TEXT = 65 };
void ll_sha256_bytes(const void *data, size_t length, char hex[LL_SHA256_TEXT]);
/* Told of every few bytes as they are hashed: files may be tens of gigabytes. */
typedef struct {
    void (*hashed)(void *context, size_t bytes);
    void *context;
} ll_hash_watch;
/* watch: NULL, nobody. */
ll_status ll_sha256_file(const char *path, const ll_hash_watch *watch, char hex[LL_SHA256_TEXT],
                         ll_error *error);
#endif
