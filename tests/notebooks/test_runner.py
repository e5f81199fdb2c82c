"""The headless run: a notebook that works, one that fails, and what the report and the rows say of them."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.commands import five_seeds, report, run_notebooks, ship
from course_utils.paths import ROOT

RECORD = """
from course_utils import results, session
session.notebook = "NAME"
how = dict(model="student", data="some", trainable_parameters=1, metric="accuracy", seconds=1.0)
seed = session.seed()
for exhibit, method, value in (("E06", "teacher", 0.9), ("E07", "gold labels", 0.5 if seed < 4 else 0.6)):
    results.record("NAME", exhibit, method, value=value, seed=seed, **how)
"""


def write(folder: Path, name: str, *cells: str) -> Path:
    """A notebook of code cells under a title."""
    notebook = new_notebook(cells=[new_markdown_cell(f"# {name}"), *map(new_code_cell, cells)])
    path = folder / f"{name}.ipynb"
    nbformat.write(notebook, path)
    return path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, run_notebooks.Run]:
    """Two notebooks, run once for all tests: the second one fails in its second cell."""
    folder = tmp_path_factory.mktemp("course with a space")
    block = "block = bytearray(b'x' * 150_000_000)\nimport time; time.sleep(0.5)"
    write(folder, "01_works", block, "print('through')")
    write(folder, "02_fails", "x = 1", "x / 0", "print('never')")
    return {
        found.notebook: found
        for found in run_notebooks.run_all(run_notebooks.find(folder), build=folder / "build")
    }


def test_a_notebook_that_works(ran: dict[str, run_notebooks.Run]) -> None:
    works = ran["01_works"]
    assert works.error == ""
    assert works.executed.cells[-1].outputs[0].text == "through\n"
    assert works.peak_bytes > 150_000_000
    assert 0.5 < works.seconds < 120


def test_a_failure_names_its_cell_and_stops_only_its_notebook(ran: dict[str, run_notebooks.Run]) -> None:
    fails = ran["02_fails"]
    assert "cell 2" in fails.error and "x / 0" in fails.error and "ZeroDivisionError" in fails.error
    assert len(fails.error.splitlines()) <= 5
    assert fails.executed.cells[-1].outputs == []


def test_the_report_has_a_page_for_each_and_an_index(
    ran: dict[str, run_notebooks.Run], tmp_path: Path
) -> None:
    index = report.write(list(ran.values()), tmp_path / "report")
    text = index.read_text(encoding="utf-8")
    for name in ran:
        assert f'href="{name}.html"' in text
        assert (index.parent / f"{name}.html").exists() and (index.parent / f"{name}.ipynb").exists()
    assert "ZeroDivisionError" in text
    report.write([ran["01_works"]], tmp_path / "report")
    assert not (index.parent / "02_fails.html").exists(), "a report holds pages of an older run"


def test_the_table_tells_the_outcome(ran: dict[str, run_notebooks.Run]) -> None:
    assert report.row(ran["01_works"])[3:] == ["ok"]
    assert report.row(ran["02_fails"])[3:] == ["FAILED"]


def test_outputs_are_stored_whole_or_not_at_all(ran: dict[str, run_notebooks.Run], tmp_path: Path) -> None:
    path = tmp_path / "01_works.ipynb"
    run_notebooks.store(ran["01_works"], path)
    assert nbformat.read(path, as_version=4).cells[-1].outputs[0].text == "through\n"
    with pytest.raises(ValueError, match="did not run through"):
        run_notebooks.store(ran["02_fails"], tmp_path / "02_fails.ipynb")
    assert [found.name for found in tmp_path.iterdir()] == ["01_works.ipynb"]


def test_a_notebook_runs_in_this_python_whatever_a_kernelspec_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One called "python3" may be left from an environment that was deleted since."""
    stale = {
        "argv": ["/gone/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "language": "python",
    }
    kernelspec = tmp_path / "kernels" / "python3" / "kernel.json"
    kernelspec.parent.mkdir(parents=True)
    kernelspec.write_text(json.dumps({**stale, "display_name": "Python 3"}), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    path = write(tmp_path, "01_where", "import sys, course_utils; print(sys.executable)")
    ran = run_notebooks.run(path, build=tmp_path / "build")
    assert (ran.error, ran.executed.cells[-1].outputs[0].text) == ("", f"{sys.executable}\n")


def test_what_a_slider_shows_is_stored(tmp_path: Path) -> None:
    """And no cell with a widget hangs: nothing answers it while its reply is awaited."""
    cell = "from ipywidgets import interact\ninteract(lambda x: print('x is', x), x=(0, 10));"
    result = run_notebooks.run(write(tmp_path, "01_slides", cell), build=tmp_path / "build", timeout=60)
    assert result.error == ""
    assert [output.get("text") for output in result.executed.cells[-1].outputs] == ["x is 5\n", None]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of another kind")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_whole_run(tmp_path: Path, number: signal.Signals) -> None:
    for name in ("01_waits", "02_waits"):
        write(
            tmp_path,
            name,
            f"open({str(tmp_path / name)!r} + '.started', 'w').close()\nimport time; time.sleep(60)",
        )
    code = (
        "from pathlib import Path; from course_utils.commands import run_notebooks as r; "
        f"r.run_all(r.find(Path({str(tmp_path)!r})), build=Path({str(tmp_path / 'build')!r}))"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE) as process:
        wait_for(tmp_path / "01_waits.started")
        process.send_signal(number)
        assert process.wait(timeout=30) != 0
    assert not (tmp_path / "02_waits.started").exists()


def wait_for(path: Path) -> None:
    until = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < until, f"{path.name} never came"
        time.sleep(0.1)


def test_an_endless_cell_is_stopped(tmp_path: Path) -> None:
    path = write(tmp_path, "03_endless", "while True: pass")
    began = time.monotonic()
    stopped = run_notebooks.run(path, build=tmp_path / "build", timeout=2)
    assert "more than 2 seconds" in stopped.error
    assert time.monotonic() - began < 60


def test_only_selects_and_nothing_selected_is_said(tmp_path: Path) -> None:
    for name in ("02_b", "01_a", "scratch"):
        write(tmp_path, name, "1")
    assert [path.stem for path in run_notebooks.find(tmp_path)] == ["01_a", "02_b"]
    assert [path.stem for path in run_notebooks.find(tmp_path, ["02"])] == ["02_b"]
    with pytest.raises(SystemExit, match="01_a, 02_b"):
        run_notebooks.find(tmp_path, ["07"])


def test_five_seeds_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each seed runs on its own, is not run twice, and its rows are judged and stored."""
    path = write(tmp_path, "02_rows", RECORD.replace("NAME", "02_rows"))
    for module in (five_seeds, ship):
        monkeypatch.setattr(module, "BUILD", tmp_path / "build")
    monkeypatch.setattr(ship, "DATA", tmp_path / "data")
    assert five_seeds.statements(tmp_path, store=True) == 0
    shown = capsys.readouterr().out
    assert "S08  reproduced. Teacher minus student".lower() in shown.lower() and "5 seeds" in shown
    assert "S22  not measured" in shown
    stored = (tmp_path / "data/results/bundled/02_rows.jsonl").read_text(encoding="utf-8").splitlines()
    assert sorted({json.loads(line)["seed"] for line in stored}) == [0, 1, 2, 3, 4]
    path.write_text(path.read_text(encoding="utf-8").replace("results.record", "broken"), encoding="utf-8")
    assert five_seeds.statements(tmp_path) == 0
    assert "0 of 1 notebooks to run" in capsys.readouterr().out


def test_a_seed_that_fails_stores_nothing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "02_breaks", "from course_utils import session", "1 / (session.seed() - 3)")
    monkeypatch.setattr(five_seeds, "BUILD", tmp_path / "build")
    assert five_seeds.statements(tmp_path, store=True) == 1
    shown = capsys.readouterr().out
    assert "FAILED 02_breaks, seed 3" in shown and "stored" not in shown


def test_the_report_is_whole_without_a_network() -> None:
    """Formulas are MathML, no script is fetched, and what is code stays as it was."""
    prose = new_markdown_cell(
        "The loss $T^2$ and\n\n$$\\mathrm{KL}(p)$$\n\nbut `a $x$ b`\n\n```sh\necho $HOME $PATH\n```"
    )
    page = report._page(run_notebooks.Run("01_x", new_notebook(cells=[prose]), 1.0, 0))
    assert page.count("<math") == 2 and "<msup>" in page
    assert "a $x$ b" in page and "$HOME" in page
    assert not re.search(r"<script[^>]+src=", page) and "cdnjs" not in page
    assert prose.source.startswith("The loss $T^2$"), "the notebook itself is left alone"


def test_what_a_stored_run_took_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tables of README.md and docs/workshop.md are made from it. What was not measured is not made up."""
    monkeypatch.setattr(ship, "DATA", tmp_path)
    for name, peak in (("01_a", 3 * 2**20), ("02_b", 0)):
        ship.keep_time(run_notebooks.Run(name, new_notebook(), 12.4, peak))
    kept = json.loads((tmp_path / "results" / "bundled" / "runs.json").read_text(encoding="utf-8"))
    assert {name: (run["seconds"], run.get("peak_mib")) for name, run in kept.items()} == {
        "01_a": (12, 3),
        "02_b": (12, None),
    }
