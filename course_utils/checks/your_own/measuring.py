"""Exercises on numbers that can be trusted: what an accuracy is worth, and merging with a check."""

import copy
from types import SimpleNamespace
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils.checks.edits import edits
from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Observations,
    observe_values,
)
from course_utils.data import own
from course_utils.methods import evaluation
from course_utils.methods.lora import inject_lora
from course_utils.methods.replacing import Wrapped, wrapped

# --- interval ---


def _interval_cases(_: Generator) -> list[Arguments]:
    """A usual test; all right; none right; few rows; another level."""
    numbers = ((450, 500, 0.95), (20, 20, 0.95), (0, 12, 0.95), (3, 7, 0.95), (80, 100, 0.99))
    return [{"correct": correct, "n": n, "level": level} for correct, n, level in numbers]


def _observe_interval(function: Function, arguments: Arguments) -> Observations:
    """A bound that was cut with max(0, ...) or min(1, ...) is a whole number, and as good."""
    seen = observe_values(function, arguments)
    if type(seen[RESULT]) is tuple:
        seen[RESULT] = tuple(float(bound) if type(bound) is int else bound for bound in seen[RESULT])
    return seen


_MIDDLE, _SPREAD, _SCALE = " + z * z / (2 * n)", " + z * z / (4 * n * n)", " + z * z / n"
_LAST = "+ reach) / scale)"

INTERVAL = Exercise(
    reference=own.interval,
    cases=_interval_cases,
    observe=_observe_interval,
    mistakes=edits(
        own.interval,
        {_MIDDLE: "", _SPREAD: "", _SCALE: ""},
        "that is the share plus or minus z standard errors, computed with the measured share. At 20 right of 20 it "
        "says that the model never errs. In Wilson's inequality the standard error is that of the unknown accuracy "
        "p: solve it for p.",
        {"0.5 + level / 2": "level"},
        "z is that of one side. Of 95 %, half of the other 5 % lies at each end: inv_cdf(0.5 + level / 2).",
        {"NormalDist().inv_cdf(0.5 + level / 2)": "1.96"},
        "the level is not used, or z was typed with few digits: NormalDist().inv_cdf(0.5 + level / 2).",
        {_MIDDLE: ""},
        "the bounds lie around the measured share. Their middle is not it: the quadratic equation moves it "
        "towards one half, by z * z / (2 * n).",
        {_SCALE: ""},
        "the division is missing: the equation begins with (1 + z * z / n) * p * p, so both bounds are divided "
        "by 1 + z * z / n.",
        {"max": "100 * max", "min": "100 * min"},
        "that is in percent. Return shares, from 0 to 1.",
        {"return": "low, high =", _LAST: f"{_LAST}\n    return high, low"},
        "the upper bound comes first. Return (low, high).",
        {"return": "low, high =", _LAST: f"{_LAST}\n    return (low + high) / 2, (high - low) / 2"},
        "that is the middle and half the width. Return the two bounds.",
        {"sqrt": ""},
        "a square root is missing: the solution of a quadratic equation has one.",
    ),
    advice={
        "type": "return two plain numbers, (low, high), as a tuple.",
        "shape": "return two plain numbers, (low, high).",
        "value": "these bounds do not solve the equation. Check them: with p = low, abs(correct / n - p) should equal "
        "z * sqrt(p * (1 - p) / n).",
        "ZeroDivisionError": "something is divided by 0. Neither correct nor correct / n may stand below a line.",
    },
)

# --- merge_and_compare: fold LoRA in, and say what that changed ---

_MERGE = "merge_and_unload(model)"
_PLACES = 5  # float32 rounds the sum of W and B A a little differently each way round


class _Small(nn.Module):
    """Words, dropout, one layer with LoRA, a head: called as transformers' classifiers are."""

    def __init__(self, generator: Generator, dtype: torch.dtype) -> None:
        super().__init__()
        self.words, self.dropout = nn.Embedding(9, 6), nn.Dropout(0.5)
        self.query, self.classifier = nn.Linear(6, 6), nn.Linear(6, 3)
        self._draw(generator)
        self.to(dtype)
        inject_lora(self, ["query"], rank=2, lora_alpha=4)
        self._draw(generator)

    @torch.no_grad()
    def _draw(self, generator: Generator) -> None:
        for parameter in self.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        hidden = self.query(self.dropout(self.words(input_ids))) * attention_mask.unsqueeze(-1)
        return SimpleNamespace(logits=self.classifier(hidden.sum(dim=1)))


def _merging_cases(generator: Generator) -> list[Arguments]:
    """In eval mode and in train mode; and in bfloat16, where merging rounds."""
    cases = []
    for dtype, training in ((torch.float32, False), (torch.bfloat16, False), (torch.bfloat16, True)):
        model = _Small(generator, dtype).train(training)
        ids = torch.randint(9, (3, 4), generator=generator)
        mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
        cases.append({"model": model, "batch": {"input_ids": ids, "attention_mask": mask}})
    return cases


def _observe_merging(function: Function, arguments: Arguments) -> Observations:
    model, batch = copy.deepcopy(arguments["model"]), copy.deepcopy(arguments["batch"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # of dropout: a comparison with it differs, and always in the same way
        value = function(model, batch)
        same = list(batch) == list(arguments["batch"]) and all(
            torch.equal(batch[name], given) for name, given in arguments["batch"].items()
        )
        mode = model.training
        with torch.no_grad():
            logits = model.eval()(**arguments["batch"]).logits.float()
    number: Any = round(value, _PLACES) if isinstance(value, float) else value
    return {
        INPUTS_CHANGED: None if same else "batch",
        RESULT: number,
        "LoRA layers that are left": len(wrapped(model, Wrapped)),
        "logits of the model afterwards": logits,
        "in train mode afterwards": mode,
    }


MERGE_AND_COMPARE = Exercise(
    reference=evaluation.merge_and_compare,
    cases=_merging_cases,
    observe=_observe_merging,
    mistakes=edits(
        evaluation.merge_and_compare,
        {".max()": ".mean()"},
        "that is the mean difference. What is asked for is that of the logit that changed most.",
        {".abs()": ""},
        "a logit may fall as well as rise: take the absolute difference before the largest.",
        {"model.eval()": "pass"},
        "a model that comes in train mode is compared with dropout, which is another at every call. Call "
        "model.eval() first.",
        {"model.train(was_training)": "pass"},
        "the model is left in eval mode, whatever it came in. Remember model.training, and give it back with "
        "model.train(was_training).",
        {"was_training)": ")"},
        "the model is left in train mode, whatever it came in. Give it back: model.train(was_training).",
        {_MERGE: "[part.merge() for part in model.modules() if hasattr(part, 'merge')]"},
        "the update is folded in, and the wrappers are still there, so others cannot load the model. "
        "merge_and_unload also takes them off.",
        {_MERGE: "merge_and_unload(__import__('copy').deepcopy(model))"},
        "a copy was merged, and the model that was given still has its LoRA layers. It is to be changed itself.",
        {_MERGE: "pass", "return": f"{_MERGE}\n    return"},
        "both runs come before merging, so they are the same. Merge between them.",
        {".logits.float()": ".logits.float().softmax(-1)"},
        "those are differences of probabilities. Compare the logits.",
        {"abs().max()": "abs().sum()"},
        "that is the sum of all differences. The largest is asked for.",
    ),
    advice={
        "value": "that is not the largest absolute difference of two logits. Compute the logits in eval mode (no "
        "dropout), merge, compute them again, and subtract in float32: .abs().max().",
        "type": "return a plain number: .item() makes one of a tensor.",
        "LoRA layers that are left": "the wrappers are still there, so others cannot load the model. merge alone "
        "folds the update in and keeps them; merge_and_unload also takes them off.",
        "logits of the model afterwards": "the model computes something else than before. Was the update merged once, "
        "and was it merged into this model?",
        "in train mode afterwards": "the model is not in the mode in which it came. Remember model.training, and give "
        "it back with model.train(was_training).",
        "RuntimeError": "some tensor still asks for a gradient: put @torch.no_grad() above the function, or detach.",
    },
)
