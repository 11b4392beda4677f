"""The reference: a GGUF file read by the gguf package into transformers' Llama and into a tokenizer of tokenizers.

Nothing here is Layerlab's code, and Layerlab runs nothing of it.
"""

import numpy as np
import torch
from gguf import GGUFReader
from gguf.quants import dequantize
from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.gpt2.tokenization_gpt2 import bytes_to_unicode

CONTROL, USER_DEFINED = 3, 4  # tokenizer.ggml.token_type


def texts(reader, key):
    field = reader.fields[key]
    return [bytes(field.parts[i]).decode() for i in field.data]


def number(reader, key):
    field = reader.fields[key]
    return field.parts[field.data[0]][0].item()


# ---- the model ---------------------------------------------------------------------------------------------------------


def unpermute(rows, heads):
    """The converter laid the halves of each head (x_i, x_i+d/2) side by side; transformers wants them apart."""
    return rows.reshape(heads, rows.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(rows.shape)


NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def transformers_name(name):
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, _ = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.weight"


def load_model(reader):
    config = LlamaConfig(
        vocab_size=number(reader, "llama.vocab_size"),
        hidden_size=number(reader, "llama.embedding_length"),
        intermediate_size=number(reader, "llama.feed_forward_length"),
        num_hidden_layers=number(reader, "llama.block_count"),
        num_attention_heads=number(reader, "llama.attention.head_count"),
        num_key_value_heads=number(reader, "llama.attention.head_count_kv"),
        max_position_embeddings=number(reader, "llama.context_length"),
        rms_norm_eps=number(reader, "llama.attention.layer_norm_rms_epsilon"),
        rope_theta=number(reader, "llama.rope.freq_base"),
        tie_word_embeddings=True,
        attn_implementation="eager",
    )
    state = {}
    for tensor in reader.tensors:
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if tensor.name.endswith("attn_q.weight"):
            weight = unpermute(weight, config.num_attention_heads)
        if tensor.name.endswith("attn_k.weight"):
            weight = unpermute(weight, config.num_key_value_heads)
        state[transformers_name(tensor.name)] = torch.from_numpy(np.ascontiguousarray(weight))
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model = LlamaForCausalLM(config).eval()
    model.load_state_dict(state, strict=True)
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    return model


def parse_drop(spec, layers):
    """'attn:25,26+mlp:3-5+block:29' -> the sets of dropped attention layers and dropped MLP layers."""
    dropped = {"attn": set(), "mlp": set()}
    for term in [] if spec == "none" else spec.split("+"):
        kind, items = term.split(":")
        for item in items.split(","):
            first, _, last = item.partition("-")
            for layer in range(int(first), int(last or first) + 1):
                assert layer < layers
                for each in ("attn", "mlp") if kind == "block" else (kind,):
                    assert layer not in dropped[each]
                    dropped[each].add(layer)
    return dropped["attn"], dropped["mlp"]


@torch.no_grad()
def run(model, ids, drop="none", observe=None):
    """The residual stream after the last block, [tokens][hidden]. transformers' modules, called in transformers' order, so
    that a sublayer can be left out with its norm; observe(kind, layer, before, after) sees every module's two ends."""
    inner = model.model
    no_attn, no_mlp = parse_drop(drop, len(inner.layers))
    x = inner.embed_tokens(torch.tensor([ids]))
    n = x.shape[1]
    turn = inner.rotary_emb(x, torch.arange(n)[None])
    mask = torch.full((n, n), torch.finfo(torch.float32).min).triu(1)[None, None]
    for i, layer in enumerate(inner.layers):
        entry = x
        if i not in no_attn:
            before = x
            x = x + layer.self_attn(layer.input_layernorm(x), position_embeddings=turn, attention_mask=mask)[0]
            if observe:
                observe("attn", i, before, x)
        if i not in no_mlp:
            before = x
            x = x + layer.mlp(layer.post_attention_layernorm(x))
            if observe:
                observe("mlp", i, before, x)
        if observe:
            observe("block", i, entry, x)
    return x[0]


@torch.no_grad()
def logits_of(model, residual):
    return model.lm_head(model.model.norm(residual))


@torch.no_grad()
def check_run(model, ids):
    """run() on the full model must be what transformers itself computes, to the bit."""
    assert torch.equal(logits_of(model, run(model, ids)), model(torch.tensor([ids]), use_cache=False).logits[0])


# ---- the tokenizer -----------------------------------------------------------------------------------------------------


LLAMA_BPE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def pre_tokenizer(pre):
    """As the tokenizer.json of the models that tokenizer.ggml.pre names: SmolLM, GPT-2, Llama 3."""
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    if pre == "gpt-2":
        return gpt2
    if pre == "smollm":
        return pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), gpt2])
    assert pre == "llama-bpe"
    split = pre_tokenizers.Split(Regex(LLAMA_BPE), behavior="isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def new_tokenizer(pre, **bpe):
    """Llama 3 takes a word that is a token whole, whatever its merges make of it."""
    tokenizer = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe", **bpe))
    tokenizer.pre_tokenizer = pre_tokenizer(pre)
    return tokenizer


class ReferenceTokenizer:
    def __init__(self, reader):
        assert texts(reader, "tokenizer.ggml.model") == ["gpt2"]
        self.tokens = texts(reader, "tokenizer.ggml.tokens")
        types = reader.fields["tokenizer.ggml.token_type"]
        kinds = [int(types.parts[i][0]) for i in types.data]
        merges = [tuple(merge.split(" ")) for merge in texts(reader, "tokenizer.ggml.merges")]
        vocabulary = {token: i for i, token in enumerate(self.tokens)}
        (pre,) = texts(reader, "tokenizer.ggml.pre")
        self.tokenizer = new_tokenizer(pre, vocab=vocabulary, merges=merges)
        self.special = {i for i, kind in enumerate(kinds) if kind in (CONTROL, USER_DEFINED)}
        self.tokenizer.add_special_tokens(
            [AddedToken(self.tokens[i], special=True, normalized=False) for i in sorted(self.special)]
        )
        self.letter_of_byte = bytes_to_unicode()
        self.byte_of_letter = {letter: byte for byte, letter in self.letter_of_byte.items()}
        self.vocabulary = vocabulary

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def encode_bytes(self, data):
        """Maximal runs of valid UTF-8, each a text of its own; any other byte is the token of that byte, if it has one."""
        ids, run_start, at = [], 0, 0

        def flush(end):
            if end > run_start:
                ids.extend(self.encode(data[run_start:end].decode()))

        while at < len(data):
            width = next((w for w in (1, 2, 3, 4) if is_character(data[at : at + w])), 0)
            if width:
                at += width
                continue
            flush(at)
            letter = self.letter_of_byte[data[at]]
            if letter in self.vocabulary:
                ids.append(self.vocabulary[letter])
            at += 1
            run_start = at
        flush(at)
        return ids

    def decode_bytes(self, ids):
        return b"".join(
            self.tokens[i].encode() if i in self.special else bytes(self.byte_of_letter[c] for c in self.tokens[i])
            for i in ids
        )


def is_character(data):
    try:
        return len(data.decode("utf-8", "strict")) == 1
    except UnicodeDecodeError:
        return False
