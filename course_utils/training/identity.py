"""What makes a training run this run: a checkpoint of another one must not be taken for it.

Compared before anything is changed: the settings of `fit`, the names and shapes of what trains, the size of
the data set and of a batch, every frozen weight, and the numbers that the model's layers hold (dropout, the
scaling of LoRA). Compared at the first step: the rows of its batch, and its loss.

A loss function cannot be compared as such: two that read alike may use another teacher. Its value can, so
the loss of one step stands for it. A change that this one step does not show is not seen: other labels in
rows of other batches, or a schedule inside `loss_fn` that sets in later.
"""

import inspect
import math
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

LOSS_TOLERANCE = 1e-3
"""Relative. Another machine or number of threads changes the last bits of a loss, and bfloat16 a few more."""


def checksums(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """A CRC-32 of each tensor's bytes, dtype and shape, by name."""
    found = {}
    for name, tensor in tensors.items():
        content = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
        described = f"{tensor.dtype} {tuple(tensor.shape)}".encode()
        found[name] = zlib.crc32(content.data, zlib.crc32(described))
    return found


def identity(
    model: nn.Module, loader: "DataLoader[Any]", loss_fn: Callable[..., Any], **settings: float | str | None
) -> dict[str, Any]:
    """What must be equal for a run to go on from a checkpoint, as plain values.

    Two entries need not be equal: "start" (the checkpoint replaces these weights) and "loss_fn" (its numbers
    help to explain a loss that differs).
    """
    parameters = dict(model.named_parameters())
    trainable = {name: list(p.shape) for name, p in parameters.items() if p.requires_grad}
    frozen = {name: p for name, p in parameters.items() if not p.requires_grad}
    numbers = {
        f"{name}.{key}": value
        for name, module in model.named_modules()
        for key, value in vars(module).items()
        if isinstance(value, float)
    }
    return {
        **settings,
        "rows in the data set": _length(loader.dataset),
        "rows in a batch": loader.batch_size or getattr(loader.batch_sampler, "batch_size", None),
        "batches in an epoch": _length(loader),
        "trainable": trainable,
        "frozen": checksums(frozen),
        "numbers": numbers,
        "start": checksums({name: value for name, value in model.state_dict().items() if name not in frozen}),
        "loss_fn": plain_values(loss_fn),
    }


def differences(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """How two identities differ, one phrase each; none where a run may go on."""
    said: list[str] = []
    for name in {**there, **here}:
        before, now = there.get(name), here.get(name)
        if name in ("start", "loss_fn") or before == now:
            continue
        if name == "trainable":
            said.append("the trainable parameters have other names or shapes")
        elif name == "frozen":
            said.append(f"the frozen weights are others ({_listed(before or {}, now or {})})")
        elif name == "numbers":
            said += unequal(before or {}, now or {})[:3]
        else:
            said.append(f"{name}: {before} there, {now} here")
    return said


def other_start(there: dict[str, Any], here: dict[str, Any]) -> str:
    """Which weights had other values before the first step, in words; empty where none had."""
    return "" if there["start"] == here["start"] else _listed(there["start"], here["start"])


def other_loss(there: float, here: float) -> bool:
    """Whether two losses of what should be one step are more than rounding apart."""
    return not math.isclose(there, here, rel_tol=LOSS_TOLERANCE, abs_tol=1e-6)


def unequal(there: dict[str, Any], here: dict[str, Any]) -> list[str]:
    """The values that differ, each with both: "temperature: 2 there, 4 here"."""
    return [
        f"{name}: {there.get(name)} there, {here.get(name)} here"
        for name in {**there, **here}
        if there.get(name) != here.get(name)
    ]


def plain_values(function: Callable[..., Any]) -> dict[str, Any]:
    """The numbers and strings that a loss function uses: its defaults, what it closes over, globals, or what
    an object that is called holds."""
    values = dict(vars(function)) if not inspect.isroutine(function) and hasattr(function, "__dict__") else {}
    try:
        values |= {name: p.default for name, p in inspect.signature(function).parameters.items()}
        used = inspect.getclosurevars(getattr(function, "func", function))
        values = {**used.globals, **used.nonlocals, **values}
    except (TypeError, ValueError):  # written in C, or a name that has no value yet
        pass
    return {name: value for name, value in values.items() if isinstance(value, (bool, int, float, str))}


def _length(sized: Any) -> int | None:
    """Its length; None for a stream, which has none."""
    try:
        return len(sized)
    except TypeError:
        return None


def _listed(there: dict[str, Any], here: dict[str, Any]) -> str:
    names = [name for name in {**there, **here} if there.get(name) != here.get(name)]
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")
