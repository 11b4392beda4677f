#include "avx2/avx2.h"
#include "avx512bw.h"

const ll_kernels ll_table_avx512bw = {
    .packed_i8_bytes = ll_packed_i8_bytes_avx2,
    .pack_i8 = ll_pack_i8_avx2,
    .matmul_i8 = ll_matmul_i8_avx512bw,
    .peak_i8 = ll_peak_i8_avx512bw,
};
