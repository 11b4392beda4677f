#include "neon_dotprod.h"

const ll_kernels ll_table_neon_dotprod = {
    .packed_i8_bytes = ll_packed_i8_bytes_neon_dotprod,
    .pack_i8 = ll_pack_i8_neon_dotprod,
    .matmul_i8 = ll_matmul_i8_neon_dotprod,
    .add_scaled_i32 = ll_add_scaled_i32_neon_dotprod,
    .packed_f32_bytes = ll_packed_f32_bytes_neon_dotprod,
    .pack_f32 = ll_pack_f32_neon_dotprod,
    .matmul_f32 = ll_matmul_f32_neon_dotprod,
    .quantize = ll_quantize_neon_dotprod,
    .rmsnorm_i8 = ll_rmsnorm_i8_neon_dotprod,
    .rmsnorm_f32 = ll_rmsnorm_f32_neon_dotprod,
    .silu_mul_i8 = ll_silu_mul_i8_neon_dotprod,
    .silu_mul_f32 = ll_silu_mul_f32_neon_dotprod,
    .add_f32 = ll_add_f32_neon_dotprod,
    .rope_f32 = ll_rope_f32_neon_dotprod,
    .kv_store = ll_kv_store_neon_dotprod,
    .softmax_f32 = ll_softmax_f32_neon_dotprod,
    .logsumexp_f32 = ll_logsumexp_f32_neon_dotprod,
    .peak_i8 = ll_peak_i8_neon_dotprod,
    .peak_f32 = ll_peak_f32_neon_dotprod,
    .read_stream = ll_read_stream_neon_dotprod,
};
