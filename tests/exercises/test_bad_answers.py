"""Whatever an answer does, it ends in one short message, and the notebook goes on as if nothing had been."""

import _thread
import builtins
import math
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bad_answers
import numpy as np
import pytest
import torch
from bad_answers import BAD, CHANGES, STAND_INS, TURNS, forever

from course_utils import checks
from course_utils.checks import engine, sandbox
from course_utils.checks.engine import Outcome
from course_utils.checks.tasks import Function, observe_tensors

pytestmark = [
    pytest.mark.usefixtures("patient"),
    pytest.mark.filterwarnings("ignore"),  # PyTorch on some of these answers
]

TASKS = {**checks._TASKS, **STAND_INS}
FIRST = checks.exercises()[0]
# Observers differ in what they do with an answer: call it, train with it, call a model with it. Exercises that share
# one are told apart by their references alone, so the first of each, and the stand-ins, go through all that is bad.
OBSERVED = {task.observe: id for id, task in reversed(checks._TASKS.items())}
every_exercise = pytest.mark.parametrize("id", [*OBSERVED.values(), *STAND_INS])
Grade = Callable[[str, Function], Outcome]


def world() -> tuple:
    """All that an answer must leave as it was."""
    return (
        torch.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tobytes(),  # type: ignore[index]
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        list(warnings.filters),
        os.getcwd(),
        dict(os.environ),
        (sys.stdout, sys.stderr, sys.stdin),
        sys.getrecursionlimit(),
        (builtins.len, builtins.input, builtins.exit, builtins.quit, os._exit),
        (torch.softmax, torch.nn.functional.kl_div, torch.nn.Linear, torch.optim.AdamW, math.log, np.sum),
        (torch.Tensor.mean, torch.Tensor.__add__, torch.nn.Module.eval, torch.nn.Embedding.forward),
        (torch.linalg.svd, torch.nn.init.kaiming_uniform_, torch.autograd.grad, random.random),
        (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        [thread.name for thread in threading.enumerate()],
    )


@pytest.fixture
def grade(capfd: pytest.CaptureFixture[str]) -> Grade:
    """Grade an answer, and hold the course to its promises about whatever the answer did."""

    def graded(id: str, answer: Function) -> Outcome:
        engine._expected(TASKS[id])  # the reference's own results are kept from here on
        capfd.readouterr()
        before = world()
        outcome = engine.check(TASKS[id], answer)
        assert world() == before
        assert capfd.readouterr() == ("", "")
        assert outcome.message.isascii()
        assert len(outcome.message) < 3_000 and outcome.message.count("\n") < 50
        sandbox.TIME_LIMIT = 20.0  # the fixture `patient` puts it back
        ids = list(TASKS)
        for other in (id, ids[(ids.index(id) + 1) % len(ids)]):
            assert engine.check(TASKS[other], TASKS[other].reference).status == "right"
        return outcome

    return graded


@pytest.fixture
def hurry(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "TIME_LIMIT", 0.1)
    monkeypatch.setattr(sandbox, "GRACE", 0.1)


# --- every exercise ---


@every_exercise
@pytest.mark.parametrize("bad", BAD)
def test_a_bad_answer_ends_in_one_message(id: str, bad: str, grade: Grade) -> None:
    outcome = grade(id, BAD[bad])
    assert outcome.status == "wrong" and "hint" in outcome.message


@every_exercise
@pytest.mark.parametrize("change", CHANGES)
def test_a_right_result_spoilt_is_named_for_what_it_is(id: str, change: str, grade: Grade) -> None:
    task, log = TASKS[id], list[bool]()
    outcome = grade(id, bad_answers.spoilt(task.reference, CHANGES[change], log))
    if not any(log):
        assert outcome.status == "right"
        pytest.skip(f"nothing in what {id} returns has a {change} to spoil")
    assert outcome.status == "wrong" and "hint" in outcome.message
    if task.observe is observe_tensors:
        assert change in outcome.message


@every_exercise
def test_inputs_changed_in_place_are_noticed_though_the_result_is_right(id: str, grade: Grade) -> None:
    log: list[str] = []
    outcome = grade(id, bad_answers.changing_its_inputs(TASKS[id].reference, log))
    if not log:
        assert outcome.status == "right"
        pytest.skip(f"{id} is given no tensor and no model")
    assert outcome.status == "wrong"
    assert "in place" in outcome.message or "changes them itself" in log


ENDLESS: dict[str, Any] = {
    "a loop": bad_answers.forever,
    "one that catches everything": bad_answers.forever_catching_everything,
    "asleep": bad_answers.asleep,
}


@every_exercise
@pytest.mark.parametrize("endless", ENDLESS)
def test_an_answer_that_never_ends_is_stopped(id: str, endless: str, grade: Grade, hurry: None) -> None:
    before = time.monotonic()
    outcome = grade(id, ENDLESS[endless])
    assert outcome.status == "wrong" and "did not end" in outcome.message
    assert time.monotonic() - before < 5


def vandal(*_: Any) -> None:
    torch.manual_seed(1)
    random.seed(1)
    np.random.seed(1)
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    torch.set_num_threads(7)
    torch.use_deterministic_algorithms(True)
    torch.autograd.set_detect_anomaly(True)
    warnings.simplefilter("error")
    os.chdir("/")
    os.environ["COURSE_TRACK"] = "nowhere"
    os.environ.pop("PATH", None)
    sys.stdout = sys.stderr = None  # type: ignore[assignment]
    sys.setrecursionlimit(50_000)
    builtins.len = builtins.quit = None  # type: ignore[assignment]
    torch.softmax = torch.nn.functional.kl_div = torch.nn.Linear = torch.optim.AdamW = math.log = np.sum = (
        None
    )
    torch.Tensor.mean = torch.Tensor.__add__ = torch.nn.Module.eval = torch.nn.Embedding.forward = None
    torch.linalg.svd = torch.nn.init.kaiming_uniform_ = torch.autograd.grad = random.random = None
    raise ValueError


@every_exercise
def test_an_answer_leaves_the_world_as_it_was(id: str, grade: Grade) -> None:
    assert grade(id, vandal).status == "wrong"


# --- the mechanism ---


def test_a_megabyte_of_printing_is_kept_back(grade: Grade) -> None:
    message = grade(FIRST, BAD["prints a megabyte"]).message
    assert "xxx" in message and "characters more" in message
    many_lines = grade(FIRST, lambda *_: print("\n".join(map(str, range(10_000))))).message
    assert "\n               1\n" in many_lines and "..." in many_lines


def still_turning() -> bool:
    before = TURNS[0]
    time.sleep(0.1)
    return TURNS[0] != before


@pytest.mark.parametrize(
    "endless",
    [
        bad_answers.forever,
        bad_answers.forever_catching,
        bad_answers.forever_catching_everything,
        bad_answers.forever_printing,
    ],
)
def test_an_endless_loop_is_cut(endless: Function, grade: Grade, hurry: None) -> None:
    before = TURNS[0]
    assert "did not end" in grade(FIRST, endless).message
    assert TURNS[0] > before and not still_turning()


def test_what_waits_in_c_code_is_left_behind_and_never_goes_on(grade: Grade, hurry: None) -> None:
    turns = TURNS[0]
    assert "did not end" in grade(FIRST, bad_answers.asleep).message
    time.sleep(1)
    assert TURNS[0] == turns


def test_an_error_whose_text_never_ends_is_named(grade: Grade, hurry: None) -> None:
    class Endless(Exception):
        def __str__(self) -> str:
            forever()
            return ""

    def answer(*_: Any) -> None:
        raise Endless

    assert "Endless" in grade(FIRST, answer).message
    assert not still_turning()


def test_two_checks_at_once_leave_the_process_as_it_was() -> None:
    """Widgets and asyncio check from several threads. Each check replaces streams, `input` and `exit` for its time."""
    id = "logit_kd.kd_loss"
    answers = checks.reference(id), lambda *_: print("heard"), checks.reference(id)
    before = world()
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: [checks.grade(id, answer).status for answer in answers], range(6)))
    assert outcomes == [["right", "wrong", "right"]] * 6
    assert world() == before


def test_an_answer_may_check_another(grade: Grade) -> None:
    """A check that a check makes does not wait for itself."""
    id = "logit_kd.kd_loss"

    def asks(*arguments: Any) -> Any:
        assert checks.grade(id, checks.reference(id)).status == "right"
        return checks.reference(id)(*arguments)

    assert grade(id, asks).status == "right"


def test_the_readers_own_interrupt_still_interrupts() -> None:
    # A shell starts what runs in its background with interrupts ignored; a kernel never ignores them.
    before_the_test = signal.signal(signal.SIGINT, signal.default_int_handler)
    engine._expected(TASKS[FIRST])
    timer = threading.Timer(0.5, _thread.interrupt_main)
    timer.start()
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        checks.grade(FIRST, forever)
    assert time.monotonic() - before < 10
    assert not isinstance(sys.stdout, sandbox.Capture)
    assert not still_turning()
    signal.signal(signal.SIGINT, before_the_test)


def test_a_function_that_does_not_tell_its_parameters_is_no_obstacle(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from math import hypot  # written in C: inspect.signature refuses it

    monkeypatch.setattr(checks, "grade", lambda *_: Outcome("right", "right."))
    assert checks.exercise(FIRST)(hypot) is checks.reference(FIRST)
    assert "the reference stands in" in capsys.readouterr().out
