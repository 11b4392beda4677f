#include "avx512vnni.h"

void ll_init_avx512vnni(ll_kernels *table) {
    table->packed_i8_bytes = ll_packed_i8_bytes_avx512vnni;
    table->pack_i8 = ll_pack_i8_avx512vnni;
    table->matmul_i8 = ll_matmul_i8_avx512vnni;
    table->add_scaled_i32 = ll_add_scaled_i32_avx512vnni;
    table->packed_f32_bytes = ll_packed_f32_bytes_avx512vnni;
    table->pack_f32 = ll_pack_f32_avx512vnni;
    table->matmul_f32 = ll_matmul_f32_avx512vnni;
    table->quantize = ll_quantize_avx512vnni;
    table->rmsnorm_i8 = ll_rmsnorm_i8_avx512vnni;
    table->rmsnorm_f32 = ll_rmsnorm_f32_avx512vnni;
    table->silu_mul_i8 = ll_silu_mul_i8_avx512vnni;
    table->silu_mul_f32 = ll_silu_mul_f32_avx512vnni;
    table->add_f32 = ll_add_f32_avx512vnni;
    table->rope_f32 = ll_rope_f32_avx512vnni;
    table->kv_store = ll_kv_store_avx512vnni;
    table->attention_scratch_bytes = ll_attention_scratch_bytes_avx512vnni;
    table->attention = ll_attention_avx512vnni;
    table->softmax_f32 = ll_softmax_f32_avx512vnni;
    table->logsumexp_f32 = ll_logsumexp_f32_avx512vnni;
    table->peak_i8 = ll_peak_i8_avx512vnni;
    table->peak_f32 = ll_peak_f32_avx512vnni;
    table->read_stream = ll_read_stream_avx512vnni;
    for (int op = 0; op < LL_OP_COUNT; op++)
        table->isa[op] = "avx512vnni";
}
