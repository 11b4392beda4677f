#include "neon_bf16.h"

const ll_kernels ll_table_neon_bf16 = {
    .attention_scratch_bytes = ll_attention_scratch_bytes_neon_bf16,
    .attention = ll_attention_neon_bf16,
    .attention_rounds = true,
};
