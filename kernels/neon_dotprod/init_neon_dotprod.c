#include "neon_dotprod.h"

void ll_init_neon_dotprod(ll_kernels *table) {
    table->quantize = ll_quantize_neon_dotprod;
    table->isa[LL_OP_QUANTIZE] = "neon_dotprod";
}
