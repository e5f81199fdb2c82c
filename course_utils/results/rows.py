"""Results as lines of JSON: recorded, appended safely, read back, and signed with the versions and the machine.

A run appends one row a measurement to build/results/<track>/<notebook>.jsonl. Rows that ship lie in data/results/
under the same names; a reader's own are read first.
"""

import functools
import json
import math
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from course_utils import assets, session
from course_utils.paths import BUILD, DATA
from course_utils.training.history import History

Row = dict[str, Any]

RUN = ("notebook", "track", "exhibit", "method", "model", "data", "metric", "extra")
"""What tells one measurement from another, together with the seed."""

FIELDS = (
    "time", "notebook", "track", "exhibit", "method", "model", "data", "seed", "trainable_parameters", "metric",
    "value", "seconds", "peak_bytes", "versions", "machine", "source",
)  # fmt: skip
"""The columns of `load` that every row has. Any other is a setting that a notebook varied."""


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(folder: Path, notebook: str | None, track: str | None) -> list[Row]:
    """All rows of folder/<track>/<notebook>*.jsonl, oldest first in each file; None stands for any.

    Raises ValueError that names the file and the line if a line is no row.
    """
    rows = []
    for path in sorted(folder.glob(f"{track or '*'}/{notebook or ''}*.jsonl")):
        # Not splitlines(): a name may hold U+2028 and the like, which end no line of a file.
        for number, text in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
            if not text.strip():
                continue
            try:
                row = json.loads(text)
                _key(row), row["seed"], row["value"]
            except (ValueError, TypeError, KeyError):
                raise ValueError(f"Line {number} of {path} is not a result row. Delete that line.") from None
            rows.append(row)
    return rows


def line(row: Row) -> str:
    """A row as one line of JSON with its line ending."""
    # .item() turns a NumPy number or a one-element tensor into a plain one.
    return json.dumps(row, ensure_ascii=False, default=lambda value: value.item()) + "\n"


def append(path: Path, row: Row) -> None:
    """Add one line in one write, so that rows of two runs at once never mix and a kill leaves no half line.

    Of several processes that train one model, only the main one writes. Raises OSError where the disk has no room for
    the whole line, and takes back what it wrote of it.
    """
    if not session.is_main_process():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    text = line(row).encode()
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(file).st_size
        os.lseek(file, max(0, size - 1), os.SEEK_SET)
        if os.read(file, 1) not in (b"", b"\n"):  # an editor took the last line ending away
            text = b"\n" + text
        written = os.write(file, text)
        if written < len(text):
            if os.fstat(file).st_size == size + written:  # else another run has added its row since
                os.ftruncate(file, size)
            raise OSError(
                f"The disk of {path.parent} is full, so this result was not recorded. Make room there, and run the "
                "cell again."
            )
    finally:
        os.close(file)


@functools.cache
def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that a result may depend on."""
    packages = ("torch", "transformers", "peft", "datasets")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}}


@functools.cache
def machine() -> dict[str, Any]:
    """The processor, how many cores this process may use, and the device that trains."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    except OSError:  # not Linux
        pass
    device = "mps" if torch.backends.mps.is_available() else "cpu"
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    return {"cpu": cpu, "cores": session.cpus(), "device": device}


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
        "time": now(),
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
        "versions": versions(),
        "machine": machine(),
    }
    append(BUILD / "results" / assets.track() / f"{notebook}.jsonl", row)
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


def record_figure(
    exhibit: str, method: str, metric: str, value: float, *, model: str, data: str, **extra: Any
) -> Row:
    """`record` for a figure of this run that is no score of a training: a ratio, a count of bytes, a difference.

    metric: what was measured, with its unit in brackets. Notebook and seed are the session's.
    """
    return record(
        session.notebook or "scratch",
        exhibit,
        method,
        model=model,
        data=data,
        seed=session.seed(),
        trainable_parameters=0,
        metric=metric,
        value=value,
        seconds=0.0,
        **extra,
    )


def load(notebook: str | None = None, track: str | None = None, own: bool = True) -> pd.DataFrame:
    """The newest row of each measurement, the reader's own first; one column a field, and one for each extra
    setting.

    `notebook` may be the start of a name ("02"). Shipped rows of a measurement that the reader has made too,
    with whatever seeds, are left out: times of two machines do not belong in one mean. With `own=False` there are
    the shipped rows alone. The column `source` says "yours" or "shipped".
    """
    yours = newest(read(BUILD / "results", notebook, track)) if own else []
    made = {_key(row) for row in yours}
    shipped = [row for row in newest(read(DATA / "results", notebook, track)) if _key(row) not in made]
    return as_frame(
        [{**row, "source": "yours"} for row in yours] + [{**row, "source": "shipped"} for row in shipped]
    )


def measured_here(notebook: str, track: str) -> bool:
    """Whether the reader's own results hold a row of this notebook, also where its rows have a setting `source`."""
    return bool(read(BUILD / "results", notebook, track))


def as_frame(rows: list[Row]) -> pd.DataFrame:
    """Rows as a table: one column a field, and one for each extra setting."""
    return pd.DataFrame([{**row, **row["extra"]} for row in rows]).drop(columns="extra", errors="ignore")


def _key(row: Row) -> str:
    return json.dumps([row[name] for name in RUN], sort_keys=True)


def newest(rows: list[Row]) -> list[Row]:
    """The last row of each measurement and seed, in the order in which they were first measured."""
    return list({(_key(row), row["seed"]): row for row in rows}.values())
