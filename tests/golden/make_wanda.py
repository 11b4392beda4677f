#!/usr/bin/env python3
"""Makes tests/golden/wanda.json: models pruned by Wanda (arXiv 2306.11695), after the authors' code (locuslab/wanda, lib/prune.py), on
transformers' modules. Run it in the repository's top folder, some 2 minutes:

    python tests/golden/make_wanda.py models/SmolLM2-135M-Instruct.Q4_1.gguf
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import reference
import texts
import torch
from gguf import GGUFReader
from make_families import BIASES, MHA, ODD, llama, make_model, prompt
from make_golden import CALIBRATION, QUICK, TEST_TEXT, digits, nll_sum

LINEARS = {
    "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj",
}  # fmt: skip
INPUTS = {"qkv": "q", "o": "o", "gate_up": "gate", "down": "down"}  # a matrix that multiplies it


class Norms:
    """The mean over documents of the squared norm of each column of a matrix's input."""

    def __init__(self, linear):
        self.mean = torch.zeros(linear.in_features)
        self.documents = 0
        self.hook = linear.register_forward_hook(self.add)

    def add(self, _, inputs, __):
        self.documents += 1
        self.mean *= (self.documents - 1) / self.documents
        self.mean += torch.norm(inputs[0][0].t(), p=2, dim=1) ** 2 / self.documents


def mask_of(weight, norm, sparsity):
    """True: goes. The lowest |weight| * norm of each row, or of every M columns all but N; the first of equal ones."""
    score = weight.abs() * norm
    mask = torch.zeros_like(score, dtype=torch.bool)
    if ":" not in sparsity:
        lowest = torch.sort(score, dim=-1, stable=True)[1][:, : int(score.shape[1] * float(sparsity))]
        return mask.scatter_(1, lowest, True)
    keep, of = map(int, sparsity.split(":"))
    for first in range(0, score.shape[1], of):
        group = score[:, first : first + of]
        lowest = torch.sort(group, dim=-1, stable=True)[1][:, : max(0, group.shape[1] - keep)]
        mask.scatter_(1, first + lowest, True)
    return mask


def step(model, layer, x, attn, mlp):
    """A block on one document's residual stream; a sublayer that is not kept goes with its norm."""
    n = x.shape[1]
    turn = model.model.rotary_emb(x, torch.arange(n)[None])
    mask = torch.full((n, n), torch.finfo(torch.float32).min).triu(1)[None, None]
    if attn:
        x = x + layer.self_attn(layer.input_layernorm(x), position_embeddings=turn, attention_mask=mask)[0]
    return x + layer.mlp(layer.post_attention_layernorm(x)) if mlp else x


@torch.no_grad()
def prune(model, documents, sparsity, drop):
    """Prunes model in place; the norms of every block's inputs."""
    no_attn, no_mlp = reference.parse_drop(drop, len(model.model.layers))
    streams = [model.model.embed_tokens(torch.tensor([ids])) for ids in documents]
    norms = []
    for i, layer in enumerate(model.model.layers):
        kept = i not in no_attn, i not in no_mlp
        names = [n for n, at in LINEARS.items() if kept[at.startswith("mlp")]]
        watched = {n: Norms(layer.get_submodule(LINEARS[n])) for n in names}
        for x in streams:
            step(model, layer, x, *kept)
        for name, norm in watched.items():
            norm.hook.remove()
            weight = layer.get_submodule(LINEARS[name]).weight
            weight.data[mask_of(weight.data, torch.sqrt(norm.mean), sparsity)] = 0
        norms.append({k: torch.sqrt(watched[n].mean) for k, n in INPUTS.items() if n in watched})
        streams = [step(model, layer, x, *kept) for x in streams]
    return norms


def zeros_of(model, drop):
    no_attn, no_mlp = reference.parse_drop(drop, len(model.model.layers))
    for i, layer in enumerate(model.model.layers):
        for name, at in LINEARS.items():
            if i not in (no_mlp if at.startswith("mlp") else no_attn):
                yield i, name, layer.get_submodule(at).weight.data == 0


def hexed(zeros):
    return np.packbits(zeros.numpy().reshape(-1)).tobytes().hex()


def write_norms(norms, layers, count):
    rows = []
    for i in layers:
        for name, norm in norms[i].items():
            columns = np.linspace(0, len(norm) - 1, min(count, len(norm))).astype(int).tolist()
            values = [digits(v, 8) for v in norm[columns].tolist()]
            rows.append(dict(layer=i, input=name, columns=columns, values=values))
    return rows


# ---- toys: every mask whole --------------------------------------------------------------------------------------------

TOYS = {"llama2": (llama(**MHA), 1), "bias": (llama(**BIASES), 7), "odd": (llama(**ODD), 12)}


def make_toy(name, sparsity, drop):
    config, seed = TOYS[name]
    model = make_model(config, seed)
    documents = [prompt(1000 + seed + i, config.vocab_size, n) for i, n in enumerate((24, 17, 9))]
    norms = prune(model, documents, sparsity, drop)
    zeros = [dict(layer=i, matrix=n, zeros=hexed(z)) for i, n, z in zeros_of(model, drop)]
    nll = nll_sum(model, documents[0], drop)
    print(f"{name} {sparsity} {drop}: negative log-likelihood {nll:.6f}")
    case = dict(family=name, sparsity=sparsity, drop=drop, documents=documents, nll=digits(nll, 10))
    return case | dict(norms=write_norms(norms, range(config.num_hidden_layers), 4), zeros=zeros)


# ---- the default model: some rows --------------------------------------------------------------------------------------

SAMPLES, LENGTH = 4, 128
SOME_LAYERS, SOME_ROWS = (0, 2, 4, 14, 29), 4


def make_real(path, sparsity, drop):
    reader = GGUFReader(path)
    tokenizer, model = reference.ReferenceTokenizer(reader), reference.load_model(reader)
    documents = [tokenizer.encode(d)[:LENGTH] for d in texts.documents(CALIBRATION, SAMPLES)]
    norms = prune(model, documents, sparsity, drop)
    rows, pruned, weights = [], 0, 0
    for i, name, zeros in zeros_of(model, drop):
        pruned, weights = pruned + zeros.sum().item(), weights + zeros.numel()
        for row in np.linspace(0, len(zeros) - 1, SOME_ROWS).astype(int).tolist() if i in SOME_LAYERS else []:
            rows.append(dict(layer=i, matrix=name, row=row, zeros=hexed(zeros[row])))
    ids = tokenizer.encode(Path(TEST_TEXT).read_bytes().decode())
    window, count = QUICK["window"], QUICK["max_windows"]
    total = sum(nll_sum(model, ids[i * window : (i + 1) * window], drop) for i in range(count))
    perplexity = math.exp(total / (count * (window - 1)))
    print(f"{sparsity} {drop}: {pruned} of {weights} weights are 0, perplexity {perplexity:.4f}")
    case = dict(sparsity=sparsity, drop=drop, tokens=sum(map(len, documents)), weights=weights, pruned=pruned)
    case |= dict(perplexity=digits(perplexity, 10), norms=write_norms(norms, SOME_LAYERS, 12))
    return case | dict(rows=rows)


def main():
    torch.set_num_threads(1)
    np.seterr(over="ignore")  # the toys' hashes wrap
    toys = [make_toy(name, s, "none") for name in TOYS for s in ("2:4", "0.5", "1:3")]
    toys.append(make_toy("llama2", "2:4", "attn:1+mlp:0+block:2"))
    real = [make_real(sys.argv[1], s, drop) for s, drop in (("2:4", "none"), ("0.3", "attn:10+mlp:3+block:20"))]
    head = dict(samples=SAMPLES, length=LENGTH, **QUICK)

    def lines(cases):
        return ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)

    text = f'{json.dumps(head)[:-1]},\n"toys":[\n{lines(toys)}\n],\n"real":[\n{lines(real)}\n]}}\n'
    json.loads(text)
    Path("tests/golden/wanda.json").write_text(text, encoding="utf-8")
    print(f"wanda.json: {len(text):,} bytes")


if __name__ == "__main__":
    main()
