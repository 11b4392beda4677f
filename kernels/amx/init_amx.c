#include "amx.h"

void ll_init_amx(ll_kernels *table) {
    table->matmul_i8 = ll_matmul_i8_amx;
    table->peak_i8 = ll_peak_i8_amx;
    table->isa[LL_OP_MATMUL_I8] = table->isa[LL_OP_PEAK_I8] = "amx";
}
