"""Small byte-level vocabularies, trained here and written as GGUF files by the gguf package."""

import json

import numpy as np
from gguf import GGUFWriter
from tokenizers import pre_tokenizers, trainers

import reference

SIZE = 1200  # tokens that the training makes, the 256 bytes included
NORMAL, CONTROL, USER_DEFINED = 1, 3, 4  # tokenizer.ggml.token_type
# A token that no merge leads to: only a tokenizer that takes whole words first may give it.
UNREACHABLE = "Ġquicksilver"
# One special token starts like another.
SPECIAL = {"<|begin_of_text|>": CONTROL, "<|eot_id|>": CONTROL, "<tool": USER_DEFINED, "<tool>": CONTROL}


def train(pre, documents):
    """The tokens in the order of their ids, and the merges in theirs."""
    tokenizer = reference.new_tokenizer(pre)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        documents, trainers.BpeTrainer(vocab_size=SIZE, initial_alphabet=alphabet, show_progress=False)
    )
    ids = tokenizer.get_vocab()
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    return sorted(ids, key=ids.get), [" ".join(merge) for merge in merges]


def make(path, pre, documents):
    tokens, merges = train(pre, documents)
    first_special = len(tokens) + 1
    tokens += [UNREACHABLE, *SPECIAL]
    writer = GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([NORMAL] * first_special + list(SPECIAL.values()))
    writer.add_token_merges(merges)
    writer.add_bos_token_id(first_special)
    writer.add_eos_token_id(first_special + 1)
    writer.add_add_bos_token(pre == "llama-bpe")
    writer.add_tensor("token_embd.weight", np.zeros((1, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
