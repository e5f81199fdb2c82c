"""The course's scoring beside that of lm-evaluation-harness: the same model, requests and scores, and less time.

The harness takes packages that the course does not need, so it is no dependency. It gets an environment of its own,
which `make bench` then finds:

    python -m venv build/lm-eval-venv
    build/lm-eval-venv/bin/pip install -r requirements.txt "lm-eval==0.4.13"

Both take batches of the same size, and both compute answers that differ in their last token alone in one row. The
harness computes the solved examples for every question, and logits for every token of them.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import torch

sys.path[:0] = [str(Path(__file__).resolve().parent.parent), str(Path(__file__).resolve().parent)]

from asking import BATCH_SIZE, EXAMPLES, QUESTIONS, Asked, load  # noqa: E402
from lm_eval.api.instance import Instance  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from measure import Figure, compare, seconds  # noqa: E402

from course_utils import session  # noqa: E402

LARGEST = 1e-3


def harness_scores(harness: HFLM, asked: Asked) -> torch.Tensor:
    """The log-likelihood of each answer, as the harness computes it. (requests,)."""
    requests = [
        Instance(request_type="loglikelihood", doc={}, arguments=pair, idx=0)
        for pair in zip(asked.prompts, asked.answers, strict=True)
    ]
    return torch.tensor([found for found, _ in harness.loglikelihood(requests, disable_tqdm=True)])


def main() -> Figure:
    """Scores compared, then both sides timed in turns."""
    session.set_threads()
    asked = load()
    harness = HFLM(pretrained=asked.model, tokenizer=asked.tokenizer, batch_size=BATCH_SIZE)
    difference = (asked.score() - harness_scores(harness, asked)).abs().max().item()
    assert difference <= LARGEST, f"a score differs by {difference:.1e}"
    figure = compare(
        f"{QUESTIONS} questions after {EXAMPLES} examples ({asked.name}): the course / lm-evaluation-harness",
        lambda: seconds(asked.score),
        lambda: seconds(lambda: harness_scores(harness, asked)),
        0.5,
    )
    return replace(figure, name=f"{figure.name} (largest difference of a score {difference:.0e})")


if __name__ == "__main__":
    print(json.dumps(asdict(main())))
