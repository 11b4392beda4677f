#include "avx2.h"

void ll_init_avx2(ll_kernels *table) {
    table->packed_i8_bytes = ll_packed_i8_bytes_avx2;
    table->pack_i8 = ll_pack_i8_avx2;
    table->matmul_i8 = ll_matmul_i8_avx2;
    table->add_scaled_i32 = ll_add_scaled_i32_avx2;
    table->packed_f32_bytes = ll_packed_f32_bytes_avx2;
    table->pack_f32 = ll_pack_f32_avx2;
    table->matmul_f32 = ll_matmul_f32_avx2;
    table->quantize = ll_quantize_avx2;
    table->rmsnorm_i8 = ll_rmsnorm_i8_avx2;
    table->rmsnorm_f32 = ll_rmsnorm_f32_avx2;
    table->silu_mul_i8 = ll_silu_mul_i8_avx2;
    table->silu_mul_f32 = ll_silu_mul_f32_avx2;
    table->add_f32 = ll_add_f32_avx2;
    table->rope_f32 = ll_rope_f32_avx2;
    table->kv_store = ll_kv_store_avx2;
    table->attention_scratch_bytes = ll_attention_scratch_bytes_avx2;
    table->attention = ll_attention_avx2;
    table->softmax_f32 = ll_softmax_f32_avx2;
    table->logsumexp_f32 = ll_logsumexp_f32_avx2;
    table->peak_i8 = ll_peak_i8_avx2;
    table->peak_f32 = ll_peak_f32_avx2;
    table->read_stream = ll_read_stream_avx2;
    for (int op = 0; op < LL_OP_COUNT; op++)
        table->isa[op] = "avx2";
}
