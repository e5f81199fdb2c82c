"""The check of the capstone: a reader's models, made under a clock, on a split that nobody trained on."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.utils.data import DataLoader

from course_utils import training


@dataclass(frozen=True)
class Budget:
    """What is allowed, and what is asked for.

    parameters: the most that may be stored, over all tasks; a tensor that two models share counts once. seconds:
    for the making of all models. accuracy: for each task the least share of the held-out sentences, from 0 to 1.
    """

    parameters: int
    seconds: float
    accuracy: Mapping[str, float]


@dataclass(frozen=True)
class Verdict:
    """What came of it: `passed`, the numbers measured, and for each limit that was broken one sentence."""

    passed: bool
    measured: Mapping[str, float]
    faults: tuple[str, ...]

    def table(self, budget: Budget) -> pd.DataFrame:
        """What was measured beside what is allowed or asked for; empty where nothing could be measured."""
        limits = {"parameters": budget.parameters, "seconds": budget.seconds, **budget.accuracy}
        frame = pd.DataFrame({"measured": pd.Series(self.measured, dtype=float), "budget": pd.Series(limits)})
        return frame.reindex(list(limits)).round(3)


def score(
    make: Callable[[], Any],
    held_out: Mapping[str, "DataLoader[Any]"],
    classes: Mapping[str, int],
    budget: Budget,
) -> Verdict:
    """Run `make`, time it, and measure what it returns: a model for each task, in a dict.

    held_out: for each task batches with labels, that `make` must not have seen. classes: how many labels each task
    has. Whatever `make` does ends in a verdict; only the reader's own Ctrl-C is raised.
    """
    start = time.perf_counter()
    try:
        models = make()
    except Exception as error:
        return _broken(f"it raised {type(error).__name__}: {error}")
    seconds = time.perf_counter() - start
    if fault := _not_models(models, held_out):
        return _broken(fault)
    measured = {"parameters": float(stored_parameters(models.values())), "seconds": seconds}
    for task, loader in held_out.items():
        try:
            outputs = _logits_size(models[task], loader)
            if outputs != classes[task]:
                return _broken(
                    f"the model for {task!r} has {outputs} outputs; the task has {classes[task]} labels."
                )
            measured[task] = training.evaluate(models[task], loader)
        except Exception as error:
            return _broken(f"the model for {task!r} raised {type(error).__name__}: {error}")
    faults = _faults(measured, budget)
    return Verdict(not faults, measured, faults)


def stored_parameters(models: Any) -> int:
    """How many numbers a file of all these models holds: what two models share counts once.

    They share a parameter if both have one of the same shape and values, as the copies of a base do.
    """
    seen: dict[tuple[torch.Size, float], list[torch.Tensor]] = {}
    total = 0
    for model in models:
        values = [parameter.detach().cpu() for parameter in model.parameters()]
        keys = [(value.shape, float(value.double().sum())) for value in values]
        new = [
            (key, value)
            for key, value in zip(keys, values, strict=True)
            if not any(torch.equal(value, other) for other in seen.get(key, ()))
        ]
        for key, value in new:
            seen.setdefault(key, []).append(value)
            total += value.numel()
    return total


def _broken(fault: str) -> Verdict:
    return Verdict(False, {}, (fault,))


def _not_models(models: Any, held_out: Mapping[str, Any]) -> str | None:
    tasks = ", ".join(map(repr, held_out))
    if not isinstance(models, Mapping):
        return f"it returned {type(models).__name__}. Return a dict with a model for each task: {tasks}."
    if missing := [task for task in held_out if task not in models]:
        return f"there is no model for {missing[0]!r}. Return one for each task: {tasks}."
    if wrong := [task for task in models if not isinstance(models[task], nn.Module)]:
        return f"what stands under {wrong[0]!r} is no model, but {type(models[wrong[0]]).__name__}."
    return None


@torch.no_grad()
def _logits_size(model: nn.Module, loader: "DataLoader[Any]") -> int:
    batch, device = next(iter(loader)), next(model.parameters()).device
    outputs = model(batch["input_ids"].to(device), attention_mask=batch["attention_mask"].to(device))
    return int(outputs.logits.shape[-1])


def _faults(measured: Mapping[str, float], budget: Budget) -> tuple[str, ...]:
    faults = []
    if measured["parameters"] > budget.parameters:
        faults.append(
            f"{measured['parameters']:,.0f} numbers to store, {budget.parameters:,} allowed. Share one base "
            "between the "
            "tasks, or take a smaller one."
        )
    if measured["seconds"] > budget.seconds:
        faults.append(
            f"{measured['seconds']:.0f} seconds, {budget.seconds:.0f} allowed. Fewer steps, or a smaller model."
        )
    for task, least in budget.accuracy.items():
        if measured[task] < least:
            faults.append(
                f"{task}: {measured[task]:.1%} of the held-out sentences right, {least:.1%} asked for. More "
                "text from the "
                "teacher, more steps, or more parameters to adapt."
            )
    return tuple(faults)
