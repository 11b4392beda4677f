/* From a file's block types to float32. */
#ifndef LL_DEQUANT_H
#define LL_DEQUANT_H
#include "gguf.h"

/* n values (a multiple of the type's block) of src into dst. type is one ll_tensor_type_find knows. src needs
 * no alignment. The result equals the gguf Python package's dequantize, bit for bit. */
void ll_dequant(uint32_t type, const void *src, size_t n, float *dst);
#endif
