#include "avx512bf16.h"

void ll_init_avx512bf16(ll_kernels *table) {
    table->attention_scratch_bytes = ll_attention_scratch_bytes_avx512bf16;
    table->attention = ll_attention_avx512bf16;
    table->attention_rounds = true;
    table->isa[LL_OP_ATTENTION] = "avx512bf16";
}
