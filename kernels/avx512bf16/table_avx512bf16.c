#include "avx512bf16.h"

const ll_kernels ll_table_avx512bf16 = {
    .attention_scratch_bytes = ll_attention_scratch_bytes_avx512bf16,
    .attention = ll_attention_avx512bf16,
    .attention_rounds = true,
};
