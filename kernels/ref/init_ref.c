#include "ref.h"

void ll_init_ref(ll_kernels *table) {
    table->packed_i8_bytes = ll_packed_i8_bytes_ref;
    table->pack_i8 = ll_pack_i8_ref;
    table->matmul_i8 = ll_matmul_i8_ref;
    table->add_scaled_i32 = ll_add_scaled_i32_ref;
    table->packed_f32_bytes = ll_packed_f32_bytes_ref;
    table->pack_f32 = ll_pack_f32_ref;
    table->matmul_f32 = ll_matmul_f32_ref;
    table->quantize = ll_quantize_ref;
    table->rmsnorm_i8 = ll_rmsnorm_i8_ref;
    table->rmsnorm_f32 = ll_rmsnorm_f32_ref;
    table->silu_mul_i8 = ll_silu_mul_i8_ref;
    table->silu_mul_f32 = ll_silu_mul_f32_ref;
    table->add_f32 = ll_add_f32_ref;
    table->rope_f32 = ll_rope_f32_ref;
    table->kv_store = ll_kv_store_ref;
    table->attention_scratch_bytes = ll_attention_scratch_bytes_ref;
    table->attention = ll_attention_ref;
    table->softmax_f32 = ll_softmax_f32_ref;
    table->logsumexp_f32 = ll_logsumexp_f32_ref;
    table->peak_i8 = ll_peak_i8_ref;
    table->peak_f32 = ll_peak_f32_ref;
    table->read_stream = ll_read_stream_ref;
    for (int op = 0; op < LL_OP_COUNT; op++)
        table->isa[op] = "ref";
}
