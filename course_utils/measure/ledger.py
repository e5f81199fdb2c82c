"""A ledger of memory: while a training step runs, how many bytes are parameters, gradients, optimizer state,
activations, or none of these, at every moment.

It follows torch through its public hooks and changes nothing in the step: a dispatch mode sees every tensor that an
operation returns, a weak reference sees its memory go, and hooks on parameters, modules, the optimizer and on what
autograd saves tell what it was for. It counts memory (storages), not tensors: two views of one memory count once. So
it works on a CPU, on a GPU, and on fake tensors, which have sizes and no content. What one operation allocates inside
itself and frees before it returns, no hook sees.
"""

import contextlib
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

CATEGORIES = (
    "parameters",
    "inputs",  # the batch, and the model's buffers
    "gradients",
    "optimizer state",
    "weight copies",  # of parameters in another dtype, as autocast makes them
    "activations",  # saved for the backward pass, or made again for it by a checkpointed block, and none of the above
    "temporaries",  # all the rest
)
"""What memory is for. Where two fit, the first does: an input that is saved for the backward pass is an input."""
PARAMETERS, INPUTS, GRADIENTS, STATE, COPIES, ACTIVATIONS, TEMPORARIES = range(len(CATEGORIES))

Loss = Callable[[nn.Module, Any], Tensor]


class Ledger:
    """Books the memory of a training step, from `with Ledger(model, optimizer, batch) as ledger:` to its end.

    `mark` names the phase that begins. Afterwards `timeline` holds all moments, `peak` the one with the most
    bytes, and `at` the end of a phase. A category holds for the whole life of a piece of memory: what becomes a
    gradient is a gradient from its first moment.
    """

    def __init__(
        self, model: nn.Module, optimizer: torch.optim.Optimizer | None = None, batch: Any = None
    ) -> None:
        self.model, self.optimizer, self.batch = model, optimizer, batch
        self._live: dict[int, tuple[int, weakref.ref[Any]]] = {}  # address of a storage -> number, reference
        self._kinds: list[int] = []  # by number: each storage has one, in the order of birth
        self._before: list[tuple[int, int]] = []  # (number, bytes) of what was there before the ledger
        self._events: list[tuple[int, int, int]] = []  # (number, bytes that come or go, moment)
        self._recomputed: list[int] = []  # numbers of what a checkpointed block has made in running again
        self._moments: list[tuple[str, str]] = [("start", "")]  # (phase, path of the module)
        self._open = False
        self._frame: pd.DataFrame | None = None

    def __enter__(self) -> "Ledger":
        self._stack = contextlib.ExitStack()
        parameters = list(self.model.parameters())
        for parameter in parameters:
            self._book(parameter, PARAMETERS)
            self._gradient_is_there(parameter)
        for tensor in (*self.model.buffers(), *_tensors(self.batch)):
            self._book(tensor, INPUTS)
        self._book_state()
        self._open = True
        for parameter in (p for p in parameters if p.requires_grad):
            self._remove_later(parameter.register_post_accumulate_grad_hook(self._gradient_is_there))
        if self.optimizer is not None:
            self._remove_later(self.optimizer.register_step_post_hook(lambda *_: self._book_state()))
        for path, module in self.model.named_modules():
            self._remove_later(module.register_forward_pre_hook(self._entering(path)))
            self._remove_later(module.register_forward_hook(self._leaving(path)))
        self._stack.enter_context(torch.autograd.graph.saved_tensors_hooks(self._save, _as_it_is))
        self._stack.enter_context(_EveryOperation(self))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()
        self._open = False
        self._live.clear()  # and with it the weak references: what goes from now on is not booked

    def mark(self, phase: str) -> None:
        """From here on the moments belong to `phase`, for example "forward"."""
        self._moments.append((phase, ""))

    # What has happened

    @property
    def timeline(self) -> pd.DataFrame:
        """One row for each moment at which memory came or went, the first for what was there before.

        Columns: phase, module, the bytes of each of CATEGORIES, and their total.
        """
        if self._frame is not None:
            return self._frame
        table = np.zeros((len(self._events) + 1, len(CATEGORIES)), dtype=np.int64)
        for number, size in self._before:
            table[0, self._kinds[number]] += size
        for row, (number, size, _) in enumerate(self._events, start=1):
            table[row, self._kinds[number]] = size
        frame = pd.DataFrame(table.cumsum(axis=0), columns=list(CATEGORIES))
        frame["total"] = frame.sum(axis=1)
        moments = [self._moments[0], *(self._moments[moment] for *_, moment in self._events)]
        frame.insert(0, "phase", [phase for phase, _ in moments])
        frame.insert(1, "module", [path for _, path in moments])
        if not self._open:  # from then on nothing changes
            self._frame = frame
        return frame

    @property
    def changes(self) -> list[int]:
        """The bytes that come (above 0) and go (below 0), moment by moment; first, what was there before."""
        return [sum(size for _, size in self._before), *(size for _, size, _ in self._events)]

    @property
    def most(self) -> pd.Series:
        """The most bytes of each category, each at a moment of its own."""
        return self.timeline[list(CATEGORIES)].max()

    @property
    def peak(self) -> pd.Series:
        """The bytes of each category at the moment with the highest total."""
        frame = self.timeline
        return frame.loc[frame["total"].idxmax(), list(CATEGORIES)].astype("int64")

    def at(self, phase: str) -> pd.Series:
        """The bytes of each category at the end of a phase; "start" is what was there before.

        A phase in which nothing came or went looks as the moment before it. Raises ValueError for an unknown one.
        """
        order = list(dict.fromkeys(name for name, _ in self._moments))
        if phase not in order:
            raise ValueError(f"Nobody marked a phase {phase!r}. There are: {', '.join(order)}.")
        frame = self.timeline
        until = frame["phase"].isin(order[: order.index(phase) + 1])
        return frame.loc[until, list(CATEGORIES)].iloc[-1].astype("int64")

    # Booking

    def _book(self, tensor: Tensor, kind: int) -> None:
        storage = tensor.untyped_storage()
        known = self._live.get(storage._cdata)
        if known is not None:
            number = known[0]
            self._kinds[number] = min(self._kinds[number], kind)
            return
        address, number, size = storage._cdata, len(self._kinds), storage.nbytes()
        self._kinds.append(kind)

        def gone(_: Any) -> None:
            del self._live[address]
            self._events.append((number, -size, len(self._moments) - 1))

        self._live[address] = number, weakref.ref(storage, gone)
        if self._open and kind == TEMPORARIES:
            self._events.append((number, size, len(self._moments) - 1))
            if _runs_again():
                self._recomputed.append(number)
        else:  # met for the first time by another way than an operation: it was there all the time
            self._before.append((number, size))

    def _book_state(self) -> None:
        for tensor in _tensors(self.optimizer.state if self.optimizer is not None else None):
            self._book(tensor, STATE)

    def _book_recomputed(self) -> None:
        """The block has run again: what is still there of it is kept for its own backward pass."""
        there = {number for number, _ in self._live.values()} if self._recomputed else set()
        for number in there.intersection(self._recomputed):
            self._kinds[number] = min(self._kinds[number], ACTIVATIONS)
        self._recomputed.clear()

    def _gradient_is_there(self, parameter: Tensor) -> None:
        for tensor in _tensors(parameter.grad):
            self._book(tensor, GRADIENTS)

    def _save(self, tensor: Tensor) -> Tensor:
        known = tensor.untyped_storage()._cdata in self._live
        self._book(tensor, ACTIVATIONS if known else INPUTS)
        return tensor

    def is_parameter(self, tensor: Any) -> bool:
        """Whether the memory of a tensor is a parameter's."""
        known = self._live.get(tensor.untyped_storage()._cdata) if isinstance(tensor, Tensor) else None
        return known is not None and self._kinds[known[0]] == PARAMETERS

    # Where the step is

    def _remove_later(self, handle: Any) -> None:
        self._stack.callback(handle.remove)

    def _now_in(self, path: str) -> None:
        self._moments.append((self._moments[-1][0], path))

    def _entering(self, path: str) -> Callable[..., None]:
        return lambda module, inputs: self._now_in(path)

    def _leaving(self, path: str) -> Callable[..., None]:
        def leaving(module: nn.Module, inputs: Any, output: Any) -> None:
            self._now_in(path.rpartition(".")[0])
            last = next((t.grad_fn for t in _tensors(output) if t.grad_fn is not None), None)
            nothing_done = last in [t.grad_fn for t in _tensors(inputs)]  # such as dropout at a rate of 0
            if last is not None and not nothing_done:  # its last operation is the first that backward meets
                last.register_prehook(lambda gradients: self._now_in(path) if self._open else None)

        return leaving


class _EveryOperation(TorchDispatchMode):
    """Shows the ledger every tensor that an operation returns."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not _runs_again():
            self.ledger._book_recomputed()
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            self.ledger._book(tensor, TEMPORARIES)
        if func is torch.ops.aten._to_copy.default and self.ledger.is_parameter(args[0]):
            self.ledger._book(result, COPIES)
        return result


def _runs_again() -> bool:
    """Whether a checkpointed block is running again: within a backward pass, only it computes with gradients on."""
    return torch._C._current_graph_task_id() != -1 and torch.is_grad_enabled()


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in a value, inside lists, tuples and mappings (a model's output is one) too.

    A sparse one has no memory of its own: it is two tensors that have.
    """
    if isinstance(value, Tensor):
        yield from (value._indices(), value._values()) if value.is_sparse else (value,)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


def one_step(model: nn.Module, batch: Any, loss: Loss, optimizer: torch.optim.Optimizer) -> None:
    """Forward, backward, step, and the gradients thrown away. `loss(model, batch)` returns a scalar."""
    loss(model, batch).backward()
    optimizer.step()
    optimizer.zero_grad()


def second_step(
    model: nn.Module, batch: Any, loss: Loss, optimizer: torch.optim.Optimizer, steps_before: int = 1
) -> Ledger:
    """`one_step`, and a second one with a ledger open: an optimizer makes its state at the end of the first.

    The phases of the ledger are "forward", "backward", "step" and "zero_grad".
    """
    for _ in range(steps_before):
        one_step(model, batch, loss, optimizer)
    with Ledger(model, optimizer, batch) as ledger:
        ledger.mark("forward")
        value = loss(model, batch)
        ledger.mark("backward")
        value.backward()
        ledger.mark("step")
        optimizer.step()
        ledger.mark("zero_grad")
        optimizer.zero_grad()
    return ledger
