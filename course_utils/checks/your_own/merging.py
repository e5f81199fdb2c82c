"""The exercise on merging: fold LoRA in, and say what that changed."""

import copy
from types import SimpleNamespace
from typing import Any

import torch
from torch import Generator, Tensor, nn

from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import evaluation
from course_utils.methods.lora import inject_lora
from course_utils.methods.replacing import Wrapped, wrapped

PLACES = 5  # float32 rounds the sum of W and B A a little differently each way round


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


def _cases(generator: Generator) -> list[Arguments]:
    """In eval mode and in train mode; and in bfloat16, where merging rounds."""
    cases = []
    for dtype, training in ((torch.float32, False), (torch.bfloat16, False), (torch.bfloat16, True)):
        model = _Small(generator, dtype).train(training)
        ids = torch.randint(9, (3, 4), generator=generator)
        mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
        cases.append({"model": model, "batch": {"input_ids": ids, "attention_mask": mask}})
    return cases


def _observe(function: Function, arguments: Arguments) -> Observations:
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
    number: Any = round(value, PLACES) if isinstance(value, float) else value
    return {
        INPUTS_CHANGED: None if same else "batch",
        RESULT: number,
        "LoRA layers that are left": len(wrapped(model, Wrapped)),
        "logits of the model afterwards": logits,
        "in train mode afterwards": mode,
    }


MERGE_AND_COMPARE = Exercise(
    reference=evaluation.merge_and_compare,
    cases=_cases,
    mistakes=[],
    observe=_observe,
    advice={
        "value": "that is not the largest absolute difference of two logits. Compute the logits in eval mode (no "
        "dropout), merge, compute them again, and subtract in float32: .abs().max().",
        "type": "return a plain number: .item() makes one of a tensor.",
        "LoRA layers that are left": "the wrappers are still there, so others cannot load the model. merge "
        "alone folds the "
        "update in and keeps them; merge_and_unload also takes them off.",
        "logits of the model afterwards": "the model computes something else than before. Was the update merged "
        "once, and "
        "was it merged into this model?",
        "in train mode afterwards": "the model is not in the mode in which it came. Remember model.training, "
        "and give "
        "it back with model.train(was_training).",
        "RuntimeError": "some tensor still asks for a gradient: put @torch.no_grad() above the function, or detach.",
    },
)
