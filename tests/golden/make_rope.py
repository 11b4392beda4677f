#!/usr/bin/env python3
"""Makes tests/golden/rope.json: the rotation frequencies that transformers computes for plain and stretched rotations. Run
it in the repository's top folder:

    python tests/golden/make_rope.py
"""

import json
from pathlib import Path

import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding


def llama3(factor, original=8192, low=1.0, high=4.0):
    scaling = {"rope_type": "llama3", "factor": factor, "low_freq_factor": low, "high_freq_factor": high}
    return scaling | {"original_max_position_embeddings": original}


LINEAR = {"rope_type": "linear", "factor": 2.0}
CASES = [
    (10000.0, 128, None),
    (10000.0, 80, None),
    (1e6, 128, None),
    (10000.0, 64, LINEAR),
    (10000.0, 128, {"rope_type": "linear", "factor": 2.5}),
    (5e5, 64, llama3(8.0)),
    (5e5, 128, llama3(8.0)),
    (5e5, 64, llama3(32.0)),
    (5e5, 128, llama3(32.0)),
    (1e4, 64, llama3(4.0, 2048, 2.0, 8.0)),
]


def frequencies(theta, head_dim, scaling):
    config = LlamaConfig(
        hidden_size=4 * head_dim,
        num_attention_heads=4,
        rope_theta=theta,
        rope_scaling=scaling,
        max_position_embeddings=131072,
    )
    return LlamaRotaryEmbedding(config=config).inv_freq.double()


def main():
    lines = []
    for theta, head_dim, scaling in CASES:
        values = frequencies(theta, head_dim, scaling)
        assert len(values) == head_dim // 2
        if scaling and scaling["rope_type"] == "llama3":
            plain = frequencies(theta, head_dim, None)
            kept, divided = values == plain, torch.isclose(values, plain / scaling["factor"], rtol=1e-6)
            assert kept.any() and divided.any() and not (kept | divided).all()  # all three bands
        config = {"rope_theta": theta, "rope_scaling": scaling, "head_dim": head_dim}
        lines.append(json.dumps({**config, "frequencies": [float(f"{v:.9g}") for v in values]}))
    text = "[\n" + ",\n".join(lines) + "\n]\n"
    Path("tests/golden/rope.json").write_text(text, encoding="utf-8")
    print(f"rope.json: {len(lines)} rotations")


if __name__ == "__main__":
    main()
