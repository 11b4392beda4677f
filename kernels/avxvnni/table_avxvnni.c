#include "avxvnni.h"

const ll_kernels ll_table_avxvnni = {
    .packed_i8_bytes = ll_packed_i8_bytes_avxvnni,
    .pack_i8 = ll_pack_i8_avxvnni,
    .matmul_i8 = ll_matmul_i8_avxvnni,
    .peak_i8 = ll_peak_i8_avxvnni,
};
