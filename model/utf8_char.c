#include "utf8_char.h"

/* Bytes that follow a lead byte, or -1; [*low, *high]: what the first of them may be. */
static int following(unsigned char lead, unsigned char *low, unsigned char *high) {
    *low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    *high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (lead < 0x80)
        return 0;
    if (lead < 0xC2 || lead > 0xF4)
        return -1;
    return lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
}

int ll_utf8_char(const char *text, size_t length) {
    if (!length)
        return 0;
    unsigned char low, high;
    const int follow = following((unsigned char)text[0], &low, &high);
    for (int i = 1; i <= follow; i++) {
        if ((size_t)i == length)
            return 0;
        const unsigned char byte = (unsigned char)text[i];
        if (byte < low || byte > high)
            return -i;
        low = 0x80;
        high = 0xBF;
    }
    return follow < 0 ? -1 : follow + 1;
}
