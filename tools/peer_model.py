#!/usr/bin/env python3
"""Writes a GGUF in Q8_0 that Layerlab and its peers all read, tensor by tensor: no more than one is in memory.

  peer_model.py MODEL.gguf OUT.gguf                        the model of a GGUF, its matrices in Q8_0
  peer_model.py --synthetic SHAPE [--blocks N] OUT.gguf    random weights of a listed model's shape (`layerlab info` lists them),
                                                           its first N blocks (default: all): for speed only

Needs numpy and gguf (tools/compare_peers.sh installs them into an environment of its own) and, for a shape, build/layerlab."""
import argparse
import json
import os
import subprocess
import sys

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize, quantize

LAYERLAB = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "layerlab")
BLOCK = np.dtype([("scale", "<f2"), ("q", "i1", 32)])  # of Q8_0


def write(writer, tensors):
    """tensors: (name, shape, the function that makes its values): Q8_0 bytes of a matrix, else float32."""
    for name, shape, _ in tensors:
        if len(shape) == 2:
            rows, cols = shape
            if cols % 32:
                raise ValueError(f"{name} has rows of {cols} weights, expected a multiple of 32")
            packed = (rows, cols // 32 * BLOCK.itemsize)
            writer.add_tensor_info(name, packed, np.dtype(np.uint8), packed[0] * packed[1], raw_dtype=Type.Q8_0)
        else:
            writer.add_tensor_info(name, shape, np.dtype(np.float32), 4 * int(np.prod(shape)))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, _, make in tensors:
        writer.write_tensor_data(make())
    writer.close()


def values_of(tensor, shape):
    values = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32).reshape(shape)
    return quantize(values, Type.Q8_0) if len(shape) == 2 else values


def requantized(source, target):
    reader = GGUFReader(source)
    writer = GGUFWriter(target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        if field.types[0] == GGUFValueType.ARRAY:
            writer.add_array(name, field.contents())
        else:
            writer.add_key_value(name, field.contents(), field.types[0])
    tensors = []
    for tensor in reader.tensors:
        shape = [int(n) for n in reversed(tensor.shape)]
        tensors.append((tensor.name, shape, lambda tensor=tensor, shape=shape: values_of(tensor, shape)))
    write(writer, tensors)


def shapes_of(shape, blocks):
    """Names and shapes, in the order in which they are written."""
    hidden, mlp, vocab = shape["hidden"], shape["mlp"], shape["vocab"]
    q, kv = shape["heads"] * shape["head_dim"], shape["kv_heads"] * shape["head_dim"]
    yield "token_embd.weight", (vocab, hidden)
    for block in range(blocks):
        for part, size in (
            ("attn_norm", (hidden,)), ("attn_q", (q, hidden)), ("attn_k", (kv, hidden)), ("attn_v", (kv, hidden)),
            ("attn_output", (hidden, q)), ("ffn_norm", (hidden,)), ("ffn_gate", (mlp, hidden)),
            ("ffn_up", (mlp, hidden)), ("ffn_down", (hidden, mlp)),
        ):
            yield f"blk.{block}.{part}.weight", size
    yield "output_norm.weight", (hidden,)
    if not shape["tied"]:
        yield "output.weight", (vocab, hidden)


def add_vocabulary(writer, size):
    """Bytes and fillers: nothing is tokenized with it."""
    names = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    names += [f"token{i}" for i in range(len(names), size)]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(names[:size])
    writer.add_token_scores([0.0] * size)
    writer.add_token_types(([2, 3, 3] + [6] * 256 + [1] * size)[:size])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)


def random_values(shape, numbers):
    """Weights of some 1 / sqrt(cols), so that numbers stay finite through all blocks."""
    if len(shape) == 1:
        return np.ones(shape, dtype=np.float32)
    rows, cols = shape
    blocks = np.zeros((rows, cols // 32), dtype=BLOCK)
    blocks["scale"] = np.float16(1.7 / 127 / np.sqrt(cols))
    blocks["q"] = numbers.integers(-127, 128, blocks["q"].shape, dtype=np.int8)
    return blocks.view(np.uint8).reshape(rows, cols // 32 * BLOCK.itemsize)


def synthetic(name, target, blocks):
    told = subprocess.run([LAYERLAB, "info", name, "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if told.returncode:
        raise ValueError(told.stderr.strip())
    shape = json.loads(told.stdout)["model"]
    blocks = shape["layers"] if blocks is None else blocks
    if not 1 <= blocks <= shape["layers"]:
        raise ValueError(f"{blocks} blocks asked, expected 1 to {shape['layers']}")
    writer, numbers = GGUFWriter(target, "llama"), np.random.default_rng(0)
    writer.add_block_count(blocks)
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["hidden"])
    writer.add_feed_forward_length(shape["mlp"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_key_length(shape["head_dim"])
    writer.add_value_length(shape["head_dim"])
    writer.add_rope_dimension_count(shape["head_dim"])
    writer.add_rope_freq_base(shape["rope_theta"])
    writer.add_layer_norm_rms_eps(shape["eps"])
    writer.add_vocab_size(shape["vocab"])
    add_vocabulary(writer, shape["vocab"])
    write(writer, [(tensor, size, lambda size=size: random_values(size, numbers)) for tensor, size in shapes_of(shape, blocks)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--synthetic", metavar="SHAPE")
    parser.add_argument("--blocks", type=int, metavar="N")
    options = parser.parse_args()
    if len(options.files) != (1 if options.synthetic else 2) or (options.blocks and not options.synthetic):
        parser.error("expected MODEL.gguf OUT.gguf, or --synthetic SHAPE [--blocks N] OUT.gguf")
    source = options.synthetic or options.files[0]
    try:
        if options.synthetic:
            synthetic(source, options.files[0], options.blocks)
        else:
            requantized(*options.files)
    except (OSError, ValueError, KeyError, IndexError, NotImplementedError) as error:
        sys.exit(f"peer_model: {source}: {error}")


if __name__ == "__main__":
    main()
