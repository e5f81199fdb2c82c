"""Describe values in a line for a learner, and say how one value differs from another."""

import inspect
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

SHOWN_ENTRIES = 18  # a tensor with more than these is described by its shape
SHOWN_ITEMS = 6  # of a list; a longer one is described by its length
SHOWN_CHARACTERS = 200


def describe(value: Any) -> str:
    """One short line in ASCII; never calls the `__repr__` of a type that we do not know."""
    if isinstance(value, Tensor):
        text = _describe_tensor(value)
    elif isinstance(value, bool | int | str | None):
        text = repr(value)
    elif isinstance(value, float):
        text = f"{value:.6g}"
    elif isinstance(value, nn.Module):
        text = f"a model in {'train' if value.training else 'eval'} mode"
    elif inspect.isfunction(value):
        text = f"the function {value.__name__}"
    elif type(value) is dict:
        text = "{" + ", ".join(f"{key!s}: {describe(item)}" for key, item in value.items()) + "}"
    elif type(value) in (list, tuple) and value and isinstance(value[0], dict):
        text = f"{len(value)} batches; the first: " + ", ".join(map(_describe_column, value[0].items()))
    elif type(value) in (list, tuple) and value and all(type(item) in (int, float) for item in value):
        text = _entries(list(value))
    elif type(value) in (list, tuple) and 0 < len(value) <= SHOWN_ITEMS and all(map(_is_plain, value)):
        text = f"a {type(value).__name__} of {len(value)}: {'; '.join(map(describe, value))}"
    elif type(value) in (list, tuple):
        text = f"a {type(value).__name__} of {len(value)}"
    else:
        text = f"an object of type {type(value).__name__}"
    text = ascii_only(text)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def _is_plain(value: Any) -> bool:
    return isinstance(value, Tensor) or type(value) in (str, int, float)


def ascii_only(text: str) -> str:
    """The text with every other character escaped: it must print under any locale."""
    return text.encode("ascii", "backslashreplace").decode("ascii")


def _describe_tensor(tensor: Tensor) -> str:
    shape = tuple(tensor.shape)
    if tensor.is_meta or tensor.layout != torch.strided:
        return f"a tensor of shape {shape}, layout {tensor.layout}, device {tensor.device}"
    if tensor.dim() == 0:
        return f"{tensor.item():.6g}"
    if tensor.numel() > SHOWN_ENTRIES:
        return f"a tensor of shape {shape}"
    return f"{_entries(tensor.tolist())}, shape {shape}"


def _describe_column(column: tuple[str, Any]) -> str:
    name, value = column
    if isinstance(value, Tensor):
        return f"{name} {_entries(value.tolist())}" if value.dim() < 2 else f"{name} {tuple(value.shape)}"
    return f"{name} {describe(value)}"


def describe_both(kind: str, expected: Any, got: Any) -> tuple[str, str]:
    """The two values, each with what makes them differ in this kind (see `difference`)."""
    if isinstance(expected, Mapping) and isinstance(got, Mapping) and list(expected) == list(got):
        key = next(key for key in expected if difference(expected[key], got[key]))
        pair = describe_both(kind, expected[key], got[key])
        return f"{key}: {pair[0]}", f"{key}: {pair[1]}"
    if kind == "type":
        inside = type(expected) is type(got)  # then it is the entries whose types differ
        return f"{describe(expected)} ({_type(expected, inside)})", f"{describe(got)} ({_type(got, inside)})"
    if kind == "dtype":
        return f"{describe(expected)} ({expected.dtype})", f"{describe(got)} ({got.dtype})"
    if isinstance(expected, Tensor) and expected.numel() > SHOWN_ENTRIES and kind in ("value", "nan"):
        apart = ~torch.isclose(expected.double(), got.double(), rtol=1e-4, atol=1e-5, equal_nan=True)
        place = tuple((apart if apart.any() else expected != got).nonzero()[0].tolist())
        where = f"[{', '.join(map(str, place))}] of a tensor of shape {tuple(expected.shape)}"
        return f"{expected[place]:.6g} at {where}", f"{got[place]:.6g} at {where}"
    ours, theirs = describe(expected), describe(got)
    return ours, f"{theirs}, which differs in a later digit" if kind == "value" and ours == theirs else theirs


def _type(value: Any, inside: bool) -> str:
    name = type(value).__name__
    if not inside or type(value) not in (list, tuple) or not value:
        return name
    return f"{name} of {', '.join(sorted({type(item).__name__ for item in value}))}"


def _entries(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_entries(item) for item in value) + "]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def difference(expected: Any, got: Any) -> str | None:
    """Name the kind of the first difference, or None where the two are equal within rounding.

    The kinds: "type", "shape", "dtype", "nan" (a NaN or an infinity where a number belongs), "value".
    Tensors are equal within 1e-4 (float32) or 1e-7 (float64) of their size.
    """
    if isinstance(expected, Tensor):
        return _tensor_difference(expected, got) if isinstance(got, Tensor) else "type"
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or list(expected) != list(got):
            return "type"
        return next((kind for key in expected if (kind := difference(expected[key], got[key]))), None)
    if isinstance(expected, list | tuple):
        if type(got) is not type(expected):
            return "type"
        if len(got) != len(expected):
            return "shape"
        pairs = zip(expected, got, strict=True)
        return next((kind for one, other in pairs if (kind := difference(one, other))), None)
    if isinstance(expected, float) and isinstance(got, float):
        return None if math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-9) else "value"
    if type(expected) is not type(got):
        return "type"
    return None if expected == got else "value"


def _tensor_difference(expected: Tensor, got: Tensor) -> str | None:
    if expected.shape != got.shape:
        return "shape"
    if expected.dtype != got.dtype:
        return "dtype"
    if (expected.device, expected.layout) != (got.device, got.layout):
        return "type"
    if not expected.is_floating_point():
        return None if torch.equal(expected, got) else "value"
    rtol, atol = (1e-7, 1e-9) if expected.dtype == torch.float64 else (1e-4, 1e-5)
    if torch.allclose(expected, got.detach(), rtol=rtol, atol=atol, equal_nan=True):
        return None
    lost = ~torch.isfinite(got) & torch.isfinite(expected)
    return "nan" if bool(lost.any()) else "value"
