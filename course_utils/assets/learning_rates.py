"""The learning rate of each method in a notebook: chosen on validation rows by a sweep, or the catalogue's until then.

A sweep runs a notebook several times with `COURSE_SWEEP=0.3`, say: every rate is multiplied by this factor, and each
data set's validation rows stand where its test rows would (`data.load`).
"""

import functools
import json
import tomllib
from pathlib import Path
from typing import Any

from course_utils.assets.catalog import AssetError, entry, track
from course_utils.paths import DATA, setting

SWEEPS = Path(__file__).with_name("sweeps.toml")


@functools.cache
def _listed() -> dict[str, dict[str, dict[str, Any]]]:
    return tomllib.loads(SWEEPS.read_text(encoding="utf-8"))


def swept() -> list[str]:
    """The notebooks that have a sweep, by name, in order."""
    return sorted(_listed())


def swept_rows(notebook: str) -> dict[str, dict[str, Any]]:
    """Key of `rates` -> the fields of the rows that tell how good its rates are. Without the keys that name none."""
    listed = _listed()[notebook].items()
    fields = {key: {name: row[name] for name in row if name != "base"} for key, row in listed}
    return {key: row for key, row in fields.items() if row}


def sweep_factor() -> float | None:
    """What this run of a sweep multiplies every rate by, from COURSE_SWEEP; None outside a sweep.

    Raises AssetError for what is no positive number.
    """
    text = setting("COURSE_SWEEP")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise AssetError(
            f"COURSE_SWEEP is {text!r}. It must be a positive number, which every learning rate is multiplied by.\n"
            "Next: remove it, and restart the kernel. `python -m course_utils sweep` sets it by itself."
        )
    return value


def tried_rates(notebook: str, times: float) -> dict[str, float]:
    """Key -> the learning rate that the notebook's sweep tries at this factor, rounded to two digits."""
    found = {}
    for key, row in _listed()[notebook].items():
        found[key] = float(f"{_rate(row['base']) * times:.2g}")
    return found


def _rate(base: str | float) -> float:
    """The rate that `base` in sweeps.toml stands for."""
    if isinstance(base, float):
        return base
    role, _, name = base.partition(".")
    model = entry(role)
    return model.peft_learning_rates[name] if name else model.recipe["learning_rate"]


def sweep_file(notebook: str) -> Path:
    """Where the outcome of a notebook's sweep on this track is kept."""
    return DATA / "results" / "sweeps" / track() / f"{notebook}.json"


def rates(notebook: str) -> dict[str, float]:
    """Key of sweeps.toml -> the learning rate for AdamW with which a notebook ("06_freezing") trains that method.

    The rates that the notebook's sweep chose on this track, or the catalogue's where it has none. In a run of a sweep,
    the catalogue's times the run's factor.
    """
    path, times = sweep_file(notebook), sweep_factor()
    found = tried_rates(notebook, times or 1.0)
    if times is None and path.exists():
        found |= json.loads(path.read_text(encoding="utf-8"))["chosen"]
    return found
