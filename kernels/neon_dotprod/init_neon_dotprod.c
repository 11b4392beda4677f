#include "neon_dotprod.h"

void ll_init_neon_dotprod(ll_kernels *table) {
    table->packed_i8_bytes = ll_packed_i8_bytes_neon_dotprod;
    table->pack_i8 = ll_pack_i8_neon_dotprod;
    table->matmul_i8 = ll_matmul_i8_neon_dotprod;
    table->isa[LL_OP_MATMUL_I8] = "neon_dotprod";
    table->packed_f32_bytes = ll_packed_f32_bytes_neon_dotprod;
    table->pack_f32 = ll_pack_f32_neon_dotprod;
    table->matmul_f32 = ll_matmul_f32_neon_dotprod;
    table->isa[LL_OP_MATMUL_F32] = "neon_dotprod";
}
