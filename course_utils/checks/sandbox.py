"""Run a reader's function so that, whatever it does, the notebook goes on.

The function runs in a thread of its own, while the thread that asked waits. That one mechanism works on every
platform, and it settles several things at once. An endless loop is cut by raising an exception in that
thread; one that cannot be cut is put to sleep. PyTorch's grad mode, autocast and default device belong to a
thread, so the function starts with the defaults and cannot leave them changed. A KeyboardInterrupt in the
waiting thread can only be the reader's own Ctrl-C, and one in the other thread only the function's. What it
cannot stop: C code that never returns to Python and keeps the interpreter's lock.
"""

import _thread
import builtins
import ctypes
import io
import math
import os
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, NoReturn

import numpy as np
import torch
from torch import nn

TIME_LIMIT = 5.0  # seconds that one check may take; a right answer needs a few hundredths
GRACE = 0.3  # seconds for a function to end once it is cut
KEPT_CHARACTERS = 2_000  # of what the function prints


class Refused(Exception):
    """The function asked for something that a check cannot give: the keyboard, or the end of the program."""


class Capture(io.TextIOBase):
    """A stream that keeps the first characters written to it and only counts the rest."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.text, self.lost = "", 0

    def writable(self) -> bool:
        return True

    def shown(self) -> str:
        return self.text + (f" ... and {self.lost} characters more" if self.lost else "")

    def write(self, text: str) -> int:
        kept = text[: KEPT_CHARACTERS - len(self.text)]
        self.text += kept
        self.lost += len(text) - len(kept)
        return len(text)


@dataclass(frozen=True)
class Result:
    """How one call ended: what it returned or raised, and the beginning of what it printed."""

    value: Any = None
    error: BaseException | None = None
    printed: str = ""


@dataclass(frozen=True)
class Report:
    """The calls that ended, in order. `cut`: time was over in the next one."""

    results: list[Result]
    cut: bool


_one_at_a_time = threading.Lock()
_this_thread = threading.local()


@contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other thread checks: each check replaces what belongs to the whole process, and puts it back.

    Widgets and asyncio may check from several threads at once. A check inside a check does not wait for itself.
    """
    if hasattr(_this_thread, "makes_calls"):
        yield
        return
    while not _one_at_a_time.acquire(timeout=0.05):  # in small steps, as in `run`
        pass
    try:
        yield
    finally:
        _one_at_a_time.release()


def run(calls: Sequence[Callable[[], Any]], namespace: dict[str, Any], limit: float) -> Report:
    """Make the calls one after the other in a guarded thread, together within `limit` seconds.

    namespace: the globals of the reader's function, where a notebook keeps its own `exit`.
    Raises nothing that a call raises; a Ctrl-C of the reader ends the calls and is raised here.
    """
    capture = Capture()
    results: list[Result] = []
    cutting = threading.Event()
    finished = threading.Lock()

    def work() -> None:
        _this_thread.makes_calls = True
        for call in calls:
            capture.reset()
            try:
                result = Result(value=call())
            except BaseException as error:
                if cutting.is_set():
                    return
                result = Result(error=error)
            results.append(replace(result, printed=capture.shown()))
        finished.release()

    finished.acquire()
    with _alone(), _preserved_state(namespace, capture):
        deadline = time.monotonic() + limit
        # Not threading.Thread: an exception that arrives while its own Python code ends the thread does harm.
        thread = _thread.start_new_thread(work, ())
        done = False
        try:
            # In small steps: on Windows a single long wait cannot be interrupted from the keyboard.
            while not done and time.monotonic() < deadline:
                done = finished.acquire(timeout=0.05)
        finally:
            if not done:
                cutting.set()
                _cut(thread)
    return Report(list(results), not done)


class _Park(SystemExit):
    """Never finishes being made, so that the thread in which it is raised sleeps from then on."""

    def __init__(self) -> None:
        threading.Event().wait()


def _cut(thread: int) -> None:
    """Raise SystemExit in the thread until it ends, and put it to sleep where it does not.

    `except Exception` does not catch SystemExit, and a thread that dies of it prints no traceback. A loop
    around `except BaseException: pass` outlives it. And what waits in C code wakes up later: into the same
    sleep.
    """
    set_exception = ctypes.pythonapi.PyThreadState_SetAsyncExc
    identity, end = ctypes.c_ulong(thread), time.monotonic() + GRACE
    # The call says in how many threads it set the exception: in none once the thread has ended.
    while set_exception(identity, ctypes.py_object(SystemExit)):
        time.sleep(0.01)
        if time.monotonic() > end:
            set_exception(identity, ctypes.py_object(_Park))
            return


def _no_exit(*_: Any, **__: Any) -> NoReturn:
    raise Refused("it tried to end the program with exit()")


def _no_input(*_: Any, **__: Any) -> NoReturn:
    raise Refused("it waits for the keyboard with input(), and a check cannot type")


# What a function may replace. The builtins come first: all else needs them.
_MODULES: tuple[ModuleType, ...] = (
    builtins, math, random, np, np.linalg, np.random, torch, torch.linalg, torch.special, torch.autograd,
    torch.autograd.graph, torch.optim, nn, nn.functional, nn.init, nn.utils,
)  # fmt: skip
_CLASSES = (torch.Tensor, *{kind for kind in vars(nn).values() if isinstance(kind, type)})


def _restore(owner: type, before: dict[str, Any]) -> None:
    """Give a class its attributes of before, and no others."""
    now = dict(vars(owner))
    for name in now.keys() - before.keys():
        delattr(owner, name)
    for name in (name for name, value in before.items() if now.get(name) is not value):
        setattr(owner, name, before[name])


@contextmanager
def _preserved_state(namespace: dict[str, Any], capture: Capture) -> Iterator[None]:
    """Put every global thing that a function may easily change back as it was."""
    streams = sys.stdout, sys.stderr, sys.stdin
    modules = [(vars(module), dict(vars(module))) for module in _MODULES]
    classes = [(owner, dict(vars(owner))) for owner in _CLASSES]
    # A notebook's `exit` is no builtin but a variable, and it would stop the kernel.
    quitters: dict[str, Any] = {name: namespace[name] for name in ("exit", "quit") if name in namespace}
    environment, limit, os_exit = dict(os.environ), sys.getrecursionlimit(), os._exit
    with warnings.catch_warnings(), _preserved_torch(), _preserved_folder():
        sys.stdout, sys.stderr, sys.stdin = capture, capture, io.StringIO("")  # type: ignore[assignment]
        vars(builtins).update(input=_no_input, exit=_no_exit, quit=_no_exit)
        namespace.update(dict.fromkeys(quitters, _no_exit))
        vars(os)["_exit"] = _no_exit
        try:
            yield
        finally:
            for now, before in modules:
                now.update({name: value for name, value in before.items() if now.get(name) is not value})
            for owner, attributes in classes:
                _restore(owner, attributes)
            namespace.update(quitters)
            vars(os)["_exit"] = os_exit
            sys.stdout, sys.stderr, sys.stdin = streams
            sys.setrecursionlimit(limit)
            if dict(os.environ) != environment:
                os.environ.clear()
                os.environ.update(environment)


@contextmanager
def _preserved_torch() -> Iterator[None]:
    """Random states (PyTorch, NumPy, Python), default dtype, threads, anomaly mode. Inside, the dtype is float32."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    anomaly = torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])
        random.setstate(states[2])
        torch.set_default_dtype(dtype)
        torch.set_anomaly_enabled(*anomaly)
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


@contextmanager
def _preserved_folder() -> Iterator[None]:
    try:
        folder = os.getcwd()
    except FileNotFoundError:  # it was removed before we came
        folder = ""
    try:
        yield
    finally:
        with suppress(OSError):
            if folder:
                os.chdir(folder)
