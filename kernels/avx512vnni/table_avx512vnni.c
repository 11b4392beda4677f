#include "avx512vnni.h"

const ll_kernels ll_table_avx512vnni = {
    .packed_i8_bytes = ll_packed_i8_bytes_avx512vnni,
    .pack_i8 = ll_pack_i8_avx512vnni,
    .matmul_i8 = ll_matmul_i8_avx512vnni,
    .peak_i8 = ll_peak_i8_avx512vnni,
};
