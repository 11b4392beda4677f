#include "neon_i8mm.h"

const ll_kernels ll_table_neon_i8mm = {
    .packed_i8_bytes = ll_packed_i8_bytes_neon_i8mm,
    .pack_i8 = ll_pack_i8_neon_i8mm,
    .matmul_i8 = ll_matmul_i8_neon_i8mm,
    .peak_i8 = ll_peak_i8_neon_i8mm,
};
