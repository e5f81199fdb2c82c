"""Answers that no learner means to give, and exercises of kinds that the course does not have yet."""

import copy
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations

Change = Callable[[Any], Any]  # a part of a result -> the part spoilt; None where it cannot be spoilt so


# --- answers that have nothing to do with the question ---


def _broken_error(*_: Any) -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise SystemExit("no text")

    raise Broken


def _recursion(*arguments: Any) -> Any:
    return _recursion(*arguments)


def _raise(error: BaseException) -> None:
    raise error


def _chatty(*_: Any) -> None:
    print("x" * 1_000_000)
    print("line\n" * 100_000, file=sys.stderr)


def _dictionary_in_itself(*_: Any) -> dict:
    found: dict = {}
    found["again"] = found
    return found


class _Mute(str):
    def __repr__(self) -> str:
        raise ValueError


BAD: dict[str, Function] = {
    "raises": lambda *_: 1 / 0,
    "raises a megabyte": lambda *_: _raise(ValueError("\n".join(map(str, range(100_000))))),
    "a broken error": _broken_error,
    "a long class name": lambda *_: _raise(type("x" * 100_000, (Exception,), {})()),
    "None": lambda *_: None,
    "a string": lambda *_: "caf\u00e9 \u2713",
    "an odd string": lambda *_: _Mute("a"),
    "a number too long to print": lambda *_: 10**5000,
    "a dictionary in itself": _dictionary_in_itself,
    "an odd object": lambda *_: object(),
    "NaN": lambda *_: torch.tensor(float("nan")),
    "wrong shape": lambda *_: torch.zeros(7, 7, 7),
    "wrong dtype": lambda *_: torch.zeros((), dtype=torch.int32),
    "on no device": lambda *_: torch.zeros((), device="meta"),
    "sparse": lambda *_: torch.eye(3).to_sparse(),
    "quantized": lambda *_: torch.quantize_per_tensor(torch.ones(2, 3), 1.0, 0, torch.qint8),
    "recursion": _recursion,
    "exit": lambda *_: exit(),
    "quit": lambda *_: quit(),
    "sys.exit": lambda *_: sys.exit(3),
    "os._exit": lambda *_: os._exit(1),
    "KeyboardInterrupt": lambda *_: _raise(KeyboardInterrupt()),
    "input": lambda *_: input("?"),
    "stdin": lambda *_: sys.stdin.readline(),
    "prints a megabyte": _chatty,
    "generator": lambda *_: (number for number in itertools.count()),
    "wrong parameters": lambda: torch.zeros(()),
}


# --- answers that never end ---

TURNS = [0]  # how often an endless answer went round


def turn() -> None:
    TURNS[0] += 1


def forever(*_: Any, **__: Any) -> None:
    while True:
        turn()


def forever_catching(*_: Any, **__: Any) -> None:
    while True:
        try:
            turn()
        except Exception:
            turn()


def forever_catching_everything(*_: Any, **__: Any) -> None:
    while True:
        try:
            while True:
                turn()
        except BaseException:
            turn()


def forever_printing(*_: Any, **__: Any) -> None:
    while True:
        print(turn())


def asleep(*_: Any, **__: Any) -> None:
    while True:
        time.sleep(0.7)
        turn()


# --- the right answer, spoilt ---


def _nan(part: Any) -> Any:
    if isinstance(part, Tensor):
        return part * float("nan") if part.is_floating_point() and part.numel() else None
    return float("nan") if isinstance(part, float) else None


def _shape(part: Any) -> Any:
    return part.unsqueeze(0) if isinstance(part, Tensor) else None


def _dtype(part: Any) -> Any:
    """Another precision of a tensor, and words where a plain number belongs."""
    if isinstance(part, Tensor):
        kin = {torch.float32: torch.float64, torch.int64: torch.int32, torch.bool: torch.uint8}
        return part.to(kin.get(part.dtype, torch.float32))
    return str(part) if isinstance(part, bool | int | float) else None


def _detached(part: Any) -> Any:
    if not isinstance(part, Tensor) or not part.requires_grad:
        return None
    return part.requires_grad_(False) if isinstance(part, nn.Parameter) else part.detach()


CHANGES: dict[str, Change] = {"nan": _nan, "shape": _shape, "dtype": _dtype, "gradient": _detached}


def _spoil(value: Any, change: Change) -> tuple[Any, bool]:
    """Spoil the first part of the value (a tensor, a number, a parameter of a model) where that is possible."""
    if isinstance(value, nn.Module):
        for parameter in value.parameters():
            if (new := change(parameter)) is not None:
                parameter.data = new.data
                return value, True
        return value, False
    if isinstance(value, dict | list | tuple):
        items = list(value.values() if isinstance(value, dict) else value)
        for index, item in enumerate(items):
            items[index], done = _spoil(item, change)
            if done:
                return (
                    dict(zip(value, items, strict=True)) if type(value) is dict else type(value)(items)
                ), True
        return value, False
    new = change(value)
    return (value, False) if new is None else (new, True)


def spoilt(reference: Function, change: Change, log: list[bool]) -> Function:
    """The reference with `change` done to what it returns, or to the models it was given where it returns nothing.

    Of a class, every public method is spoilt. `log` gets, for each call, whether there was anything to spoil.
    """

    def around(function: Function) -> Function:
        def call(*arguments: Any, **named: Any) -> Any:
            result = function(*arguments, **named)
            models = [argument for argument in arguments if isinstance(argument, nn.Module)]
            new, done = _spoil(models if result is None else result, change)
            log.append(done)
            return None if result is None else new

        return call

    if not isinstance(reference, type):
        return around(reference)
    own = {name: value for name, value in vars(reference).items() if callable(value) and name[:2] != "__"}
    return type(reference.__name__, (reference,), {name: around(value) for name, value in own.items()})


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a value, however deep."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, nn.Module):
        yield from value.state_dict().values()
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from tensors(item)


def changing_its_inputs(reference: Function, log: list[str]) -> Function:
    """The reference, which then adds 1 to its inputs, and turns truth values round. `log` gets "changed", or "changes
    them itself" where that is what the reference is for."""

    def call(*arguments: Any, **named: Any) -> Any:
        before = [tensor.clone() for tensor in tensors(arguments)]
        result = reference(*arguments, **named)
        after = list(tensors(arguments))
        alike = len(before) == len(after) and all(map(torch.equal, before, after))
        for tensor in after:
            tensor.data.copy_(~tensor.data if tensor.dtype == torch.bool else tensor.data + 1)
        log.extend(["changed" if alike else "changes them itself"] * bool(after))
        return result

    return call


# --- exercises of other kinds: a number, a pair, a yes or no, a change in place, a class ---


def _scaling(rank: int, lora_alpha: float) -> float:
    return lora_alpha / rank


def _halves(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[: len(x) // 2], x[len(x) // 2 :]


def _fits(x: Tensor, limit: int) -> bool:
    return x.numel() <= limit


def _freeze_bias(model: nn.Linear) -> None:
    model.bias.requires_grad_(False)


class _Doubled(nn.Module):
    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.linear(x)


def _state(value: Any) -> Any:
    """What can be compared of a value: of a model its weights, which of them train, and what it computes."""
    if isinstance(value, nn.Module):
        weights = {name: (p.requires_grad, p.detach().clone()) for name, p in value.named_parameters()}
        return {"output": _state(value(torch.ones(1, 3))), **weights}
    if isinstance(value, list | tuple):
        return type(value)(map(_state, value))
    return (value.requires_grad, value.detach().clone()) if isinstance(value, Tensor) else value


def _observe(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    passed = [v.clone().requires_grad_() if isinstance(v, Tensor) else v for v in given.values()]
    result = function(*passed)
    same = all(map(torch.equal, tensors(list(arguments.values())), tensors(passed)))
    inputs = [_state(value) for value in passed if isinstance(value, nn.Module)]
    return {INPUTS_CHANGED: None if same else "yes", RESULT: _state(result), "models": inputs}


def _one_case(**arguments: Any) -> Callable[[torch.Generator], list[Arguments]]:
    return lambda _: [copy.deepcopy(arguments)]


STAND_INS = {
    "a number": Exercise(_scaling, _one_case(rank=4, lora_alpha=8.0), [], _observe),
    "a pair": Exercise(_halves, _one_case(x=torch.arange(4.0)), [], _observe),
    "yes or no": Exercise(_fits, _one_case(x=torch.ones(2), limit=3), [], _observe),
    "in place": Exercise(_freeze_bias, _one_case(model=nn.Linear(3, 2)), [], _observe),
    "a class": Exercise(_Doubled, _one_case(linear=nn.Linear(3, 2)), [], _observe),
}
