#!/usr/bin/env python3
"""Makes the small tokenizers of tests/golden/tokenizer-*/ and the token ids by them and by published ones. Run it in the
repository's top folder, after tools/fetch_tokenizers.sh:

    python tests/golden/make_tokenizers.py [small|published ...]
"""

import base64
import hashlib
import io
import json
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import sentencepiece
import tiktoken
from gguf import GGUFWriter
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaTokenizerFast

import texts

Piece = sentencepiece_model_pb2.ModelProto.SentencePiece

FOLDER = Path("tests/golden")
PUBLISHED = Path(os.environ.get("LAYERLAB_TOKENIZERS", "models/tokenizers"))
CALIBRATION = "harness/data/c4.jsonl"
TEST_TEXT = "harness/data/wikitext2-test.txt"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)

# What the added tokens and the marks of the small tokenizers make of a text.
SPECIAL = [
    "<s>", "<s>uns", "a:<s>->", "Hello<s> world", "<s> <s>", " <s> ", "</s>", "<unk>", "a<unk>b", "<pad>x", "<0x0A>", "a<0x41>b",
    "<left>", "a  <left>  b", "\n <left>\t<left>b", "<right>", "a  <right> \u3000 b", "<right>  <left>  <right>", " <both> ", "a \u00a0<both>\n\nb",
    "whole", "a whole b", "awhole", "whole1", "whole_", "(whole)", "whole whole", "\u00e9whole", "whole\u4e00", "whole\u0301", "whole\u2019s", "\u200dwhole",
    "norm al", "a norm al b", "norm\u2581al", "\u2581norm al", "  norm al  ", "\u2581", "\u2581\u2581a", " \u2581a", "a\u2581 b", "\u2581\u2581\u2581\u2581x",
    "<tool", "<tool>", "<tool><tool", "<|eot_id|>", "<|begin_of_text|>Hi", "e\u0301<both>e\u0301", "\ufb01ne \u2460 \uff21", "\u212b \u1e9b\u0323",
    "1234567", "a\n\nb", "\n\n\n", "  x", "I'LL", "Hello", " Hello", "12<s>34", "The answer", " is", "The answer is", "\u2581Hello",
]  # fmt: skip


def samples():
    yield from (text.encode() for text in SPECIAL)
    yield from texts.short_texts()
    yield from texts.real_texts(CALIBRATION, TEST_TEXT)


def runs(data):
    """Maximal runs of valid UTF-8 as str, and each other byte as int."""
    while data:
        try:
            text, bad = data.decode(), b""
        except UnicodeDecodeError as error:
            text, bad = data[: error.start].decode(), data[error.start : error.end]
        if text:
            yield text
        yield from bad
        data = data[len(text.encode()) + len(bad) :]


def write_tokens(name, encode, byte_id):
    """encode: ids of a text; byte_id: ids of a byte outside UTF-8."""
    lines = []
    for data in dict.fromkeys(samples()):
        ids = []
        for run in runs(data):
            ids += byte_id(run) if isinstance(run, int) else encode(run)
        lines.append(json.dumps({"hex": data.hex(), "ids": ids, "lossless": True}, separators=(",", ":")))
    text = "\n".join(lines) + "\n"
    (FOLDER / f"tokens-{name}.jsonl").write_text(text, encoding="utf-8")
    print(f"tokens-{name}.jsonl: {len(lines)} texts, {len(text):,} bytes")


# ---- references --------------------------------------------------------------------------------------------------------


def alphabet():
    """How byte-level vocabularies spell each byte."""
    printing = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    spare = iter(range(0x100, 0x200))
    return [chr(byte if byte in printing else next(spare)) for byte in range(256)]


ALPHABET = alphabet()


def by_tokenizers(tokenizer):
    """Of a tokenizers.Tokenizer."""
    byte_level = "ByteLevel" in json.dumps(json.loads(tokenizer.to_str())["pre_tokenizer"])
    unknown = json.loads(tokenizer.to_str())["model"]["unk_token"]

    def byte_id(byte):
        name = ALPHABET[byte] if byte_level else f"<0x{byte:02X}>"
        ids = [tokenizer.token_to_id(name), tokenizer.token_to_id(unknown) if unknown else None]
        return [next(i for i in ids if i is not None)] if any(i is not None for i in ids) else []

    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids, byte_id


def by_sentencepiece(path):
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))

    def byte_id(byte):
        return [model.piece_to_id(f"<0x{byte:02X}>")]  # the unknown one where there are no bytes

    return model.encode, byte_id


# Llama 3.1's, in the order of their ids.
LLAMA3_SPECIAL = [
    "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>",
    "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>",
]  # fmt: skip


def by_tiktoken(path):
    """Of a list of ranks, as Llama 3 is published by its makers."""
    rows = (line.split() for line in path.read_bytes().splitlines())
    ranks = {base64.b64decode(token): int(rank) for token, rank in rows}
    special = {name: len(ranks) + i for i, name in enumerate(LLAMA3_SPECIAL)}
    model = tiktoken.Encoding("llama3", pat_str=LLAMA3, mergeable_ranks=ranks, special_tokens=special)
    return lambda text: model.encode(text, allowed_special="all"), lambda byte: [ranks[bytes([byte])]]


# ---- small ones, trained here ------------------------------------------------------------------------------------------


def save(name, tokenizer, config=None):
    folder = FOLDER / f"tokenizer-{name}"
    folder.mkdir(exist_ok=True)
    # The files are read by people too, but a token a line would be long.
    (folder / "tokenizer.json").write_text(tokenizer.to_str() + "\n", encoding="utf-8")
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    write_tokens(name, *by_tokenizers(Tokenizer.from_file(str(folder / "tokenizer.json"))))


def train_sentencepiece(name, documents, unused=False, **options):
    """unused: some pieces are only steps on the way to others."""
    folder = FOLDER / f"tokenizer-{name}"
    folder.mkdir(exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(documents), model_writer=model, model_type="bpe", split_digits=True,
        allow_whitespace_only_pieces=True, character_coverage=0.999, num_threads=1, minloglevel=2,
        max_sentence_length=1 << 20, **options,
    )  # fmt: skip
    path = folder / "tokenizer.model"
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.getvalue())
    made = [piece for piece in proto.pieces if piece.type == Piece.NORMAL and len(piece.piece) > 1]
    for piece in made[::7] if unused else []:
        piece.type = Piece.UNUSED
    path.write_bytes(proto.SerializeToString())
    write_tokens(name, *by_sentencepiece(path))
    return path


def write_gguf(path, model):
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    ids = range(pieces.get_piece_size())
    kinds = [
        2 if pieces.is_unknown(i) else 3 if pieces.is_control(i) else 6 if pieces.is_byte(i)
        else 5 if pieces.is_unused(i) else 4 if pieces.id_to_piece(i) == "<tool>" else 1
        for i in ids
    ]  # fmt: skip
    writer = GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([pieces.id_to_piece(i) for i in ids])
    writer.add_token_scores([pieces.get_score(i) for i in ids])
    writer.add_token_types(kinds)
    writer.add_bos_token_id(pieces.bos_id())
    writer.add_eos_token_id(pieces.eos_id())
    writer.add_unk_token_id(pieces.unk_id())
    writer.add_add_bos_token(True)
    writer.add_tensor("token_embd.weight", np.zeros((1, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_llama(documents):
    """One SentencePiece vocabulary in four forms: tokenizer.model; as transformers converts it for Llama 2 and, since
    then, for Mistral (legacy=False); as GGUF."""
    path = train_sentencepiece(
        "spm", documents, byte_fallback=True, vocab_size=700, normalization_rule_name="identity", remove_extra_whitespaces=False,
        user_defined_symbols=["<tool>"],
    )  # fmt: skip
    llama2 = LlamaTokenizerFast(vocab_file=str(path), legacy=True, add_prefix_space=True)
    save("llama2", llama2.backend_tokenizer, {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": False}, "add_bos_token": True, "add_eos_token": False})  # fmt: skip
    write_gguf(FOLDER / "vocab-spm.gguf", path)
    mistral = LlamaTokenizerFast(vocab_file=str(path), legacy=False, add_prefix_space=True)
    save("mistral", mistral.backend_tokenizer, {"tokenizer_class": "LlamaTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"})  # fmt: skip
    # No bytes for what is unknown, no prefix, single spaces.
    train_sentencepiece(
        "spm-collapsing", documents[:40], unused=True, vocab_size=400, normalization_rule_name="identity",
        remove_extra_whitespaces=True, add_dummy_prefix=False, user_defined_symbols=["<tool>", "norm"],
    )  # fmt: skip
    train_sentencepiece(
        "spm-unused", documents[:40], unused=True, byte_fallback=True, vocab_size=600, normalization_rule_name="identity",
        remove_extra_whitespaces=True, user_defined_symbols=["\u2581\u2581\u2581"], control_symbols=["<tool"],
    )  # fmt: skip


def added(content, **flags):
    return AddedToken(content, **flags)


def byte_level(normalizer, pre, documents, size, **model_options):
    tokenizer = Tokenizer(models.BPE(**model_options))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(documents, trainer)
    return tokenizer


def with_word(tokenizer, word):
    """The same with a token that no merge leads to."""
    state = json.loads(tokenizer.to_str())
    state["model"]["vocab"][word] = len(state["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(state))


FLAGGED = [
    added("<left>", lstrip=True, normalized=False), added("<right>", rstrip=True, normalized=False),
    added("<both>", lstrip=True, rstrip=True, normalized=True), added("whole", single_word=True, normalized=False),
    added("norm al", normalized=True), added("<tool", normalized=False), added("<tool>", normalized=False),
]  # fmt: skip


def make_byte_level(documents):
    llama3 = with_word(
        byte_level(
            None,
            pre_tokenizers.Sequence([
                pre_tokenizers.Split(Regex(LLAMA3), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]),
            documents, 1000, ignore_merges=True,
        ),
        "Ġquicksilver",
    )  # fmt: skip
    llama3.add_special_tokens([added("<|begin_of_text|>", special=True), added("<|eot_id|>", special=True)])
    llama3.add_tokens(FLAGGED)
    bos = llama3.token_to_id("<|begin_of_text|>")
    llama3.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing("<|begin_of_text|> $A", "<|begin_of_text|> $A <|begin_of_text|>:1 $B:1", [("<|begin_of_text|>", bos)]),
    ])  # fmt: skip
    save("llama3", llama3, {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"})  # fmt: skip
    digits = byte_level(
        normalizers.NFC(),
        pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=True)]),
        documents, 700,
    )  # fmt: skip
    digits.add_tokens(FLAGGED)
    save("digits", digits)


def make_characters(documents):
    """Characters without bytes: unknown ones are fused; every behavior of Split; marks that start each word."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Replace("``", '"')])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split("\n\n", "removed"),
        pre_tokenizers.Split(Regex(r"[0-9]{2}|\s\p{Lu}"), "merged_with_previous"),
        pre_tokenizers.Split(Regex(r"[.,!?]"), "contiguous"),
        pre_tokenizers.Split(Regex(r"\p{L}+'\p{L}+|\s"), "merged_with_next"),
        pre_tokenizers.Split(Regex(r"[^-]+"), "isolated", invert=True),
        pre_tokenizers.Digits(individual_digits=False),
        pre_tokenizers.Metaspace(prepend_scheme="always", split=True),
    ])  # fmt: skip
    trainer = trainers.BpeTrainer(vocab_size=500, limit_alphabet=80, special_tokens=["<unk>", "<s>"], show_progress=False)
    tokenizer.train_from_iterator(documents, trainer)
    tokenizer.add_tokens(FLAGGED)
    save("characters", tokenizer)


def make_small():
    documents = texts.documents(CALIBRATION, 100)
    make_llama(documents)
    make_byte_level(documents)
    make_characters(documents)


# ---- published ones ----------------------------------------------------------------------------------------------------


def published():
    for line in (FOLDER / "tokenizers.list").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, _, file, _, sha256 = line.split("|")
            path = PUBLISHED / name / file
            assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256, f"{path}: another file"
            yield name, path


READERS = {
    "tokenizer.json": lambda path: by_tokenizers(Tokenizer.from_file(str(path))),
    "tokenizer.model": by_sentencepiece,
    "ranks.txt": by_tiktoken,
}


def make_published():
    for name, path in published():
        write_tokens(name, *READERS[path.name](path))


PARTS = {"small": make_small, "published": make_published}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
