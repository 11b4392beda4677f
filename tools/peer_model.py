#!/usr/bin/env python3
"""Writes a GGUF in Q8_0 that Layerlab and its peers all read.

  peer_model.py MODEL.gguf OUT.gguf             the model of a GGUF, its matrices in Q8_0
  peer_model.py SHAPE.json OUT.gguf [BLOCKS]    random weights of a shape (`layerlab info NAME --json`), its first BLOCKS blocks:
                                                for speed only, written tensor by tensor

Needs numpy and gguf (tools/compare_peers.sh installs them into an environment of its own)."""
import json
import sys

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader, GGUFValueType, GGUFWriter
from gguf.quants import dequantize, quantize

BLOCK = np.dtype([("scale", "<f2"), ("q", "i1", 32)])  # of Q8_0


def requantized(source, target):
    reader, writer = GGUFReader(source), GGUFWriter(target, "llama")
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type"):
            continue
        if field.types[0] == GGUFValueType.ARRAY:
            writer.add_array(name, field.contents())
        else:
            writer.add_key_value(name, field.contents(), field.types[0])
    for tensor in reader.tensors:
        shape = [int(n) for n in reversed(tensor.shape)]
        values = np.asarray(dequantize(tensor.data, tensor.tensor_type), dtype=np.float32).reshape(shape)
        if values.ndim == 2:
            writer.add_tensor(tensor.name, quantize(values, Type.Q8_0), raw_dtype=Type.Q8_0)
        else:
            writer.add_tensor(tensor.name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors_of(shape, blocks):
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


def random_matrix(rows, cols, numbers):
    """Weights of some 1 / sqrt(cols), so that numbers stay finite through all blocks."""
    blocks = np.zeros((rows, cols // 32), dtype=BLOCK)
    blocks["scale"] = np.float16(1.7 / 127 / np.sqrt(cols))
    blocks["q"] = numbers.integers(-127, 128, blocks["q"].shape, dtype=np.int8)
    return blocks.view(np.uint8).reshape(rows, cols // 32 * BLOCK.itemsize)


def synthetic(shape, target, blocks):
    writer, numbers = GGUFWriter(target, "llama"), np.random.default_rng(0)
    writer.add_block_count(blocks)
    writer.add_context_length(shape["context"])
    writer.add_embedding_length(shape["hidden"])
    writer.add_feed_forward_length(shape["mlp"])
    writer.add_head_count(shape["heads"])
    writer.add_head_count_kv(shape["kv_heads"])
    writer.add_rope_dimension_count(shape["head_dim"])
    writer.add_rope_freq_base(shape["rope_theta"])
    writer.add_layer_norm_rms_eps(shape["eps"])
    writer.add_vocab_size(shape["vocab"])
    add_vocabulary(writer, shape["vocab"])
    tensors = list(tensors_of(shape, blocks))
    for name, size in tensors:
        if len(size) == 1:
            writer.add_tensor_info(name, size, np.dtype(np.float32), 4 * size[0])
        else:
            packed = (size[0], size[1] // 32 * BLOCK.itemsize)
            writer.add_tensor_info(name, packed, np.dtype(np.uint8), packed[0] * packed[1], raw_dtype=Type.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for _, size in tensors:
        if len(size) == 1:
            writer.write_tensor_data(np.ones(size, dtype=np.float32))
        else:
            writer.write_tensor_data(random_matrix(*size, numbers))
    writer.close()


def main(arguments):
    if len(arguments) not in (2, 3) or "--help" in arguments:
        sys.exit(__doc__)
    source, target = arguments[:2]
    if not source.endswith(".json"):
        requantized(source, target)
        return
    with open(source, encoding="utf-8") as file:
        shape = json.load(file)["model"]
    blocks = int(arguments[2]) if len(arguments) == 3 else shape["layers"]
    if not 1 <= blocks <= shape["layers"]:
        sys.exit(f"peer_model: {blocks} blocks asked, the shape has {shape['layers']}")
    synthetic(shape, target, blocks)


if __name__ == "__main__":
    main(sys.argv[1:])
