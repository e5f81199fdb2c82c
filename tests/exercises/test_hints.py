"""The hints of every exercise, and what is kept of a reader's progress."""

import ast
import inspect
import json
import multiprocessing
import os
import re
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import course_utils
from course_utils import checks
from course_utils.checks import hints, record
from course_utils.checks.record import Entry

IDS = checks.exercises()
FIRST, SECOND = IDS[:2]
NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
every_exercise = pytest.mark.parametrize("id", IDS)


@pytest.fixture(autouse=True)
def kept_in(patient: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    file = tmp_path / "build" / "progress.json"
    monkeypatch.setattr(checks, "_met", set())
    monkeypatch.setattr(record, "FILE", file)
    monkeypatch.setattr(record, "_here", {})
    return file


def bare(code: str) -> str:
    return re.sub(r"\s+", "", code).replace("'", '"')


def solution(id: str) -> list[str]:
    """The reference, in pieces without blanks: each statement, and each value that is returned."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(checks.reference(id)))))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef | ast.ClassDef)
    pieces = []
    for statement in function.body[1:]:  # after the docstring
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt):
                pieces.append(ast.unparse(node))
            if isinstance(node, ast.Return) and node.value is not None:
                pieces.append(ast.unparse(node.value))
    return [bare(piece) for piece in pieces]


# --- what the hints say ---


@every_exercise
def test_an_exercise_has_three_hints_of_a_sensible_length(id: str) -> None:
    texts = hints.of_exercise(id)
    assert len(texts) == 3 == len(set(texts))
    for text, (least, most) in zip(texts, ((40, 300), (80, 520), (25, 700)), strict=True):
        assert least <= len(text) <= most, (len(text), text)
        assert text.isascii(), "not every terminal shows more"
        assert all(len(line) <= 125 for line in text.splitlines())


@every_exercise
def test_the_first_two_hints_do_not_hold_a_line_of_the_solution(id: str) -> None:
    for text in hints.of_exercise(id)[:2]:
        held = [piece for piece in solution(id) if len(piece) > 16 and piece in bare(text)]
        assert not held, text


@every_exercise
def test_the_third_hint_leaves_something_to_do(id: str) -> None:
    third = hints.of_exercise(id)[2]
    assert "..." in third
    code = "".join(line for line in third.splitlines() if line.startswith("    "))
    assert code, "the third hint is nearly the line: it shows code, indented by four blanks"
    assert not all(piece in bare(code) for piece in solution(id))


def test_no_hint_is_for_an_exercise_that_does_not_exist() -> None:
    topics = {id.partition(".")[0] for id in IDS}
    assert {f"{topic}.{name}" for topic in topics for name in hints.of_topic(topic)} == set(IDS)
    for topic in topics:
        assert all(tuple(texts) == hints.STEPS for texts in hints.of_topic(topic).values())


def test_every_stub_has_a_line_above_it_that_says_how_to_ask_and_stands_in_the_courses_order() -> None:
    met = []
    for notebook in NOTEBOOKS:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        for above, cell in zip(cells, cells[1:], strict=False):
            if stub := re.match(r'@exercise\(\s*"([\w.]+)"', "".join(cell["source"])):
                met.append(stub[1])
                assert f'`course_utils.hint("{stub[1]}")`' in "".join(above["source"]), stub[1]
    assert met == IDS


# --- asking for them ---


def asked(capsys: pytest.CaptureFixture[str], *arguments: object, **options: object) -> str:
    capsys.readouterr()
    course_utils.hint(*arguments, **options)  # type: ignore[arg-type]
    return capsys.readouterr().out


def words(text: str) -> str:
    return " ".join(text.split())


def test_each_call_gives_the_next_hint_and_the_last_stays(capsys: pytest.CaptureFixture[str]) -> None:
    for number, text in [*enumerate(hints.of_exercise(FIRST), start=1), (3, hints.of_exercise(FIRST)[2])]:
        shown = asked(capsys, FIRST)
        assert shown.startswith(f"{FIRST}: hint {number} of 3\n")
        assert words(text) in words(shown)
        assert ("last hint" in shown) is (number == 3)
    assert asked(capsys, SECOND).startswith(f"{SECOND}: hint 1 of 3\n")


def test_all_three_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    shown = words(asked(capsys, FIRST, all=True))
    assert all(words(text) in shown for text in hints.of_exercise(FIRST))
    assert record.entries()[FIRST].hints == 3


def test_hints_are_given_after_an_attempt_too(capsys: pytest.CaptureFixture[str]) -> None:
    checks.exercise(FIRST)(lambda *_: None)
    assert "hint 1 of 3" in asked(capsys, FIRST)
    assert record.entries()[FIRST] == Entry("wrong", 1)


def test_code_in_a_hint_keeps_its_lines() -> None:
    shown = hints.laid_out("One two\nthree.\n\n    a = 1\n    b = ...")
    assert shown == "    One two three.\n\n        a = 1\n        b = ..."


def test_an_unknown_id_is_the_error_of_grade() -> None:
    with pytest.raises(checks.UnknownExercise) as by_grade:
        checks.grade("lora.LoRALinaer", print)
    with pytest.raises(checks.UnknownExercise, match="lora.LoRALinear") as by_hint:
        course_utils.hint("lora.LoRALinaer")
    assert str(by_hint.value) == str(by_grade.value)
    assert record.entries() == {}


# --- progress ---


def shown_progress(capsys: pytest.CaptureFixture[str], reset: bool = False) -> list[str]:
    capsys.readouterr()
    course_utils.progress(reset=reset)
    return capsys.readouterr().out.splitlines()


def restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a new kernel knows: the file alone."""
    monkeypatch.setattr(checks, "_met", set())
    monkeypatch.setattr(record, "_here", {})


def test_progress_survives_a_restart(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checks.exercise(FIRST)(checks.reference(FIRST))
    checks.exercise(SECOND)(lambda *_: None)
    course_utils.hint(SECOND)
    course_utils.hint(SECOND)
    restart(monkeypatch)
    lines = shown_progress(capsys)
    assert lines[0].startswith("1 of 5 ")
    assert lines[1].endswith(f"{FIRST}       solved")
    assert lines[2].endswith("tried, 2 hints")
    assert lines[3].endswith("not attempted")
    assert lines[-1].startswith(f"Next: {SECOND}.") and f'course_utils.hint("{SECOND}")' in lines[-1]
    assert "hint 3 of 3" in asked(capsys, SECOND)


def test_what_was_solved_stays_solved() -> None:
    checks.exercise(FIRST)(checks.reference(FIRST))
    checks.exercise(FIRST)(lambda *_: None)
    assert record.entries()[FIRST].status == "right"


def test_the_next_exercise_is_in_the_next_notebook_and_after_the_last_the_one_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for id in IDS[:5]:
        record.add(id, status="right")
    assert shown_progress(capsys)[-1].startswith(f"Next: {IDS[5]}.")
    for id in IDS[6:]:
        record.add(id, status="right")
    checks._met.add("beyond")
    assert shown_progress(capsys)[-1].startswith(f"Next: {IDS[5]}.")
    record.add(IDS[5], status="right")
    assert shown_progress(capsys)[-1] == "Every exercise of the course is solved."


def test_one_line_resets_it(capsys: pytest.CaptureFixture[str], kept_in: Path) -> None:
    checks.exercise(FIRST)(checks.reference(FIRST))
    lines = shown_progress(capsys, reset=True)
    assert "reset" in lines[0] and lines[1].startswith("0 of 5 ")
    assert not kept_in.exists()
    assert shown_progress(capsys, reset=True)[1].startswith("0 of ")  # nothing there to forget


def test_an_untouched_stub_writes_nothing(kept_in: Path) -> None:
    @checks.exercise(FIRST)
    def accuracy(predicted, labels):  # type: ignore[no-untyped-def]
        ...

    assert not kept_in.parent.exists()


BROKEN = ["", "{", "[1]", "null", '"text"', "\x00\x01", '{"a": 1, "b": {"status": "great", "hints": 1}}']


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_forgiven_and_written_anew(content: str, kept_in: Path) -> None:
    kept_in.parent.mkdir()
    kept_in.write_text(content)
    assert record.entries() == {}
    record.add(FIRST, hints=1)
    assert record.entries() == {FIRST: Entry(hints=1)}
    assert json.loads(kept_in.read_text()) == {FIRST: {"status": "not attempted", "hints": 1}}


def test_entries_that_make_no_sense_are_left_out(kept_in: Path) -> None:
    entries = {SECOND: {"status": "right", "hints": 1}}
    for number, hints_read in enumerate((-1, 4, True, "2", None)):
        entries[f"x.{number}"] = {"status": "right", "hints": hints_read}  # type: ignore[dict-item]
    kept_in.parent.mkdir()
    kept_in.write_text(json.dumps(entries))
    assert record.entries() == {SECOND: Entry("right", 1)}


def test_where_nothing_can_be_written_the_kernel_remembers(
    capsys: pytest.CaptureFixture[str], kept_in: Path
) -> None:
    kept_in.parent.write_text("a file where a folder should be")
    checks.exercise(FIRST)(checks.reference(FIRST))
    course_utils.hint(FIRST)
    assert record.entries() == {FIRST: Entry("right", 1)}
    assert shown_progress(capsys, reset=True)[1].startswith("0 of ")


def test_threads_lose_nothing_of_each_other(kept_in: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda id: record.add(id, status="wrong", hints=2), IDS))
    assert record.entries() == dict.fromkeys(IDS, Entry("wrong", 2))
    assert [path.name for path in kept_in.parent.iterdir() if path.suffix == ".part"] == []


def add_a_hundred(name: str) -> None:
    for number in range(100):
        record.add(f"{name}.{number}", hints=1)


@pytest.mark.skipif(
    not hasattr(os, "fork"), reason="a new process would first import torch, which takes long"
)
def test_two_kernels_keep_each_others_exercises() -> None:
    fork = multiprocessing.get_context("fork")
    kernels = [fork.Process(target=add_a_hundred, args=(name,)) for name in "ab"]
    for kernel in kernels:
        kernel.start()
    for kernel in kernels:
        kernel.join(60)
    assert [kernel.exitcode for kernel in kernels] == [0, 0]
    assert len(record.entries()) == 200


def test_a_run_without_a_reader_shows_and_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, kept_in: Path
) -> None:
    record.add(FIRST, status="right")
    from course_utils.commands import run_notebooks

    assert run_notebooks._environment(kept_in.parent, None)["COURSE_PROGRESS"] == "off"
    monkeypatch.setattr(record, "FILE", None)  # what that setting makes of it
    assert record.entries() == {}
    record.add(SECOND, hints=1)
    assert record.entries() == {SECOND: Entry(hints=1)}
    record.clear()
    assert record.entries() == {}
