#!/usr/bin/env python3
"""Makes tests/golden/families/*.json: a toy model of each family with the logits that transformers gives for it. Run it
in the repository's top folder:

    python tests/golden/make_families.py [NAME ...]

Weights and ids come from formulas (below) that tests/families.c has too, so that a file holds only the config and logits.
"""

import copy
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from reference import LLAMA_BPE
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoModelForCausalLM, DynamicCache, LlamaConfig, MistralConfig

FOLDER = Path("tests/golden/families")
CLOSE = 2e-5  # most that transformers in float32 and the reference below in float64 may differ
TELLING = 0.05  # least that a logit changes when the thing that a family is about is left out

# ---- the formulas ------------------------------------------------------------------------------------------------------

GOLDEN_RATIO = 0x9E3779B97F4A7C15


def splitmix(name, seed, count):
    """SplitMix64 from the FNV-1a hash of the name, plus the seed."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64((state + seed) % 2**64) + np.uint64(GOLDEN_RATIO) * np.arange(1, count + 1, dtype=np.uint64)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return z ^ z >> np.uint64(31)


def weight(name, seed, shape):
    """Nine random bits, -256 to 255, times a power of two: exact in bfloat16. Norms: six bits, 0.75 to 1.2421875."""
    n = (splitmix(name, seed, int(np.prod(shape))) >> np.uint64(55)).astype(np.int64) - 256
    if name.endswith("norm.weight"):
        return (1 + (n >> 3) / 128).reshape(shape)
    if name.endswith(".bias"):
        return (n / 512).reshape(shape)
    exponent = 8
    while 3 * 4 ** (exponent - 8) < shape[1]:  # outputs about as large as inputs
        exponent += 1
    if "q_proj" in name or "k_proj" in name:  # and attention that prefers some positions
        exponent -= 1
    return (n * 2.0**-exponent).reshape(shape)


def prompt(seed, vocabulary, count):
    return (splitmix("ids", seed, count) % np.uint64(vocabulary)).astype(int).tolist()


# ---- a second opinion: the forward pass in float64, from the config's text alone ---------------------------------------


def frequencies(config, head_dim):
    scaling = config.get("rope_parameters") or config.get("rope_scaling") or {}
    theta = scaling.get("rope_theta", config.get("rope_theta", 10000.0))
    plain = theta ** -(np.arange(0, head_dim, 2) / head_dim)
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return plain
    if kind == "linear":
        return plain / scaling["factor"]
    assert kind == "llama3"
    turns = scaling["original_max_position_embeddings"] * plain / (2 * np.pi)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    kept = np.clip((turns - low) / (high - low), 0, 1)
    return plain * (kept + (1 - kept) / scaling["factor"])


def rotated(x, positions, freq):
    angle = positions[:, None, None] * freq
    a, b = np.split(x, 2, axis=-1)
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], -1)


class Reference:
    def __init__(self, config, weights):
        self.weights = weights
        self.eps = config["rms_norm_eps"]
        self.heads = config["num_attention_heads"]
        self.kv_heads = config.get("num_key_value_heads") or self.heads
        self.head_dim = config.get("head_dim") or config["hidden_size"] // self.heads
        self.freq = frequencies(config, self.head_dim)
        self.window = config.get("sliding_window")
        self.layers = config["num_hidden_layers"]
        self.dropped = {kind: self.drop_list(config.get(f"drop_{kind}_list")) for kind in ("attn", "mlp")}

    def drop_list(self, value):
        value = value or []
        if value and isinstance(value[0], bool):
            assert len(value) == self.layers
            return {i for i, gone in enumerate(value) if gone}
        return set(value)

    def linear(self, x, name):
        y = x @ self.weights[f"{name}.weight"].T
        return y + self.weights[f"{name}.bias"] if f"{name}.bias" in self.weights else y

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.eps) * self.weights[f"{name}.weight"]

    def attention(self, x, at, first):
        """Of the positions from first on, over all."""
        n = len(x)
        positions = np.arange(n)
        q, k, v = (self.linear(x, f"{at}.self_attn.{p}_proj").reshape(n, -1, self.head_dim) for p in "qkv")
        q, k = rotated(q, positions, self.freq)[first:], rotated(k, positions, self.freq)
        behind = positions[first:, None] - positions
        seen = (behind >= 0) & (behind < (self.window or n))
        out = np.empty_like(q)
        for head in range(self.heads):
            source = head // (self.heads // self.kv_heads)
            score = np.where(seen, q[:, head] @ k[:, source].T / np.sqrt(self.head_dim), -np.inf)
            p = np.exp(score - score.max(-1, keepdims=True))
            out[:, head] = p / p.sum(-1, keepdims=True) @ v[:, source]
        return self.linear(out.reshape(n - first, -1), f"{at}.self_attn.o_proj")

    def mlp(self, x, at):
        gate = self.linear(x, f"{at}.mlp.gate_proj")
        return self.linear(gate / (1 + np.exp(-gate)) * self.linear(x, f"{at}.mlp.up_proj"), f"{at}.mlp.down_proj")

    def logits(self, ids, first=0):
        """Of the positions from first on (0, but for a model of one block)."""
        x = self.weights["model.embed_tokens.weight"][ids]
        for i in range(self.layers):
            at = f"model.layers.{i}"
            add = 0 if i in self.dropped["attn"] else self.attention(self.norm(x, f"{at}.input_layernorm"), at, first)
            x = x[first:] + add
            if i not in self.dropped["mlp"]:
                x = x + self.mlp(self.norm(x, f"{at}.post_attention_layernorm"), at)
        head = self.weights.get("lm_head.weight", self.weights["model.embed_tokens.weight"])
        return self.norm(x, "model.norm") @ head.T


# ---- transformers ------------------------------------------------------------------------------------------------------


def make_model(config, seed):
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for name, parameter in model.named_parameters():
        values = torch.tensor(weight(name, seed, tuple(parameter.shape)))
        assert torch.equal(values, values.to(torch.bfloat16).double()), name
        parameter.data.copy_(values)
    return model


def drop_sublayers(model, dropped):
    """A sublayer whose last matrix is zero adds nothing to the residual stream."""
    for i in dropped["attn"]:
        model.model.layers[i].self_attn.o_proj.weight.data.zero_()
    for i in dropped["mlp"]:
        model.model.layers[i].mlp.down_proj.weight.data.zero_()


@torch.no_grad()
def transformers_logits(model, ids, first):
    """Of the positions from first on; those before in chunks, as all at once would need their square of memory."""
    cache = DynamicCache()
    for start in range(0, first, 500):
        model.model(torch.tensor([ids[start : min(start + 500, first)]]), past_key_values=cache, use_cache=True)
    if first == 0:
        return model(torch.tensor([ids]), use_cache=False).logits[0].double().numpy()
    return model(torch.tensor([ids[first:]]), past_key_values=cache, use_cache=True).logits[0].double().numpy()


def written_config(model):
    """config.json as save_pretrained writes it."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return json.loads(Path(folder, "config.json").read_text())


# ---- configs that mean the same ----------------------------------------------------------------------------------------


def changed(config, without=(), **more):
    config = copy.deepcopy(config)
    for key in without:
        config.pop(key, None)
    return config | more


NEEDED = [
    "architectures", "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "vocab_size", "rms_norm_eps", "max_position_embeddings",
]  # fmt: skip
OPTIONAL = ["rope_scaling", "head_dim", "num_key_value_heads", "attention_bias", "mlp_bias", "sliding_window"]


def bare(config):
    return changed(config, without=set(config) - set(NEEDED))


def with_nulls(config):
    return changed(config, **{key: None for key in [*OPTIONAL, "pretraining_tp", "drop_attn_list", "drop_mlp_list"]})


def rope_spellings(config):
    """The older key for the kind, and transformers 5's place for all of it."""
    scaling = config["rope_scaling"]
    rest = {key: value for key, value in scaling.items() if key != "rope_type"}
    together = {"rope_theta": config["rope_theta"], **scaling}
    return [
        changed(config, rope_scaling={"type": scaling["rope_type"], **rest}),
        changed(config, rope_scaling={"type": scaling["rope_type"], **scaling}),
        changed(config, without=["rope_theta", "rope_scaling"], rope_parameters=together),
        changed(config, rope_scaling=None, rope_parameters=together),
    ]


def drop_spellings(attn, mlp, layers):
    def booleans(which):
        return [i in which for i in range(layers)]

    unsorted_attn, unsorted_mlp = sorted(attn, reverse=True), sorted(mlp, reverse=True)
    both = [
        {"drop_attn_list": sorted(attn), "drop_mlp_list": sorted(mlp)},
        {"drop_attn_list": unsorted_attn, "drop_mlp_list": unsorted_mlp},
        {"drop_attn_list": booleans(attn), "drop_mlp_list": booleans(mlp)},
        {"drop_attn_list": unsorted_attn, "drop_mlp_list": booleans(mlp)},
    ]
    attn_only = [
        {"drop_attn_list": sorted(attn), "drop_mlp_list": []},
        {"drop_attn_list": unsorted_attn, "drop_mlp_list": None},
        {"drop_attn_list": sorted(attn)},
        {"drop_attn_list": booleans(attn), "drop_mlp_list": None},
        {"drop_attn_list": booleans(attn), "drop_mlp_list": booleans([])},
    ]
    return both if mlp else attn_only


# ---- families ----------------------------------------------------------------------------------------------------------

LLAMA3_SCALING = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}


def llama(kind=LlamaConfig, **more):
    shape = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2)
    shape |= dict(vocab_size=128, max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0)
    return kind(**shape | dict(tie_word_embeddings=False, bos_token_id=1, eos_token_id=2) | more)


def llama3(original, **more):
    scaling = {**LLAMA3_SCALING, "original_max_position_embeddings": original}
    return llama(rope_theta=500000.0, rope_scaling=scaling, **more)


def mistral(window):
    return llama(MistralConfig, num_hidden_layers=3, sliding_window=window, vocab_size=320)


def family(config, seed, tokens=16, first=0, **more):
    """variants: configs that mean the same. without: what takes out of the config what the family is about; the logits must
    then be others. drop: blocks without attention, without MLP. tokenizer: its kind, with tests/family_tokenizers.c's words."""
    usual = dict(variants=lambda c: [], without=None, drop=(set(), set()), tokenizer="gpt-2")
    return dict(config=config, seed=seed, tokens=tokens, first=first) | usual | more


def full_attention(config):
    whole = [changed(config, sliding_window=width) for width in (None, 16)]
    return [*whole, changed(config, without=["sliding_window"])]


SPM, BPE = dict(tokenizer="llama"), dict(tokenizer="llama-bpe")
UNSCALED = dict(rope_scaling=None)
HALVED = {"rope_type": "linear", "factor": 2.0}
MHA = dict(num_hidden_layers=3, num_key_value_heads=4, vocab_size=320)
BIASES = dict(attention_bias=True, mlp_bias=True)
ODD = dict(hidden_size=40, intermediate_size=17, vocab_size=61, max_position_embeddings=77)
NARROW = dict(num_hidden_layers=1, hidden_size=8, intermediate_size=16)
NARROW |= dict(num_attention_heads=2, num_key_value_heads=1, head_dim=8)
LATE = NARROW | dict(max_position_embeddings=16384)

FAMILIES = {
    "llama2": family(llama(**MHA), 1, variants=lambda c: [bare(c), with_nulls(c)], **SPM),
    "llama3": family(llama3(400, max_position_embeddings=4096), 2, variants=rope_spellings, without=UNSCALED, **BPE),
    "llama3-vocabulary": family(llama3(400, vocab_size=128256, **NARROW), 3, without=UNSCALED, **BPE),
    "llama3-late": family(llama3(8192, **LATE), 4, 9008, 9000, without=UNSCALED, **BPE),
    "mistral": family(mistral(4), 5, without=dict(sliding_window=None), **SPM),
    "mistral-full": family(mistral(None), 6, variants=full_attention, without=dict(sliding_window=15), **SPM),
    "bias": family(llama(**BIASES), 7),
    "attention-bias": family(llama(attention_bias=True), 8),
    "head-dim": family(llama(head_dim=16), 9),
    "tied": family(llama(tie_word_embeddings=True), 10),
    "linear": family(llama(rope_scaling=HALVED), 11, variants=rope_spellings, without=UNSCALED),
    "odd": family(llama(**ODD), 12),
    "eps": family(llama(rms_norm_eps=0.1), 13, without=dict(rms_norm_eps=1e-5)),
    "drop": family(llama(num_hidden_layers=4), 14, drop=({1, 3}, {0, 2})),
    "drop-attention": family(llama(num_hidden_layers=4), 14, drop=({1, 3}, set())),
    "deep": family(llama(num_hidden_layers=10), 15),
}  # fmt: skip


# ---- tokenizers, without their vocabularies -----------------------------------------------------------------------------


def llama2_tokenizer(bos):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    parts = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    tokenizer.decoder = decoders.Sequence(parts)
    tokenizer.post_processor = bos
    return tokenizer


def llama3_tokenizer(bos):
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    split = pre_tokenizers.Split(Regex(LLAMA_BPE), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), bos])
    return tokenizer


def gpt2_tokenizer(_):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def write_tokenizers():
    folder = FOLDER / "tokenizers"
    folder.mkdir(exist_ok=True)
    bos = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    kinds = {"llama": llama2_tokenizer, "llama-bpe": llama3_tokenizer, "gpt-2": gpt2_tokenizer}
    for name, kind in kinds.items():
        Path(folder, f"{name}.json").write_text(kind(bos).to_str(pretty=True) + "\n", encoding="utf-8")


def agree(found, expected, what):
    difference = np.abs(found - expected).max()
    assert difference < CLOSE, f"{what}: differs by {difference}"
    return difference


def make(name, tokenizer, config, seed, tokens, first, variants, without, drop):
    model = make_model(config, seed)
    written = written_config(model)
    configs = [written, *variants(written)]
    attn, mlp = drop
    if attn:
        configs = [changed(written, **lists) for lists in drop_spellings(attn, mlp, config.num_hidden_layers)]
        without = dict(drop_attn_list=[], drop_mlp_list=[])
        drop_sublayers(model, {"attn": attn, "mlp": mlp})
    ids = prompt(seed, config.vocab_size, tokens)
    logits = transformers_logits(model, ids, first)
    weights = {n: weight(n, seed, tuple(p.shape)) for n, p in model.named_parameters()}
    worst = max(agree(Reference(c, weights).logits(ids, first), logits, f"{name}: {c}") for c in configs)
    telling = ""
    if without:
        change = np.abs(Reference(changed(configs[0], **without), weights).logits(ids, first) - logits).max()
        assert change > TELLING, f"{name}: {without} changes the logits by only {change}"
        telling = f", {change:.2g} with {without}"
    columns = np.linspace(0, config.vocab_size - 1, 40).astype(int).tolist()
    print(f"{name}: float64 differs by {worst:.1g}{telling}; logits to {np.abs(logits).max():.2g}")
    head = dict(seed=seed, tokenizer=tokenizer, tokens=tokens, first=first, columns=columns)
    write(name, head, configs, logits[:, columns])


def write(name, head, configs, logits):
    def line(value):
        return json.dumps(value, separators=(",", ":"))

    configs = ",\n".join(line(config) for config in configs)
    rows = ",\n".join(line([float(f"{v:.7g}") for v in row]) for row in logits.tolist())
    text = f'{line(head)[:-1]},\n"configs":[\n{configs}\n],\n"logits":[\n{rows}\n]}}\n'
    json.loads(text)
    Path(FOLDER, f"{name}.json").write_text(text, encoding="utf-8")


def main():
    FOLDER.mkdir(exist_ok=True)
    np.seterr(over="ignore")  # hashes wrap
    write_tokenizers()
    for name in sys.argv[1:] or FAMILIES:
        make(name, **FAMILIES[name])


if __name__ == "__main__":
    main()
