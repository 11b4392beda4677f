#!/usr/bin/env python3
"""Makes tests/golden/tasks/ by lm-evaluation-harness, its tasks on local data. Run it in the repository's top folder:

    python tests/golden/make_tasks.py models/SmolLM2-135M-Instruct.Q4_1.gguf [arc_challenge|boolq|gsm8k|... ...]
"""

import csv
import hashlib
import io
import json
import os
import struct
import sys
import time
from importlib.metadata import version
from pathlib import Path

import datasets
import torch
from datasets import Dataset
from gguf import GGUFReader
from lm_eval.evaluator import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager
from transformers import PreTrainedTokenizerFast

import reference
from make_golden import SHA256

FOLDER = Path("tests/golden/tasks")
DATA = Path("harness/data/tasks")
RTE = Path(os.environ.get("LAYERLAB_RTE", "models/tasks/rte"))  # no licence lets us ship it

# lm_eval's task -> shots; the quick ones first
TASKS = {
    "boolq": 0, "openbookqa": 0, "piqa": 0, "rte": 0, "winogrande": 5, "mmlu": 5,
    "gsm8k": 5, "hellaswag": 10, "arc_challenge": 25,
}  # fmt: skip

# ---- data: local files, with the columns of the data sets that lm_eval names -----------------------------------------


class Files:
    """Reads the files of a task's folder and keeps their hashes."""

    def __init__(self, task):
        self.folder = RTE if task == "rte" else DATA / task
        self.hashes = {}

    def text(self, name):
        data = (self.folder / name).read_bytes()
        self.hashes[name] = hashlib.sha256(data).hexdigest()
        return data.decode()

    def lines(self, name):
        return [line for line in self.text(name).split("\n") if line]

    def records(self, name):
        return [json.loads(line) for line in self.lines(name)]


def some(record, columns):
    return {key: record[key] for key in columns.split()}


def with_choices(record, stem):
    choices = record["question"]["choices"]
    lists = {key: [choice[key] for choice in choices] for key in ("text", "label")}
    return {**some(record, "id answerKey"), stem: record["question"]["stem"], "choices": lists}


def arc_challenge(files, _):
    parts = {"test": "Test", "train": "Train"}
    records = {split: files.records(f"ARC-Challenge-{part}.jsonl") for split, part in parts.items()}
    return {split: [with_choices(r, "question") for r in rows] for split, rows in records.items()}


def boolq(files, _):
    def row(r):
        return some(r, "question passage idx") | {"label": ["false", "true"].index(r["label"])}

    return {"validation": [row(r) for r in files.records("val.jsonl")], "train": []}


def gsm8k(files, _):
    return {"test": files.records("test.jsonl")[:30], "train": files.records("train.jsonl")}


def hellaswag(files, _):
    columns = "ind activity_label ctx_a ctx_b ctx endings source_id split split_type"
    records = {"validation": files.records("hellaswag_val.jsonl"), "train": files.records("hellaswag_train.jsonl")}
    return {split: [some(r, columns) | {"label": str(r["label"])} for r in rows] for split, rows in records.items()}


def mmlu(files, subject):
    def rows(split):
        text = files.text(f"{split}/{subject}_{split}.csv")
        for question, *choices, letter in csv.reader(io.StringIO(text, newline="")):
            yield {"question": question, "subject": subject, "choices": choices, "answer": "ABCD".index(letter)}

    return {split: list(rows(split)) for split in ("test", "dev")}


def openbookqa(files, _):
    return {"test": [with_choices(r, "question_stem") for r in files.records("test.jsonl")], "train": []}


def piqa(files, _):
    pairs = zip(files.records("valid.jsonl"), files.lines("valid-labels.lst"), strict=True)
    return {"validation": [some(r, "goal sol1 sol2") | {"label": int(label)} for r, label in pairs], "train": []}


def rte(files, _):
    def row(r):
        label = ["entailment", "not_entailment"].index(r["label"])
        return {"sentence1": r["premise"], "sentence2": r["hypothesis"], "label": label, "idx": r["idx"]}

    return {"validation": [row(r) for r in files.records("val.jsonl")[:100]], "train": []}


def winogrande(files, _):
    records = {"validation": files.records("dev.jsonl"), "train": files.records("train_xs.jsonl")}
    return {split: [some(r, "sentence option1 option2 answer") for r in rows] for split, rows in records.items()}


READERS = {
    "allenai/ai2_arc": arc_challenge,
    "allenai/openbookqa": openbookqa,
    "allenai/winogrande": winogrande,
    "aps/super_glue": boolq,
    "baber/piqa": piqa,
    "cais/mmlu": mmlu,
    "nyu-mll/glue": rte,
    "openai/gsm8k": gsm8k,
    "Rowan/hellaswag": hellaswag,
}


def use_local_data(files):
    def load_dataset(path, name=None, **_):
        return {split: Dataset.from_list(rows) for split, rows in READERS[path](files, name).items()}

    datasets.load_dataset = load_dataset


def manager():
    """lm_eval's tasks, of MMLU's subjects only those that have files."""
    tasks = TaskManager()
    ours = {f"mmlu_{path.name.removesuffix('_test.csv')}" for path in DATA.glob("mmlu/test/*_test.csv")}
    for group in ("stem", "other", "social_sciences", "humanities"):
        tasks.task_index[f"mmlu_{group}_tasks"].tags &= ours
    return tasks


# ---- the model -------------------------------------------------------------------------------------------------------


class RecordingLM(HFLM):
    """lm_eval's own model, which also keeps what it generated for each context."""

    def _model_generate(self, context, **options):
        whole = super()._model_generate(context, **options)
        self.generated[tuple(context[0].tolist())] = whole[0, context.shape[1] :].tolist()
        return whole


def load(path):
    reader = GGUFReader(path)
    tokenizer = reference.ReferenceTokenizer(reader)
    bos, eos = (reference.number(reader, f"tokenizer.ggml.{kind}_token_id") for kind in ("bos", "eos"))
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.tokenizer,
        bos_token=tokenizer.tokens[bos],
        eos_token=tokenizer.tokens[eos],
        clean_up_tokenization_spaces=False,
    )
    assert not reference.number(reader, "tokenizer.ggml.add_bos_token")
    assert fast.encode("Hello there") == tokenizer.encode("Hello there")
    assert len(fast) == len(tokenizer.tokens) and (fast.bos_token_id, fast.eos_token_id) == (bos, eos)
    model = reference.load_model(reader)
    model.generation_config.bos_token_id, model.generation_config.eos_token_id = bos, eos
    lm = RecordingLM(pretrained=model, tokenizer=fast, batch_size=1)
    lm.generated = {}
    return lm


# ---- the lines -------------------------------------------------------------------------------------------------------


def short_hash(data):
    return hashlib.sha256(data).hexdigest()[:16]


def hash_of_ids(ids):
    return short_hash(struct.pack(f"<{len(ids)}i", *ids))


def scored(lm, sample):
    requests = []
    for (context, continuation), (ll, greedy) in zip(sample["arguments"], sample["filtered_resps"], strict=True):
        before, after = lm._encode_pair(context, continuation)
        request = {"context": len(before), "continuation": len(after), "sha": hash_of_ids(before + after)}
        request |= {"text_sha": short_hash((context + continuation).encode()), "ll": ll, "greedy": greedy}
        requests.append(request)
    target = sample["target"]
    gold = target if isinstance(target, int) else int(sample["doc"]["answer"]) - 1  # winogrande's target is text
    return {"gold": gold, "requests": requests, **{metric: int(sample[metric]) for metric in sample["metrics"]}}


@torch.no_grad()
def smallest_margin(lm, context, generated):
    logits = lm.model(torch.tensor([context + generated])).logits[0, len(context) - 1 : -1]
    assert logits.argmax(-1).tolist() == generated
    best = logits.topk(2).values
    return (best[:, 0] - best[:, 1]).min().item()


def generated(lm, strict, flexible):
    context = strict["arguments"][0][0]
    ids = lm.tok_encode(context)
    line = {"context": len(ids), "sha": hash_of_ids(ids), "text_sha": short_hash(context.encode())}
    line |= {"text": strict["resps"][0][0], "margin": smallest_margin(lm, ids, lm.generated[tuple(ids)])}
    line |= {"strict": int(strict["exact_match"]), "flexible": int(flexible["exact_match"])}
    return line | {"strict_answer": strict["filtered_resps"][0], "flexible_answer": flexible["filtered_resps"][0]}


def lines_of(lm, samples):
    if samples[0]["filter"] == "none":
        return [{"doc": sample["doc_id"], **scored(lm, sample)} for sample in samples]
    filters = [[s for s in samples if s["filter"] == name] for name in ("strict-match", "flexible-extract")]
    return [{"doc": strict["doc_id"], **generated(lm, strict, other)} for strict, other in zip(*filters, strict=True)]


def scores(results):
    """'acc,none' -> acc; gsm8k's filters stay in the names."""
    return {key.removesuffix(",none"): value for key, value in results.items() if "," in key}


def make(lm, tasks, task, shots):
    files, start = Files(task), time.monotonic()
    use_local_data(files)
    found = simple_evaluate(lm, tasks=[task], num_fewshot=shots, batch_size=1, task_manager=tasks, log_samples=True)
    results = found["results"]
    lines = []
    for name, samples in sorted(found["samples"].items()):
        subject = {"subject": name.removeprefix("mmlu_")} if task == "mmlu" else {}
        lines += [{"doc": line.pop("doc"), **subject, **line} for line in lines_of(lm, samples)]
    header = {"task": task, "lm_eval": version("lm_eval"), "shots": shots, "files": dict(sorted(files.hashes.items()))}
    header |= {"questions": len(lines), "results": scores(results[task])}
    if task == "mmlu":
        header["groups"] = {name.removeprefix("mmlu_"): scores(results[name]) for name in sorted(found["groups"])}
        header["subjects"] = {name.removeprefix("mmlu_"): scores(results[name]) for name in sorted(found["samples"])}
    text = "".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in [header, *lines])
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{task}.jsonl").write_text(text, encoding="utf-8")
    print(f"{task}: {len(lines)} questions, {time.monotonic() - start:.0f} s, {header['results']}", flush=True)


def main():
    path, names = sys.argv[1], sys.argv[2:] or list(TASKS)
    if hashlib.sha256(Path(path).read_bytes()).hexdigest() != SHA256:
        sys.exit(f"{path}: not the file that the golden values belong to (SHA-256 {SHA256})")
    datasets.disable_progress_bars()
    lm, tasks = load(path), manager()
    for name in names:
        make(lm, tasks, name, TASKS[name])


if __name__ == "__main__":
    main()
