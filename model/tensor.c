#include "tensor.h"

/* In the order of the types' numbers. */
static const struct {
    ll_tensor_type type;
    ll_tensor_type_info info;
} TYPES[] = {
    {LL_TYPE_F32, {"F32", 1, 4}},       {LL_TYPE_F16, {"F16", 1, 2}},
    {LL_TYPE_Q4_0, {"Q4_0", 32, 18}},   {LL_TYPE_Q4_1, {"Q4_1", 32, 20}},
    {LL_TYPE_Q5_0, {"Q5_0", 32, 22}},   {LL_TYPE_Q5_1, {"Q5_1", 32, 24}},
    {LL_TYPE_Q8_0, {"Q8_0", 32, 34}},   {LL_TYPE_Q4_K, {"Q4_K", 256, 144}},
    {LL_TYPE_Q5_K, {"Q5_K", 256, 176}}, {LL_TYPE_Q6_K, {"Q6_K", 256, 210}},
    {LL_TYPE_BF16, {"BF16", 1, 2}},
};

const ll_tensor_type_info *ll_tensor_type_find(uint32_t type) {
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++)
        if ((uint32_t)TYPES[i].type == type)
            return &TYPES[i].info;
    return NULL;
}
