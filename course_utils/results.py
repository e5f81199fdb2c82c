"""Results as JSON rows, the papers' figures beside them, and claims that must hold.

A run appends one row a measurement to build/results/<track>/<notebook>.jsonl. Rows that ship lie in
data/results/ under the same names; a reader's own are read first. `data/results/paper.toml` holds the papers'
figures with their source.
"""

import argparse
import functools
import json
import math
import os
import statistics
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils import assets, rowfile, session
from course_utils.exhibits import exhibits_table as exhibits_table
from course_utils.history import History
from course_utils.paths import BUILD, DATA
from course_utils.rowfile import Row

RUN = ("notebook", "track", "exhibit", "method", "model", "data", "metric", "extra")
"""What tells one measurement from another, together with the seed."""
SHARES = ("accuracy", "macro_f1", "seqeval")
"""Metrics from 0 to 1, shown in percent."""


def record(
    notebook: str,
    exhibit: str,
    method: str,
    *,
    model: str,
    data: str,
    seed: int,
    trainable_parameters: int,
    metric: str,
    value: float,
    seconds: float,
    peak_bytes: int | None = None,
    **extra: Any,
) -> Row:
    """Append one measurement to the reader's results, and return the row with track, versions and machine
    added.

    `value` of an accuracy or F1 is a share from 0 to 1. `extra` holds the settings that tell this run from
    another of the same method (`temperature=2`); another measured number is a row of its own. Raises
    ValueError for a value that is not a number.
    """
    if not math.isfinite(value):
        raise ValueError(
            f"The {metric} of {method!r} is {value}, not a number, so there is nothing to record."
        )
    row = {
        "time": rowfile.now(),
        "notebook": notebook,
        "track": assets.track(),
        "exhibit": exhibit,
        "method": method,
        "model": model,
        "data": data,
        "seed": seed,
        "trainable_parameters": trainable_parameters,
        "metric": metric,
        "value": float(value),
        "seconds": round(float(seconds), 3),
        "peak_bytes": peak_bytes,
        "extra": extra,
        "versions": rowfile.versions(),
        "machine": rowfile.machine(),
    }
    rowfile.append(BUILD / "results" / assets.track() / f"{notebook}.jsonl", row)
    return row


def record_fit(
    exhibit: str,
    method: str,
    history: History,
    *,
    model: str,
    data: str,
    seed: int,
    metric: str = "accuracy",
    **extra: Any,
) -> Row:
    """`record` for what `training.fit` returned: this notebook, the metric's last value, what the run cost."""
    return record(
        session.notebook or "scratch",
        exhibit,
        method,
        model=model,
        data=data,
        seed=seed,
        trainable_parameters=history.trainable_parameters,
        metric=metric,
        value=history.final,
        seconds=history.seconds,
        peak_bytes=history.peak_bytes,
        **extra,
    )


def load(notebook: str | None = None, track: str | None = None, own: bool = True) -> pd.DataFrame:
    """The newest row of each measurement, the reader's own first; one column a field, and one for each extra
    setting.

    `notebook` may be the start of a name ("02"). Shipped rows of a measurement that the reader has made too,
    with whatever seeds, are left out: times of two machines do not belong in one mean. With `own=False` there are
    the shipped rows alone. The column `source` says "yours" or "shipped".
    """
    yours = _newest(rowfile.read(BUILD / "results", notebook, track)) if own else []
    made = {_key(row) for row in yours}
    shipped = [
        row for row in _newest(rowfile.read(DATA / "results", notebook, track)) if _key(row) not in made
    ]
    rows = [{**row, "source": "yours"} for row in yours] + [{**row, "source": "shipped"} for row in shipped]
    return pd.DataFrame([{**row, **row["extra"]} for row in rows]).drop(columns="extra", errors="ignore")


def table(rows: pd.DataFrame, index: str | list[str] = "method") -> pd.DataFrame:
    """Rows of `load` laid out for reading: one line for each value of `index`, one column for each metric.

    A cell is the mean over the seeds, with ± the sample standard deviation where there are several. Accuracy
    and F1 are in percent. Raises ValueError if there are no rows, or if a cell would mix different runs.
    """
    if rows.empty:
        raise ValueError("There are no result rows to lay out. Run the cells that train and record first.")
    by = [index] if isinstance(index, str) else index
    lines: dict[str, dict[str, Any]] = {}
    for names, group in rows.groupby(by, sort=False):
        line = lines.setdefault(" · ".join(map(str, names)), {})
        for metric, part in group.groupby("metric", sort=False):
            _refuse_a_mix(part, by)
            share = metric in SHARES
            line[f"{metric} (%)" if share else metric] = mean_and_spread(
                part["value"] * (100 if share else 1)
            )
        runs = group[group["metric"] == group["metric"].iloc[0]]
        line["seeds"] = str(len(runs))
        line["trainable parameters"] = f"{int(runs['trainable_parameters'].iloc[0]):,}"
        line["seconds"] = f"{runs['seconds'].mean():.1f}"
    frame = pd.DataFrame.from_dict(lines, orient="index").fillna("–")
    frame.index.name = " · ".join(by)
    last = ["seeds", "trainable parameters", "seconds"]
    return frame[[column for column in frame if column not in last] + last]


def _refuse_a_mix(part: pd.DataFrame, by: list[str]) -> None:
    """A cell holds one run a seed; two mean that something else differs, and must be a part of the index."""
    if not part["seed"].duplicated().any():
        return
    told = [name for name in part if name not in ("seed", "value", "seconds", "time", "peak_bytes", "source")]
    varying = [str(name) for name in told if part[name].astype(str).nunique() > 1]
    raise ValueError(
        f"Several rows of one seed fall into one cell of this table. They differ in {', '.join(varying)}: "
        f"choose one value first, or add it to index (now {', '.join(by)})."
    )


def mean_and_spread(values: Iterable[float]) -> str:
    """ "81.2 ± 0.4": the mean and the sample standard deviation; the value alone where there is one."""
    numbers = [float(value) for value in values]
    spread = f" ± {statistics.stdev(numbers):.1f}" if len(numbers) > 1 else ""
    return f"{statistics.mean(numbers):.1f}{spread}"


@functools.cache
def _papers() -> dict[str, Any]:
    return tomllib.loads((DATA / "results" / "paper.toml").read_text(encoding="utf-8"))


def paper(exhibit: str) -> pd.DataFrame:
    """The figures that the slides show for an exhibit, by row name; `attrs` holds "source", "measure" and
    "short".

    Raises ValueError if the slides show none.
    """
    if exhibit not in _papers():
        raise ValueError(f"The slides show no figures for {exhibit}. They do for {', '.join(_papers())}.")
    found = _papers()[exhibit]
    frame = pd.DataFrame(found["rows"]).set_index("name")
    frame.attrs.update({name: found[name] for name in ("source", "measure", "short")})
    return frame


def beside_paper(frame: pd.DataFrame, exhibit: str, column: str, rows: dict[str, str]) -> pd.DataFrame:
    """`frame` with the paper's `column` added. `rows` maps a row of `frame` to the paper's row that it
    reproduces.

    Rows without a counterpart get a dash; `attrs["source"]` names the paper. Raises ValueError if a row or
    the column does not exist.
    """
    figures = paper(exhibit)
    unknown = [name for name in rows if name not in frame.index]
    unknown += [name for name in rows.values() if name not in figures.index]
    if unknown or column not in figures:
        raise ValueError(
            f"Not found: {', '.join(unknown) or column}. The paper's rows for {exhibit} are "
            f"{', '.join(figures.index)}; its columns are {', '.join(figures.columns)}."
        )
    beside = frame.copy()
    beside[f"paper: {column}"] = [
        figures.loc[rows[name], column] if name in rows else "–" for name in frame.index
    ]
    beside.attrs["source"] = figures.attrs["source"]
    return beside


def claim(exhibit: str, text: str, measured: Any, holds: bool) -> None:
    """Write down whether a conclusion of the notebook holds in this run; stop the notebook if it does not.

    measured: the number, or the words, that the reader should see beside the claim. Raises AssertionError if
    `holds` is false, except under COURSE_CLAIMS=record, where all claims of a notebook are gathered.
    """
    row = {
        "time": rowfile.now(),
        "notebook": session.notebook,
        "track": assets.track(),
        "exhibit": exhibit,
        "text": text,
        "measured": measured,
        "holds": bool(holds),
        "seed": session.seed(),
    }
    rowfile.append(BUILD / "results" / "claims.jsonl", row)
    shown = f"{measured:.3f}" if isinstance(measured, float) else measured
    if not holds and os.environ.get("COURSE_CLAIMS") != "record":
        raise AssertionError(
            f"This run does not bear out the claim of {exhibit}: {text} Measured: {shown}. If you changed "
            "something above, that may be why, and it is worth a thought. If not, run again with another "
            "COURSE_SEED."
        )
    print(f"{exhibit}  {'holds' if holds else 'DOES NOT HOLD'}: {text} (measured: {shown})")


def ship(notebook: str) -> list[Path]:
    """For authors: make the newest rows of a notebook ("02") on this track the shipped ones, those of
    `make claims` included."""
    folders = [BUILD / "results", *sorted(BUILD.glob("claims/seed_*/results"))]
    found = [row for folder in folders for row in rowfile.read(folder, notebook, assets.track())]
    files: dict[Path, list[Row]] = {}
    for row in _newest(sorted(found, key=lambda row: row["time"])):
        files.setdefault(DATA / "results" / row["track"] / f"{row['notebook']}.jsonl", []).append(row)
    for path, lines in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.write_text("".join(rowfile.line(row) for row in lines), encoding="utf-8")
        os.replace(part, path)
    return list(files)


def _key(row: Row) -> str:
    return json.dumps([row[name] for name in RUN], sort_keys=True)


def _newest(rows: list[Row]) -> list[Row]:
    """The last row of each measurement and seed, in the order in which they were first measured."""
    return list({(_key(row), row["seed"]): row for row in rows}.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make the newest rows of a notebook the shipped ones.")
    parser.add_argument(
        "--ship", metavar="NN", required=True, help="the start of the notebook's name, e.g. 02"
    )
    for shipped_file in ship(parser.parse_args().ship) or sys.exit("No rows of that notebook. Run it first."):
        print(shipped_file)
