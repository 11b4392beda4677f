/* Dequantizers against values of the gguf Python package (tests/golden/README.md), bit for bit. */
#include "dequant.h"
#include "golden.h"
#include "test.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void check_blocks(const ll_golden_blocks *blocks) {
    const ll_tensor_type_info *info = ll_tensor_type_find(blocks->type);
    REQUIRE(info != NULL);
    CHECK_MSG(strcmp(info->name, blocks->name) == 0, "type %u is %s, expected %s", blocks->type, info->name,
              blocks->name);
    CHECK_MSG(blocks->count % info->block == 0 &&
                  blocks->bytes == blocks->count / info->block * info->block_bytes,
              "%s: %zu values in %zu bytes", blocks->name, blocks->count, blocks->bytes);
    /* One byte further: data in a file need no alignment. Exact sizes: a sanitizer sees any step outside. */
    unsigned char *src = malloc(blocks->bytes + 1);
    float *dst = malloc(blocks->count * sizeof *dst);
    REQUIRE(src && dst);
    memcpy(src + 1, blocks->data, blocks->bytes);
    ll_dequant(blocks->type, src + 1, blocks->count, dst);
    size_t wrong = 0;
    for (size_t i = 0; i < blocks->count; i++) {
        if (bits_of(dst[i]) == bits_of(blocks->values[i]) || (isnan(dst[i]) && isnan(blocks->values[i])))
            continue;
        if (!wrong++)
            ll_test_fail(__FILE__, __LINE__, "%s: value %zu is %a, expected %a", blocks->name, i,
                         (double)dst[i], (double)blocks->values[i]);
    }
    CHECK_MSG(wrong == 0, "%s: %zu of %zu values differ", blocks->name, wrong, blocks->count);
    free(src);
    free(dst);
}

static void test_golden(void) {
    static const uint32_t ALL[] = {LL_TYPE_F32,  LL_TYPE_F16,  LL_TYPE_BF16, LL_TYPE_Q8_0,
                                   LL_TYPE_Q4_0, LL_TYPE_Q4_1, LL_TYPE_Q5_0, LL_TYPE_Q5_1,
                                   LL_TYPE_Q4_K, LL_TYPE_Q5_K, LL_TYPE_Q6_K};
    ll_golden_dequant golden;
    if (!ll_golden_dequant_load(&golden))
        return;
    for (size_t i = 0; i < sizeof ALL / sizeof ALL[0]; i++) {
        bool there = false;
        for (size_t t = 0; t < golden.count; t++)
            there = there || golden.types[t].type == ALL[i];
        CHECK_MSG(there, "no golden values of type %u", ALL[i]);
    }
    for (size_t t = 0; t < golden.count; t++)
        check_blocks(&golden.types[t]);
    ll_golden_dequant_free(&golden);
}

/* Every half there is, by the definition of the format. */
static void test_every_half(void) {
    size_t wrong = 0;
    for (uint32_t half = 0; half < 65536; half++) {
        const uint8_t bytes[2] = {(uint8_t)half, (uint8_t)(half >> 8)};
        const int exponent = (int)(half >> 10 & 31), mantissa = (int)(half & 1023);
        float expected =
            exponent ? ldexpf((float)(1024 + mantissa), exponent - 25) : ldexpf((float)mantissa, -24);
        if (exponent == 31)
            expected = mantissa ? NAN : INFINITY;
        expected = half >> 15 ? -expected : expected;
        float got;
        ll_dequant(LL_TYPE_F16, bytes, 1, &got);
        const bool same = isnan(expected) ? isnan(got) : bits_of(got) == bits_of(expected);
        wrong += same ? 0 : 1;
    }
    CHECK_MSG(wrong == 0, "%zu of 65536 halves are wrong", wrong);
}

static void test_nothing(void) {
    float untouched = 1;
    ll_dequant(LL_TYPE_Q6_K, "", 0, &untouched);
    CHECK(untouched == 1);
    CHECK(ll_tensor_type_find(200) == NULL && ll_tensor_type_find(4) == NULL);
}

int main(int argc, char **argv) {
    ll_test_begin(argc, argv);
    ll_test_run("dequant/golden values", test_golden);
    ll_test_run("dequant/every half", test_every_half);
    ll_test_run("dequant/nothing", test_nothing);
    return ll_test_end();
}
