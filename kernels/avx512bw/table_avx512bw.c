#include "avx2/avx2.h"
#include "avx512bw.h"

const ll_kernels ll_table_avx512bw = {
    .packed_i8_bytes = ll_packed_i8_bytes_avx2,
    .pack_i8 = ll_pack_i8_avx2,
    .matmul_i8 = ll_matmul_i8_avx512bw,
    .add_scaled_i32 = ll_add_scaled_i32_avx512bw,
    .packed_f32_bytes = ll_packed_f32_bytes_avx512bw,
    .pack_f32 = ll_pack_f32_avx512bw,
    .matmul_f32 = ll_matmul_f32_avx512bw,
    .quantize = ll_quantize_avx512bw,
    .rmsnorm_i8 = ll_rmsnorm_i8_avx512bw,
    .rmsnorm_f32 = ll_rmsnorm_f32_avx512bw,
    .silu_mul_i8 = ll_silu_mul_i8_avx512bw,
    .silu_mul_f32 = ll_silu_mul_f32_avx512bw,
    .add_f32 = ll_add_f32_avx512bw,
    .rope_f32 = ll_rope_f32_avx512bw,
    .kv_store = ll_kv_store_avx512bw,
    .attention_scratch_bytes = ll_attention_scratch_bytes_avx512bw,
    .attention = ll_attention_avx512bw,
    .softmax_f32 = ll_softmax_f32_avx512bw,
    .logsumexp_f32 = ll_logsumexp_f32_avx512bw,
    .peak_i8 = ll_peak_i8_avx512bw,
    .peak_f32 = ll_peak_f32_avx512bw,
    .read_stream = ll_read_stream_avx512bw,
};
