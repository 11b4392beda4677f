/* The model's shape from a Hugging Face folder's config.json. The file is untrusted. */
#ifndef LL_CONFIG_HF_H
#define LL_CONFIG_HF_H
#include "config.h"

/* Models of type llama and mistral. A key that is absent or null means what it means to transformers, but for
 * one: a Mistral config without sliding_window has no window (transformers takes 4096). A Llama config's sliding_window
 * is ignored, as transformers does. Sizes are written as whole numbers: 5120.0 is refused. Both spellings of the
 * rotation are read, rope_scaling with rope_theta beside it and rope_parameters. What would change the forward pass in
 * a way that this program does not know is refused by name: other activations and rotations, packed weights,
 * experts, and any key with "drop" in it but drop_attn_list, drop_mlp_list and the rates of dropout. A drop list is
 * absent, null, empty, layer numbers, or one boolean a layer; the two may differ in form. */
ll_status ll_config_from_hf(ll_config *out, const char *folder, ll_error *error);
/* The same from a text; name stands for the file in sentences. */
ll_status ll_config_from_json(ll_config *out, const char *text, size_t length, const char *name,
                              ll_error *error);
#endif
