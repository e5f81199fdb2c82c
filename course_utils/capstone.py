"""The check of the capstone: a reader's models, made under a clock, on a split that nobody trained on.

It is there to find mistakes that look like success: numbers that no count of parameters sees, held-out sentences read
while a model was made, a model that gives everything the same label. Whoever wants to cheat themselves still can.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import Tensor, nn
from torch.utils.data import DataLoader

from course_utils import training
from course_utils.measure.stored import first_answers, stored_parameters


@dataclass(frozen=True)
class Budget:
    """What is allowed, and what is asked for.

    parameters: the most numbers that may be stored, over all tasks, be they of four bytes or of one; a tensor that two
    models share counts once. seconds: for the making of all models. accuracy: for each task the least share of the
    held-out sentences, from 0 to 1.
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
        with _watched(held_out) as seen:
            models = make()
    except (Exception, SystemExit) as error:
        return _broken(f"it raised {type(error).__name__}: {error}")
    seconds = time.perf_counter() - start
    if fault := _not_models(models, held_out):
        return _broken(fault)
    measured, hidden, remarks = {"parameters": 0.0, "seconds": seconds}, {}, {}
    for task, loader in held_out.items():
        try:
            logits, labels, read = first_answers(models[task], loader)
            if logits.shape[-1] != classes[task]:
                return _broken(
                    f"the model for {task!r} has {logits.shape[-1]} outputs; the task has {classes[task]} labels."
                )
            hidden[task], remarks[task] = read, _remark(logits, labels)
            measured[task] = training.evaluate(models[task], loader)
        except Exception as error:
            return _broken(f"the model for {task!r} raised {type(error).__name__}: {error}")
    measured["parameters"] = float(stored_parameters(models.values(), hidden.values()))
    own = measured["parameters"] - stored_parameters(models.values())
    faults = _faults(measured, budget, remarks, int(own))
    faults += [
        f"{task}: held-out sentences were read while the models were made, so the score says nothing. Practise on "
        "the validation split. (An eval_loader reads them too.)"
        for task in sorted(seen)
    ]
    return Verdict(not faults, measured, tuple(faults))


@contextlib.contextmanager
def _watched(held_out: Mapping[str, "DataLoader[Any]"]) -> Iterator[set[str]]:
    """The tasks whose held-out loader, or another over the same sentences, gave a batch inside the block."""
    contents = {task: _sentences(loader) for task, loader in held_out.items()}
    seen, begin = set[str](), DataLoader.__iter__

    def watching(loader: "DataLoader[Any]") -> Any:
        sentences = _sentences(loader)
        seen.update(task for task, inside in contents.items() if len(inside & sentences) > len(inside) / 2)
        seen.update(task for task, kept in held_out.items() if kept is loader)
        return begin(loader)

    DataLoader.__iter__ = watching  # type: ignore[method-assign, assignment]
    try:
        yield seen
    finally:
        DataLoader.__iter__ = begin  # type: ignore[method-assign]


def _sentences(loader: Any) -> set[tuple[int, ...]]:
    """The token ids of each sentence of one of `data.make_loader`'s loaders; of others, nothing."""
    rows = getattr(loader, "dataset", ())
    return {
        tuple(row[0].tolist())
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, tuple) and isinstance(row[0], Tensor)
    }


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


def _remark(logits: Tensor, labels: Tensor) -> str:
    """What is odd about a model's first answers; empty where nothing is."""
    if not logits.isfinite().all():
        return "Some of its outputs are infinite: a learning rate that is too large?"
    classes = logits.argmax(dim=-1)
    if len(classes) > 1 and (classes == classes[0]).all() and not (labels == labels[0]).all():
        return (
            "It gives every sentence of the first batch the same label. Was its classifier trained, and on the "
            "labels of this task?"
        )
    return (
        "Is it far better on the sentences that it was trained on? Then it has learned those by heart: more text from "
        "the teacher. If not: more steps, or more parameters to adapt."
    )


def _faults(
    measured: Mapping[str, float], budget: Budget, remarks: Mapping[str, str], hidden: int
) -> list[str]:
    faults = []
    if measured["parameters"] > budget.parameters:
        beside = (
            f" ({hidden:,} of them are in no parameter and no buffer of the models, and yet they are read: another "
            "model, or tensors kept aside)"
            if hidden
            else ""
        )
        faults.append(
            f"{measured['parameters']:,.0f} numbers to store{beside}, {budget.parameters:,} allowed. Share one base "
            "between the tasks, or take a smaller one. A code of one byte counts as a number too."
        )
    if measured["seconds"] > budget.seconds:
        faults.append(
            f"{measured['seconds']:.0f} seconds, {budget.seconds:.0f} allowed. Fewer steps, or a smaller model."
        )
    for task, least in budget.accuracy.items():
        if measured[task] < least:
            faults.append(
                f"{task}: {measured[task]:.1%} of the held-out sentences right, {least:.1%} asked for. "
                + remarks[task]
            )
    return faults
