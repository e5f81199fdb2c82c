"""What readers do to a notebook that its author never does: the course holds."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
import tiny_notebook

from course_utils.commands import run_notebooks
from course_utils.commands.run_notebooks import find
from course_utils.paths import DATA, ROOT

HELPERS = Path(tiny_notebook.__file__).parent
SECTION = [tiny_notebook.TRAIN, tiny_notebook.RECORD, tiny_notebook.STATEMENTS]


def copy_course(folder: Path) -> Path:
    """A copy of the repository, as far as a notebook needs it. What ships is linked where that is possible."""
    shutil.copytree(
        ROOT / "course_utils", folder / "course_utils", ignore=shutil.ignore_patterns("__pycache__")
    )
    try:
        (folder / "data").symlink_to(DATA, target_is_directory=True)
    except OSError:  # Windows, without the right to make links
        shutil.copytree(DATA, folder / "data")
    return folder


def rows(build: Path) -> list[dict]:
    lines = (build / "results" / "bundled" / f"{tiny_notebook.NAME}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in lines.splitlines()]


def printed(run: run_notebooks.Run) -> str:
    outputs = [output for cell in run.executed.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def plain(
    notebook: Path, course: Path = ROOT, before: Callable[[], None] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a notebook in a process of its own, without a kernel, with the copy of the course in `course`."""
    clean = {name: value for name, value in os.environ.items() if name not in environment}
    clean |= {"PYTHONPATH": str(course), "IPYTHONDIR": str(notebook.parent / "ipython"), **environment}
    return subprocess.run(
        [sys.executable, str(HELPERS / "tiny_notebook.py"), str(notebook)],
        env={name: value for name, value in clean.items() if value},
        cwd=notebook.parent, preexec_fn=before, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


# --- Run All twice in one kernel, a section again, a path that is not plain ASCII ---


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[run_notebooks.Run, Path]:
    """Run All, Run All, and a section again, in one kernel, in a folder with spaces and accents."""
    course = copy_course(tmp_path_factory.mktemp("Kurs für alle é 'x'") / "course")
    where = "import course_utils; print('from', course_utils.__file__)"
    sources = [*tiny_notebook.cells(), *tiny_notebook.cells(), *SECTION, where]
    notebook = tiny_notebook.write(course / "notebooks" / "01_tiny.ipynb", sources)
    return run_notebooks.run(
        notebook, build=course / "build", environment={"PYTHONPATH": str(course)}
    ), course


def test_run_all_twice_and_a_section_again(twice: tuple[run_notebooks.Run, Path]) -> None:
    run, course = twice
    assert run.error == ""
    losses = re.findall(r"losses .*", printed(run))
    assert len(losses) == 3 and len(set(losses)) == 1
    found = rows(course / "build")
    assert len(found) == 3 and len({row["value"] for row in found}) == 1
    tables = re.findall(r"^tiny .*", printed(run), re.MULTILINE)
    assert len(tables) == 3 and all(" 1 " in table for table in tables), "a run that is repeated counts once"


def test_a_path_with_spaces_and_accents(twice: tuple[run_notebooks.Run, Path]) -> None:
    run, course = twice
    assert run.error == "" and f"from {course}" in printed(run)


# --- a working directory that vanishes, a locale that is not UTF-8, a run that is killed in the middle of `fit` ---


def vanish(folder: Path) -> str:
    """A cell that goes to a folder, and deletes it."""
    folder.mkdir()
    return f"import os, shutil\nos.chdir({str(folder)!r})\nshutil.rmtree({str(folder)!r})"


KILLED = """
import os, signal
from course_utils.training import checkpoints
checkpoints.SAVE_SECONDS = 0
calls = 0


def loss_fn(outputs, batch):
    global calls
    calls += 1
    if calls == 6 and to_be_killed:
        os.kill(os.getpid(), signal.SIGKILL)
    return training.gold_loss(outputs, batch)


def fit(**where):
    student = models.new_classifier("student", labels, tokenizer, seed=session.seed())
    how = {"steps": 9, "learning_rate": 1e-3, "loss_fn": loss_fn, "progress": False}
    return training.fit(student, loader, loader, eval_every=4, **how, **where)


process = os.fork()
to_be_killed = process == 0
if not to_be_killed:
    print("killed by", os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
history = fit(checkpoint=paths.BUILD / "checkpoint")
print("steps after the kill:", calls)
whole = fit()
print("the same:", history.losses == whole.losses and history.metrics == whole.metrics, len(whole.losses))
"""


@pytest.fixture(scope="module")
def battered(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """The output of one process in which all three happen (loading the libraries is what takes time), and its
    build folder."""
    folder = tmp_path_factory.mktemp("battered")
    setup, imports, *others = tiny_notebook.cells()
    sources = [vanish(folder / "a"), setup, imports, vanish(folder / "b"), *others]
    # Elsewhere a process with torch in it cannot be forked safely.
    sources += [KILLED] * (sys.platform == "linux")
    notebook = tiny_notebook.write(folder / "01_tiny.ipynb", sources)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
    done = plain(notebook, COURSE_BUILD=str(folder / "build"), OMP_NUM_THREADS="1", **ascii_only)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, folder / "build"


def test_the_working_directory_may_vanish(battered: tuple[str, Path]) -> None:
    """Before the set-up cell, and after the imports."""
    shown, build = battered
    assert "is gone" in shown and len(rows(build)) == 1


def test_a_locale_that_is_not_utf8(battered: tuple[str, Path]) -> None:
    """What cannot be shown is a question mark; result rows are in UTF-8 all the same."""
    shown, build = battered
    assert shown.isascii() and "share ? 1" in shown
    assert "\u2264" in (build / "results" / "bundled" / f"{tiny_notebook.NAME}.jsonl").read_text(
        encoding="utf-8"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="a process with torch cannot be forked safely here")
def test_a_run_killed_in_the_middle_of_fit_goes_on_from_its_checkpoint(battered: tuple[str, Path]) -> None:
    shown, build = battered
    assert f"killed by {-signal.SIGKILL}\n" in shown
    assert "steps after the kill: 5\n" in shown  # four of nine were saved: a save waits for the next loss
    assert "the same: True 9\n" in shown
    assert not list((build / "checkpoint").iterdir())


# --- nothing can be written beside the notebook ---


def drop_the_right_to_write_anywhere() -> None:
    """For root, whom file modes do not bind: give up CAP_DAC_OVERRIDE (1) for the program that follows."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.mark.skipif(
    sys.platform == "win32" or (is_root() and sys.platform != "linux"),
    reason="file modes do not stop a writer here",
)
def test_a_course_that_cannot_be_written_to_writes_to_the_readers_home(tmp_path: Path) -> None:
    course, home = copy_course(tmp_path / "course"), tmp_path / "home"
    notebook = tiny_notebook.write(course / "notebooks" / "01_tiny.ipynb", tiny_notebook.cells())
    home.mkdir()
    folders = [course, course / "course_utils", course / "notebooks"]
    for folder in folders:
        folder.chmod(0o555)
    before = sorted(course.rglob("*"))
    try:
        drop = drop_the_right_to_write_anywhere if is_root() else None
        done = plain(notebook, course, drop, COURSE_BUILD="", HOME=str(home), IPYTHONDIR=str(home))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert done.returncode == 0, done.stdout + done.stderr
    build = home / "small-cheap-lm-build"
    (told,) = [line for line in done.stdout.splitlines() if "cannot be written" in line]
    assert str(course / "build") in told and f"go to {build}." in told
    assert len(rows(build)) == 1
    assert sorted(course.rglob("*")) == before


def build_folder(**environment: str) -> list[str]:
    """The folder that the course chooses, and the one that it would have liked to take."""
    code = "from course_utils import paths; print(paths.BUILD, paths.NOT_WRITABLE, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_folder_for_results_is_one_that_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    impossible, home = str(tmp_path / "file" / "build"), str(tmp_path / "file" / "home")
    assert build_folder(COURSE_BUILD=str(tmp_path / "new" / "build")) == [
        str(tmp_path / "new" / "build"),
        "None",
    ]
    assert not (tmp_path / "new").exists(), "choosing makes nothing"
    at_home = build_folder(COURSE_BUILD=impossible, HOME=str(tmp_path), USERPROFILE=str(tmp_path))
    assert at_home == [str(tmp_path / "small-cheap-lm-build"), impossible]
    temporary = {"TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "TMP": str(tmp_path)}
    chosen, wanted = build_folder(COURSE_BUILD=impossible, HOME=home, USERPROFILE=home, **temporary)
    assert Path(chosen).parent == tmp_path and Path(chosen).is_dir() and wanted == impossible


@pytest.mark.parametrize("path", find(), ids=lambda path: path.stem)
def test_a_notebook_writes_only_to_the_folder_for_results(path: Path) -> None:
    source = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    assert not re.search(r"output_dir=[\"']", source), (
        "Trainer makes that folder: give it one under paths.BUILD"
    )
