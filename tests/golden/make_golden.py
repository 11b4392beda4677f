#!/usr/bin/env python3
"""Makes the files of tests/golden/ from the default model's GGUF file. Run it in the repository's top folder:

    python tests/golden/make_golden.py models/SmolLM2-135M-Instruct.Q4_1.gguf [tokens|vocabularies|dequant|logits|importance|perplexity ...]
"""

import hashlib
import json
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader
from gguf.quants import GGML_QUANT_SIZES, dequantize

import reference
import texts
import vocabulary

SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
FOLDER = Path("tests/golden")
CALIBRATION = "harness/data/c4.jsonl"
TEST_TEXT = "harness/data/wikitext2-test.txt"


def write(name, text):
    (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"{name}: {len(text.encode()):,} bytes")


def digits(value, count):
    """A JSON number of count significant digits."""
    return float(f"{value:.{count}g}")


# ---- tokens ------------------------------------------------------------------------------------------------------------


def write_tokens(name, tokenizer, samples):
    lines = []
    for data in dict.fromkeys(samples):
        ids = tokenizer.encode_bytes(data)
        lossless = tokenizer.decode_bytes(ids) == data
        lines.append(json.dumps({"hex": data.hex(), "ids": ids, "lossless": lossless}, separators=(",", ":")))
    print(f"{len(lines)} texts, {sum('false' in line for line in lines)} with a byte that has no token")
    write(name, "\n".join(lines) + "\n")


def make_vocabularies():
    """Small vocabularies with the split patterns that the default model does not use, and token ids by them."""
    for pre in ("gpt-2", "llama-bpe"):
        path = FOLDER / f"vocab-{pre}.gguf"
        vocabulary.make(path, pre, texts.documents(CALIBRATION, 100))
        print(f"{path}: {path.stat().st_size:,} bytes")
        tokenizer = reference.ReferenceTokenizer(GGUFReader(path))
        write_tokens(f"tokens-{pre}.jsonl", tokenizer, texts.short_texts())


# ---- dequant -----------------------------------------------------------------------------------------------------------

# Where the fp16 scales of a block lie.
SCALES = {
    Type.Q8_0: [0], Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2],
    Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
}  # fmt: skip
# 1, -1, 1/3, a usual size, least subnormal, a subnormal, greatest subnormal (negative), least normal, greatest, 0, -0
HALVES = [0x3C00, 0xBC00, 0x3555, 0x1E1E, 0x0001, 0x8123, 0x83FF, 0x0400, 0x7BFF, 0x0000, 0x8000, 0x9ABC]


def blocks_of(kind, rng):
    """Random bytes of whole blocks, with finite scales of every sort."""
    if kind == Type.F32:
        special = np.array([0, 0x80000000, 1, 0x807FFFFF, 0x7F7FFFFF, 0xFF7FFFFF], np.uint32).view(np.float32)
        return np.concatenate([special, rng.standard_normal(58).astype(np.float32)]).view(np.uint8)
    if kind in (Type.F16, Type.BF16):
        bits = rng.integers(0, 1 << 16, 256).astype(np.uint16)
        bits[: len(HALVES)] = HALVES
        infinite = 0x7C00 if kind == Type.F16 else 0x7F80
        return bits[(bits & infinite) != infinite].view(np.uint8)
    size = GGML_QUANT_SIZES[kind][1]
    blocks = rng.integers(0, 256, (len(HALVES), size)).astype(np.uint8)
    for which, offset in enumerate(SCALES[kind]):
        halves = np.roll(np.array(HALVES, np.uint16), 5 * which)
        blocks[:, offset : offset + 2] = halves.view(np.uint8).reshape(-1, 2)
    return blocks.reshape(-1)


def make_dequant():
    rng = np.random.default_rng(11)
    kinds = [Type.F32, Type.F16, Type.BF16, Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1]
    entries = []
    for kind in kinds + [Type.Q4_K, Type.Q5_K, Type.Q6_K]:
        data = blocks_of(kind, rng)
        typed = {Type.F32: np.float32, Type.F16: np.float16}.get(kind, np.uint8)
        values = dequantize(data.view(typed), kind).astype("<f4").reshape(-1)
        assert np.isfinite(values).all()
        entries.append({"name": kind.name, "type": int(kind), "data": data.tobytes().hex(), "values": values.tobytes().hex()})
    write("dequant.json", json.dumps({"types": entries}, indent=1) + "\n")


# ---- logits ------------------------------------------------------------------------------------------------------------

# prompt length -> drops
CASES = {
    1: ["none", "block:0"],
    2: ["none", "attn:0-29"],
    5: ["none", "mlp:0-29", "block:0-29"],
    17: ["none", "attn:0", "attn:29", "block:3-28"],
    64: ["none", "mlp:0", "mlp:29"],
    129: ["none", "block:0", "block:29", "attn:3,8+mlp:5+block:12"],
    400: ["none", "attn:20-27", "mlp:20-23"],
    700: ["none", "attn:0-29", "mlp:0-29", "attn:25,26+mlp:3-5+block:29"],
}


def prompts(tokenizer):
    """Short prompts from C4 documents, long ones out of the middle of WikiText-2."""
    documents = texts.documents(CALIBRATION, 20 + len(CASES))
    test_ids = tokenizer.encode(Path(TEST_TEXT).read_bytes().decode())
    for i, length in enumerate(CASES):
        ids = tokenizer.encode(documents[20 + i]) if length < 100 else test_ids[5003 * i :]
        assert len(ids) >= length
        yield ids[:length]


def checked_position(logits, position, indices):
    best = torch.topk(logits, 2)
    return {
        "position": position,
        "argmax": best.indices[0].item(),
        "margin": digits((best.values[0] - best.values[1]).item(), 6),
        "logsumexp": digits(torch.logsumexp(logits.double(), 0).item(), 9),
        "logits": [digits(v, 9) for v in logits[indices].tolist()],
    }


def make_logits(model, tokenizer):
    vocabulary = model.config.vocab_size
    some = np.random.default_rng(7).choice(np.arange(1, vocabulary - 1), 190, replace=False)
    indices = sorted([0, vocabulary - 1, *some.tolist()])
    cases = []
    for ids in prompts(tokenizer):
        n = len(ids)
        positions = sorted({0, min(1, n - 1), n // 4, n // 2, 3 * n // 4, n - 1})
        for drop in CASES[n]:
            if drop == "none":
                reference.check_run(model, ids)
            logits = reference.logits_of(model, reference.run(model, ids, drop)[positions])
            checked = [checked_position(row, p, indices) for row, p in zip(logits, positions)]
            cases.append({"drop": drop, "ids": ids, "positions": checked})
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    write("logits.json", f'{{"indices":{json.dumps(indices, separators=(",", ":"))},\n"cases":[\n{lines}\n]}}\n')


# ---- importance --------------------------------------------------------------------------------------------------------

SAMPLES, LENGTH = 16, 512


def make_importance(model, tokenizer):
    sums, tokens = {}, 0

    def observe(kind, layer, before, after):
        x, y = before[0].double(), after[0].double()
        cosine = (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))
        sums[kind, layer] = sums.get((kind, layer), 0.0) + cosine.sum().item()

    for document in texts.documents(CALIBRATION, SAMPLES):
        ids = tokenizer.encode(document)[:LENGTH]
        tokens += len(ids)
        reference.run(model, ids, observe=observe)
    print(f"importance over {tokens} tokens")
    rows = ["kind,layer,importance"]
    for kind in ("attn", "mlp", "block"):
        for layer in range(model.config.num_hidden_layers):
            rows.append(f"{kind},{layer},{1 - sums[kind, layer] / tokens:.10g}")
    write("importance.csv", "\n".join(rows) + "\n")


# ---- perplexity --------------------------------------------------------------------------------------------------------

QUICK = dict(window=256, first_window=0, max_windows=2)
WHOLE = dict(window=1024, first_window=100, max_windows=8)


def nll_sum(model, ids, drop):
    """Sum of the negative log-likelihoods of all tokens of a window but the first."""
    residual, targets, total = reference.run(model, ids, drop)[:-1], torch.tensor(ids[1:]), 0.0
    for rows, wanted in zip(residual.split(256), targets.split(256)):
        logits = reference.logits_of(model, rows).double()
        total += (torch.logsumexp(logits, -1) - logits.gather(1, wanted[:, None])[:, 0]).sum().item()
    return total


def score(model, ids, drop, window, first_window, max_windows, quick):
    total = 0.0
    for i in range(first_window, first_window + max_windows):
        total += nll_sum(model, ids[i * window : (i + 1) * window], drop)
    tokens = max_windows * (window - 1)
    result = dict(drop=drop, window=window, first_window=first_window, max_windows=max_windows, tokens=tokens)
    result |= dict(mean_nll=digits(total / tokens, 12), perplexity=digits(math.exp(total / tokens), 12), quick=quick)
    print(result)
    return result


def make_perplexity(model, tokenizer):
    ids = tokenizer.encode(Path(TEST_TEXT).read_bytes().decode())
    scores = [score(model, ids, drop, **QUICK, quick=True) for drop in ("none", "attn:20-27")]
    for drop in ("none", "attn:20-27", "mlp:20-23", "block:25-26"):
        scores.append(score(model, ids, drop, **WHOLE, quick=False))
    write("perplexity.json", json.dumps({"text_tokens": len(ids), "scores": scores}, indent=1) + "\n")


def main():
    path, parts = sys.argv[1], sys.argv[2:] or ["tokens", "vocabularies", "dequant", "logits", "importance", "perplexity"]
    if hashlib.sha256(Path(path).read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{path}: not the file that the golden values belong to (SHA-256 {SHA256})")
    torch.set_num_threads(2)
    warnings.filterwarnings("ignore", category=RuntimeWarning)
    reader = GGUFReader(path)
    tokenizer = reference.ReferenceTokenizer(reader)
    model = reference.load_model(reader) if {"logits", "importance", "perplexity"} & set(parts) else None
    if "tokens" in parts:
        write_tokens("tokens.jsonl", tokenizer, texts.all_texts(CALIBRATION, TEST_TEXT))
    if "vocabularies" in parts:
        make_vocabularies()
    if "dequant" in parts:
        make_dequant()
    if "logits" in parts:
        make_logits(model, tokenizer)
    if "importance" in parts:
        make_importance(model, tokenizer)
    if "perplexity" in parts:
        make_perplexity(model, tokenizer)


if __name__ == "__main__":
    main()
