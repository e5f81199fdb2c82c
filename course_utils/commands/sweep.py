"""Choosing each method's learning rate on validation rows: a notebook's sweep, run by run."""

import json
from pathlib import Path

import pandas as pd

from course_utils import assets
from course_utils.commands import run_notebooks
from course_utils.paths import BUILD, write_whole
from course_utils.results import choose, rows, score

FACTORS = (0.3, 1.0, 3.0)
SEEDS = (0, 1)


def sweep(folder: Path = run_notebooks.NOTEBOOKS, only: list[str] | None = None, store: bool = False) -> int:
    """Run every notebook that has a sweep with each factor and seed, and print which rate each method gets.

    A run that ended is not run again: broken off and started anew, this goes on with the next. To begin from the start,
    delete build/sweeps. With `store` the choices become those that the notebooks use. Returns 1 where a run gave no row
    for a method, or no notebook has a sweep, else 0.
    """
    paths = [path for path in run_notebooks.find(folder, only) if path.stem in assets.swept()]
    if not paths:
        print(f"None of these notebooks has a sweep. These have one: {', '.join(assets.swept())}.")
        return 1
    failed = False
    for path in paths:
        for seed, factor in ((seed, factor) for seed in SEEDS for factor in FACTORS):
            _run(path, factor, seed)
        table = tried(path.stem)
        print(report(path.stem, table), flush=True)
        if missing := sorted(table[table["score"].isna()]["key"].unique()):
            print(f"Nothing is chosen: a run gave no row for {', '.join(missing)}. See {BUILD / 'sweeps'}.")
            failed = True
        elif store:
            print(f"stored {keep(path.stem, table)}")
    return int(failed)


def _build(factor: float, seed: int) -> Path:
    return BUILD / "sweeps" / f"times_{factor:g}_seed_{seed}"


class _LastNeeded:
    """Counts a run's code cells. `cells`: how many there were when a swept method's score last changed."""

    def __init__(self, build: Path, notebook: str) -> None:
        self.build, self.notebook = build, notebook
        self.ran, self.cells, self.scores = 0, 0, _scores(build, notebook)

    def __call__(self) -> None:
        self.ran += 1
        if (scores := _scores(self.build, self.notebook)) != self.scores:
            self.cells, self.scores = self.ran, scores


def _run(path: Path, factor: float, seed: int) -> None:
    """One run of a notebook, unless it ended before. A cell that fails at such a rate ends only itself.

    A notebook's first run goes to its end and tells after which cell every method has its rows. The others stop there.
    """
    build = _build(factor, seed)
    done = build / "done" / assets.track() / path.stem
    if done.exists():
        return
    print(f"{path.stem}: rates times {factor:g}, seed {seed}", flush=True)
    environment = {"COURSE_SEED": str(seed), "COURSE_SWEEP": f"{factor:g}"}
    needed, counting = BUILD / "sweeps" / "needed" / assets.track() / path.stem, _LastNeeded(build, path.stem)
    cells = int(needed.read_text(encoding="utf-8")) if needed.exists() else None
    result = run_notebooks.run(
        path, build=build, environment=environment, go_on=True, on_cell=counting, cells=cells
    )
    if result.error:
        print(f"This run broke off, and is made again next time: {result.error}", flush=True)
        return
    if cells is None and counting.cells:
        write_whole(needed, f"{counting.cells}\n")
    write_whole(done, f"{result.seconds:.0f} seconds\n")


def _scores(build: Path, notebook: str) -> dict[str, float | None]:
    """Key of `assets.rates` -> its validation score (a share from 0 to 1) in the rows of one run; None without one."""
    made = rows.as_frame(rows.newest(rows.read(build / "results", notebook, assets.track())))
    return {key: score(made, fields) for key, fields in assets.swept_rows(notebook).items()}


def tried(notebook: str) -> pd.DataFrame:
    """What each rate of each method scored on validation rows, the mean over the method's tasks: columns key, rate,
    seed, score (a share from 0 to 1; NaN where a run gave no row)."""
    found = []
    for factor, seed in ((factor, seed) for factor in FACTORS for seed in SEEDS):
        rates = assets.tried_rates(notebook, factor)
        for key, value in _scores(_build(factor, seed), notebook).items():
            found.append({"key": key, "rate": rates[key], "seed": seed, "score": value})
    return pd.DataFrame(found).astype({"score": float})


def report(notebook: str, table: pd.DataFrame) -> str:
    """A line for each method: its rates with their validation scores in percent."""
    lines = [f"{notebook}: validation score in percent at each learning rate, the mean of {len(SEEDS)} seeds"]
    for key, part in table.groupby("key", sort=False):
        means = 100 * part.groupby("rate")["score"].mean()
        lines.append(f"  {key:18}" + "".join(f"  {rate:g}: {value:.1f}" for rate, value in means.items()))
    return "\n".join(lines)


def keep(notebook: str, table: pd.DataFrame) -> Path:
    """Write a notebook's sweep where `assets.rates` reads it, with the machine that made it; returns the file."""
    path = assets.sweep_file(notebook)
    columns = ("key", "rate", "seed", "score")
    outcome = {
        "machine": rows.machine(),
        "chosen": choose(table),
        "tried": [[row[name] for name in columns] for row in table.round({"score": 4}).to_dict("records")],
    }
    write_whole(path, json.dumps(outcome, indent=1) + "\n")
    return path
