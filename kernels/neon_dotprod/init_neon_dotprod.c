#include "neon_dotprod.h"

void ll_init_neon_dotprod(ll_kernels *table) {
    table->attention_scratch_bytes = ll_attention_scratch_bytes_neon_dotprod;
    table->attention = ll_attention_neon_dotprod;
    table->isa[LL_OP_ATTENTION] = "neon_dotprod";
}
