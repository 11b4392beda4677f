#include "amx.h"

const ll_kernels ll_table_amx = {
    .matmul_i8 = ll_matmul_i8_amx,
    .peak_i8 = ll_peak_i8_amx,
};
