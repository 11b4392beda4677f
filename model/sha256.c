#include "sha256.h"
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_BYTES = 32, CHUNK = 1 << 20 };

static void to_hex(const unsigned char digest[DIGEST_BYTES], char hex[LL_SHA256_TEXT]) {
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        hex[2 * i] = "0123456789abcdef"[digest[i] >> 4];
        hex[2 * i + 1] = "0123456789abcdef"[digest[i] & 15];
    }
    hex[LL_SHA256_TEXT - 1] = 0;
}

void ll_sha256_bytes(const void *data, size_t length, char hex[LL_SHA256_TEXT]) {
    unsigned char digest[DIGEST_BYTES] = {0};
    EVP_Digest(data, length, digest, NULL, EVP_sha256(), NULL);
    to_hex(digest, hex);
}

static ll_status hash_stream(FILE *file, EVP_MD_CTX *context, unsigned char *chunk, const char *path,
                             const ll_hash_watch *watch, char *hex, ll_error *error) {
    unsigned char digest[DIGEST_BYTES];
    bool sound = EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
    for (size_t got; sound && (got = fread(chunk, 1, CHUNK, file)) > 0;) {
        sound = EVP_DigestUpdate(context, chunk, got) == 1;
        if (watch)
            watch->hashed(watch->context, got);
    }
    if (ferror(file))
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be read: %s", path, strerror(errno));
    if (!sound || EVP_DigestFinal_ex(context, digest, NULL) != 1)
        return ll_fail(error, LL_NO_RESOURCE, "%s: libcrypto cannot compute a SHA-256", path);
    to_hex(digest, hex);
    return LL_OK;
}

ll_status ll_sha256_file(const char *path, const ll_hash_watch *watch, char hex[LL_SHA256_TEXT],
                         ll_error *error) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return ll_fail(error, LL_BAD_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char *chunk = malloc(CHUNK);
    ll_status status = context && chunk ? hash_stream(file, context, chunk, path, watch, hex, error)
                                        : ll_fail(error, LL_NO_RESOURCE, "%s: no memory to read it", path);
    free(chunk);
    EVP_MD_CTX_free(context);
    fclose(file);
    return status;
}
