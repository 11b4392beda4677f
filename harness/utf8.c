#include "utf8.h"
#include "utf8_char.h"
#include <string.h>

enum { REPLACEMENT = 3 }; /* bytes of U+FFFD */

static size_t replace(char *out) {
    memcpy(out, "\xEF\xBF\xBD", REPLACEMENT);
    return REPLACEMENT;
}

/* Writes what the pending bytes make by now. One more byte completes a character, continues it, or shows that
 * the bytes before it are none; in that case it starts anew itself. */
static size_t settle(ll_utf8 *stream, char *out) {
    size_t written = 0;
    while (stream->count) {
        const int step = ll_utf8_char(stream->pending, stream->count);
        if (step == 0)
            break;
        const size_t used = (size_t)(step > 0 ? step : -step);
        if (step < 0) {
            written += replace(out + written);
        } else {
            memcpy(out + written, stream->pending, used);
            written += used;
        }
        stream->count -= used;
        memmove(stream->pending, stream->pending + used, stream->count);
    }
    return written;
}

size_t ll_utf8_feed(ll_utf8 *stream, const char *bytes, size_t length, char *out) {
    size_t written = 0;
    for (size_t i = 0; i < length; i++) {
        stream->pending[stream->count++] = bytes[i];
        written += settle(stream, out + written);
    }
    return written;
}

size_t ll_utf8_flush(ll_utf8 *stream, char *out) {
    const size_t written = stream->count ? replace(out) : 0;
    stream->count = 0;
    return written;
}
