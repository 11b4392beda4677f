#include "neon_dotprod.h"

void ll_init_neon_dotprod(ll_kernels *table) {
    (void)table;
}
