#include "neon_dotprod.h"

void ll_init_neon_dotprod(ll_kernels *table) {
    table->quantize = ll_quantize_neon_dotprod;
    table->rmsnorm_i8 = ll_rmsnorm_i8_neon_dotprod;
    table->rmsnorm_f32 = ll_rmsnorm_f32_neon_dotprod;
    table->silu_mul_i8 = ll_silu_mul_i8_neon_dotprod;
    table->silu_mul_f32 = ll_silu_mul_f32_neon_dotprod;
    table->add_f32 = ll_add_f32_neon_dotprod;
    table->rope_f32 = ll_rope_f32_neon_dotprod;
    table->kv_store = ll_kv_store_neon_dotprod;
    table->softmax_f32 = ll_softmax_f32_neon_dotprod;
    table->logsumexp_f32 = ll_logsumexp_f32_neon_dotprod;
    table->peak_i8 = ll_peak_i8_neon_dotprod;
    table->peak_f32 = ll_peak_f32_neon_dotprod;
    table->read_stream = ll_read_stream_neon_dotprod;
    table->isa[LL_OP_QUANTIZE] = "neon_dotprod";
    table->isa[LL_OP_RMSNORM_I8] = "neon_dotprod";
    table->isa[LL_OP_RMSNORM_F32] = "neon_dotprod";
    table->isa[LL_OP_SILU_MUL_I8] = "neon_dotprod";
    table->isa[LL_OP_SILU_MUL_F32] = "neon_dotprod";
    table->isa[LL_OP_ADD_F32] = "neon_dotprod";
    table->isa[LL_OP_ROPE_F32] = "neon_dotprod";
    table->isa[LL_OP_KV_STORE] = "neon_dotprod";
    table->isa[LL_OP_SOFTMAX_F32] = "neon_dotprod";
    table->isa[LL_OP_LOGSUMEXP_F32] = "neon_dotprod";
    table->isa[LL_OP_PEAK_I8] = "neon_dotprod";
    table->isa[LL_OP_PEAK_F32] = "neon_dotprod";
    table->isa[LL_OP_READ_STREAM] = "neon_dotprod";
}
