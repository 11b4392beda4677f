#include "neon_dotprod.h"

const ll_kernels ll_table_neon_dotprod = {
    .packed_i8_bytes = ll_packed_i8_bytes_neon_dotprod,
    .pack_i8 = ll_pack_i8_neon_dotprod,
    .matmul_i8 = ll_matmul_i8_neon_dotprod,
    .packed_f32_bytes = ll_packed_f32_bytes_neon_dotprod,
    .pack_f32 = ll_pack_f32_neon_dotprod,
    .matmul_f32 = ll_matmul_f32_neon_dotprod,
};
