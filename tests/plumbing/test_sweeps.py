"""Sweeps: what is tried, what is chosen, that no test row is read, and that notebooks ask for rates that there are."""

import json
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from course_utils import assets, data, plots, results
from course_utils.commands import run_notebooks, sweep
from course_utils.models import ladder
from course_utils.paths import write_whole
from course_utils.plots import style
from course_utils.results import rows

NOTEBOOKS = {path.stem: path for path in run_notebooks.find()}


@pytest.mark.parametrize("notebook", assets.swept())
@pytest.mark.parametrize("track", assets.TRACKS)
def test_every_key_has_a_rate(notebook: str, track: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_TRACK", track)
    found = assets.rates(notebook)
    assert found and all(0 < rate < 1 for rate in found.values())
    assert set(assets.swept_rows(notebook)) <= set(found)


@pytest.mark.parametrize("notebook", assets.swept())
def test_a_notebook_asks_for_rates_that_are_listed(notebook: str) -> None:
    cells = nbformat.read(NOTEBOOKS[notebook], as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    asked = set(re.findall(r"RATES\[\"(\w+)\"\]", code))
    assert "RATES" in code and asked <= set(assets.rates(notebook)), asked - set(assets.rates(notebook))
    assert 'entry("encoder").peft_learning_rates' not in code, "a rate that no sweep chose"


@pytest.mark.parametrize("notebook", assets.swept())
def test_rows_tell_how_good_each_rate_is(notebook: str) -> None:
    """Else a sweep would run for an hour and choose nothing. A method that has not shipped yet stands in the code."""
    shipped = results.load(notebook, "bundled", own=False)
    cells = nbformat.read(NOTEBOOKS[notebook], as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    for key, fields in assets.swept_rows(notebook).items():
        names = [
            value.removeprefix("student: baseline + ") for value in fields.values() if isinstance(value, str)
        ]
        written = all(f'"{name}"' in code for name in names)
        assert written or results.score(shipped, fields) is not None, f"no row has {fields} ({key})"


def test_a_run_of_a_sweep_multiplies_every_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    base = assets.tried_rates("06_freezing", 1.0)
    monkeypatch.setenv("COURSE_SWEEP", "3")
    assert assets.rates("06_freezing") == pytest.approx({key: 3 * rate for key, rate in base.items()})


@pytest.mark.parametrize("text", ["fast", "0", "-1", "nan", "inf"])
def test_a_factor_that_is_none_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SWEEP", text)
    with pytest.raises(assets.AssetError, match="positive number"):
        assets.rates("06_freezing")


@pytest.mark.parametrize("role", ["sentiment", "second_task", "ner_english", "translation"])
def test_a_sweep_reads_no_test_row(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    read = Path.open
    monkeypatch.setattr(
        Path, "open", lambda path, *how, **more: (opened.append(path.name), read(path, *how, **more))[1]
    )
    plain = data.load(role)
    assert any(name.startswith("test") for name in opened)
    opened.clear()
    monkeypatch.setenv("COURSE_SWEEP", "1")
    swept = data.load(role)
    assert opened and not any(name.startswith("test") for name in opened)
    without_ids = [{name: split[name] for name in split.column_names if name != "id"} for split in
                   (swept["test"], plain["validation"])]  # fmt: skip
    assert without_ids[0] == without_ids[1]


def test_a_sweep_asks_no_word_of_the_ladder_that_is_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = ladder.words()
    monkeypatch.setenv("COURSE_SWEEP", "1")
    swept = ladder.words()
    assert swept.pairs == plain.pairs and len(swept.held_out) == len(plain.held_out)
    assert not set(swept.held_out) & set(plain.held_out) and swept == ladder.words()


def test_a_task_without_validation_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_SWEEP", "1")
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setattr(assets, "fetch", lambda role: Path("nowhere"))
    with pytest.raises(assets.AssetError, match="no validation rows"):
        data.load("arithmetic")


def test_the_best_mean_is_chosen_and_of_equal_ones_the_lowest_rate() -> None:
    tried = pd.DataFrame(
        [("a", 0.1, 0, 0.5), ("a", 0.1, 1, 0.9), ("a", 0.3, 0, 0.8), ("a", 0.3, 1, 0.8),
         ("b", 0.1, 0, 0.8), ("b", 0.3, 0, 0.8)],
        columns=["key", "rate", "seed", "score"],
    )  # fmt: skip
    assert results.choose(tried) == {"a": 0.3, "b": 0.1}


def test_figures_are_no_scores() -> None:
    made = pd.DataFrame({"method": ["a", "a", "b"], "value": [0.5, 99.0, 75.0], "trainable_parameters": [7, 0, 7],
                         "metric": ["accuracy", "latency (ms)", "sacrebleu"]})  # fmt: skip
    assert results.score(made, {"method": "a"}) == 0.5
    assert results.score(made, {"method": "b"}) == 0.75, "BLEU is no share"
    assert results.score(made, {"method": "a", "rank": 1}) is None


NOTEBOOK = """
from course_utils import assets, results, session
session.notebook = "06_freezing"
for key, fields in assets.swept_rows("06_freezing").items():
    rate = assets.rates("06_freezing")[key]
    row = {"exhibit": "E17"} | fields
    results.record("06_freezing", **row, model="m", data="d", seed=session.seed(), trainable_parameters=1,
                   metric="accuracy", value=1 / (1 + abs(rate - 0.003)), seconds=0.0)
"""


def _course(folder: Path, *code: str) -> Path:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in code])
    nbformat.write(notebook, folder / "06_freezing.ipynb")
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sweep, "BUILD", tmp_path / "build")
    monkeypatch.setattr("course_utils.assets.learning_rates.DATA", tmp_path / "data")
    return tmp_path


def test_a_sweep_runs_chooses_and_stores(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that raises at a rate ends only itself; what ran is not run again; notebooks then get what was chosen."""
    monkeypatch.setattr(sweep, "SEEDS", (0,))  # a run takes seconds: a kernel has to start
    _course(place, "raise ValueError('diverged')", NOTEBOOK)
    assert sweep.sweep(place, store=True) == 0
    kept = json.loads((place / "data/results/sweeps/bundled/06_freezing.json").read_text(encoding="utf-8"))
    base = assets.tried_rates("06_freezing", 1.0)
    for key in assets.swept_rows("06_freezing"):
        around = [float(f"{base[key] * factor:.2g}") for factor in sweep.FACTORS]
        assert kept["chosen"][key] == min(around, key=lambda rate: abs(rate - 0.003))
    assert assets.rates("06_freezing") == base | kept["chosen"]
    shipped = results.sweep("06_freezing")
    assert len(shipped) == len(sweep.FACTORS) * len(sweep.SEEDS) * len(assets.swept_rows("06_freezing"))
    assert shipped["chosen"].sum() == len(sweep.SEEDS) * len(assets.swept_rows("06_freezing"))
    capsys.readouterr()
    _course(place, "the next run would fail")
    assert sweep.sweep(place) == 0
    assert "seed" not in capsys.readouterr().out.splitlines()[0].split(":")[0]


AFTER = """
with open({path!r}, "a") as file:
    file.write("ran\\n")
"""


def test_only_the_first_run_goes_past_the_last_row(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "SEEDS", (0,))
    log = place / "log"
    _course(place, "raise ValueError('diverged')", NOTEBOOK, AFTER.format(path=str(log)))
    assert sweep.sweep(place) == 0
    assert log.read_text(encoding="utf-8") == "ran\n"
    assert sweep.tried("06_freezing")["score"].notna().all()


def test_a_run_that_broke_off_is_made_again(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []

    def dies(path: Path, **_: object) -> run_notebooks.Run:
        ran.append(path.stem)
        return run_notebooks.Run(path.stem, nbformat.v4.new_notebook(), 1.0, 0, "the kernel died")

    monkeypatch.setattr(sweep, "SEEDS", (0,))
    monkeypatch.setattr(run_notebooks, "run", dies)
    _course(place, "pass")
    assert sweep.sweep(place) == sweep.sweep(place) == 1
    assert len(ran) == 2 * len(sweep.FACTORS) and "the kernel died" in capsys.readouterr().out


def test_a_run_without_a_row_chooses_nothing(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed in sweep.SEEDS:
        for factor in sweep.FACTORS:
            folder = place / "build" / "sweeps" / f"times_{factor:g}_seed_{seed}"
            write_whole(folder / "done" / "bundled" / "06_freezing", "")
            row = {"notebook": "06_freezing", "track": "bundled", "exhibit": "E17", "method": "BitFit", "model": "m",
                   "data": "d", "seed": seed, "trainable_parameters": 1, "metric": "accuracy", "value": 0.5,
                   "extra": {}}  # fmt: skip
            rows.append(folder / "results" / "bundled" / "06_freezing.jsonl", row)
    _course(place, "pass")
    assert sweep.sweep(place, store=True) == 1
    assert "no row for full" in capsys.readouterr().out
    assert not (place / "data").exists()


def test_a_notebook_without_a_sweep_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert sweep.sweep(only=["05"]) == 1
    assert "06_freezing" in capsys.readouterr().out


def test_the_picture_fills_the_chosen_point(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures: list = []
    monkeypatch.setattr(style, "show", lambda figure, alt: figures.append((figure, alt)))
    tried = pd.DataFrame(
        [("a", 0.1, 0, 0.5, False), ("a", 0.1, 1, 0.7, False), ("a", 0.3, 0, 0.8, True), ("a", 0.3, 1, 0.9, True)],
        columns=["key", "rate", "seed", "score", "chosen"],
    )  # fmt: skip
    plots.show_sweep(tried, {"a": "method A"})
    ((figure, alt),) = figures
    axes = figure.axes[0]
    (container,) = axes.containers
    assert [list(part) for part in container[0].get_data()] == [[0.1, 0.3], pytest.approx([60, 85])]
    assert [list(part) for part in axes.lines[-1].get_data()] == [[0.3], [85]]
    assert "method A 0.3" in alt
    plots.show_sweep(tried[:0], {"a": "method A"})
    assert "No sweep ships" in capsys.readouterr().out
