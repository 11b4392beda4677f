#include "neon_bf16.h"

void ll_init_neon_bf16(ll_kernels *table) {
    table->attention_scratch_bytes = ll_attention_scratch_bytes_neon_bf16;
    table->attention = ll_attention_neon_bf16;
    table->attention_rounds = true;
    table->isa[LL_OP_ATTENTION] = "neon_bf16";
}
