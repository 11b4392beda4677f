#!/usr/bin/env python3
"""Makes tests/golden/rolling.json by lm-evaluation-harness's own rolling log-likelihoods. Run it in the repository's top folder:

    python tests/golden/make_rolling.py models/SmolLM2-135M-Instruct.Q4_1.gguf
"""

import json
import re
import sys
from math import exp
from pathlib import Path

from lm_eval.api.instance import Instance

from make_tasks import load

TEXTS = Path("harness/data/c4.jsonl")
DOCUMENTS = 6
WINDOWS = (96, 1024)  # shorter and longer than most of the documents


def main():
    texts = [json.loads(line)["text"] for line in TEXTS.read_text().splitlines()[:DOCUMENTS]]
    words = sum(len(re.split(r"\s+", text)) for text in texts)
    size = sum(len(text.encode()) for text in texts)
    lm = load(sys.argv[1])
    scores = []
    for window in WINDOWS:
        lm._max_length = window
        assert lm.max_length == window
        requests = [Instance("loglikelihood_rolling", {}, (text,), i) for i, text in enumerate(texts)]
        found = lm.loglikelihood_rolling(requests, disable_tqdm=True)
        total = sum(found)
        scores.append(
            {
                "window": window,
                "documents": [round(value, 4) for value in found],
                "word_perplexity": exp(-total / words),
                "byte_perplexity": exp(-total / size),
            }
        )
    out = {"data": TEXTS.name, "documents": DOCUMENTS, "words": words, "bytes": size, "scores": scores}
    Path("tests/golden/rolling.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
