#!/usr/bin/env python3
"""Makes tests/golden/orders.json: importance by three metrics, the orders that follow, and iterative dropping, on the default
model and on the toy model "deep". Run it in the repository's top folder:

    python tests/golden/make_orders.py models/SmolLM2-135M-Instruct.Q4_1.gguf

Written anew from the definitions (harness/metric.h, drop_orders.h, iterative.h); Layerlab runs nothing of it.
"""

import json
import random
import sys
from pathlib import Path

import numpy as np
import torch
from gguf import GGUFReader

import make_families
import reference
import texts

OUT = Path("tests/golden/orders.json")
CALIBRATION = "harness/data/c4.jsonl"
KINDS = ("attn", "mlp", "block")
METRICS = ("cosine", "no-residual", "magnitude")
CLEAR = 2e-4  # least relative distance of what an iterative step chooses from the next; float32 makes 1e-7
COSTS = {"attn": 210.0, "mlp": 340.0}


# ---- importance --------------------------------------------------------------------------------------------------------


def modules(model, ids, dropped):
    """Every module that runs: kind, layer, stream before, stream after, what it adds (float32). transformers' modules."""
    inner = model.model
    x = inner.embed_tokens(torch.tensor([ids]))
    n = x.shape[1]
    turn = inner.rotary_emb(x, torch.arange(n)[None])
    mask = torch.full((n, n), torch.finfo(torch.float32).min).triu(1)[None, None]
    for i, layer in enumerate(inner.layers):
        entry = x
        if ("attn", i) not in dropped:
            added = layer.self_attn(layer.input_layernorm(x), position_embeddings=turn, attention_mask=mask)[0]
            yield "attn", i, x, x + added, added
            x = x + added
        if ("mlp", i) not in dropped:
            added = layer.mlp(layer.post_attention_layernorm(x))
            yield "mlp", i, x, x + added, added
            x = x + added
        if not {("attn", i), ("mlp", i)} <= dropped:
            yield "block", i, entry, x, x.double() - entry.double()


def cosine(a, b):
    return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


@torch.no_grad()
def importance(model, sequences, dropped=frozenset()):
    """{metric: {(kind, layer): mean over tokens}}"""
    sums, tokens = {metric: {} for metric in METRICS}, sum(len(ids) for ids in sequences)
    for ids in sequences:
        for kind, layer, before, after, added in modules(model, ids, dropped):
            x, y, f = (t[0].double().numpy() for t in (before, after, added))
            size = np.sqrt((f * f).sum(-1) / (y * y).sum(-1))
            for metric, values in zip(METRICS, (1 - cosine(x, y), 1 - cosine(x, f), size)):
                sums[metric][kind, layer] = sums[metric].get((kind, layer), 0.0) + values.sum()
    return {metric: {module: value / tokens for module, value in sums[metric].items()} for metric in METRICS}


# ---- orders ------------------------------------------------------------------------------------------------------------


def members(kind, layers):
    """In the order in which the residual stream passes them."""
    if kind == "joint":
        return [(own, layer) for layer in range(layers) for own in ("attn", "mlp")]
    return [(kind, layer) for layer in range(layers)]


def ordered(candidates, value):
    return sorted(candidates, key=lambda m: (value(m), m[1], KINDS.index(m[0])))


def neighbours(kind, layers, count, value):
    line = members(kind, layers)
    runs = [line[i : i + count] for i in range(len(line) - count + 1)]
    return ordered(min(runs, key=lambda run: sum(map(value, run))), value)


def written(order):
    return [f"{kind}:{layer}" for kind, layer in order]


def orders(found, layers):
    out = {}
    for kind in (*KINDS, "joint"):
        line = members(kind, layers)
        for name, metric in (("importance", "cosine"), ("no-residual", "no-residual"), ("magnitude", "magnitude")):
            out[f"{name} {kind}"] = ordered(line, found[metric].get)
        out[f"reverse {kind}"] = line[::-1]
        for seed in range(5):
            drawn = random.Random(seed).sample(range(len(line)), len(line))
            out[f"random-{seed} {kind}"] = [line[i] for i in drawn]
        for count in (1, 3, layers // 2):
            out[f"consecutive {kind} {count}"] = neighbours(kind, layers, count, found["cosine"].get)
    out["cost joint"] = ordered(members("joint", layers), lambda m: found["cosine"][m] / COSTS[m[0]])
    return {name: written(order) for name, order in out.items()}


def iterative(model, sequences, kind, layers, drops):
    """Drop the least important, compute again."""
    dropped, order = set(), []
    for _ in range(drops):
        found = importance(model, sequences, frozenset(dropped))["cosine"]
        left = ordered([m for m in members(kind, layers) if m not in order], found.get)
        margin = found[left[1]] / found[left[0]] - 1
        assert margin > CLEAR, f"{kind}: {left[:2]} are only {margin:.1g} apart"
        order.append(left[0])
        dropped |= {(own, left[0][1]) for own in ("attn", "mlp") if left[0][0] in (own, "block")}
        print(f"  iterative {kind}: {left[0]}, the next is {margin:.2g} more important")
    return written(order)


def likeness(values, layers):
    """Of two metrics' lists: rank correlation (no ties), how many of the 3 and of the 8 lowest are the same."""
    out = {}
    for a, b in (("cosine", "no-residual"), ("cosine", "magnitude"), ("no-residual", "magnitude")):
        for kind in (*KINDS, "joint"):
            lists = [np.array([values[m][k, i] for k, i in members(kind, layers)]) for m in (a, b)]
            ranks = [np.argsort(np.argsort(x)) for x in lists]
            assert all(len(set(x)) == len(x) for x in lists)
            both = [len(set(np.argsort(lists[0])[:n]) & set(np.argsort(lists[1])[:n])) for n in (3, 8)]
            out[f"{a} {b} {kind}"] = [float(f"{np.corrcoef(*ranks)[0, 1]:.10g}"), *both]
    return out


def entry(name, model, sequences, few, drops, **more):
    layers = model.config.num_hidden_layers
    found = importance(model, sequences)
    values = {m: {k: [float(f"{found[m][k, i]:.10g}") for i in range(layers)] for k in KINDS} for m in METRICS}
    rounded = {m: {(k, i): values[m][k][i] for k in KINDS for i in range(layers)} for m in METRICS}
    steps = {kind: iterative(model, few, kind, layers, drops) for kind in (*KINDS, "joint")}
    print(f"{name}: {sum(map(len, sequences))} tokens, iterative over {sum(map(len, few))}")
    made = dict(orders=orders(rounded, layers), likeness=likeness(rounded, layers), iterative=steps)
    return dict(name=name, layers=layers, metrics=values, **made, **more)


def make_deep():
    what = make_families.FAMILIES["deep"]
    model = make_families.make_model(what["config"], what["seed"])
    sequences = [make_families.prompt(100 + i, what["config"].vocab_size, 24 + 7 * i) for i in range(5)]
    return entry("deep", model, sequences, sequences, 6, ids=sequences)


def make_real(path):
    reader = GGUFReader(path)
    tokenizer, model = reference.ReferenceTokenizer(reader), reference.load_model(reader)
    sequences = [tokenizer.encode(text)[:512] for text in texts.documents(CALIBRATION, 16)]
    few = [ids[:192] for ids in sequences[:6]]
    return entry("smollm2-135m", model, sequences, few, 6, iterative_samples=6, iterative_length=192)


def line(model):
    """A line for each part."""
    parts = []
    for key, value in model.items():
        if isinstance(value, dict):
            inner = ",\n".join(f" {json.dumps(k)}:{json.dumps(v, separators=(',', ':'))}" for k, v in value.items())
            parts.append(f"{json.dumps(key)}:{{\n{inner}}}")
        else:
            parts.append(f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}")
    return "{" + ",\n".join(parts) + "}"


def main():
    torch.set_num_threads(1)
    np.seterr(over="ignore")
    models = [make_deep(), *([make_real(sys.argv[1])] if len(sys.argv) > 1 else [])]
    lines = ",\n".join(line(model) for model in models)
    text = f'{{"costs":{json.dumps(COSTS)},\n"models":[\n{lines}\n]}}\n'
    json.loads(text)
    OUT.write_text(text, encoding="utf-8")
    print(f"{OUT}: {len(text):,} bytes")


if __name__ == "__main__":
    main()
