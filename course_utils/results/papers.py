"""The papers' figures (data/results/paper.toml, with their sources), beside our own."""

import functools
import tomllib
from typing import Any

import pandas as pd

from course_utils.paths import DATA


@functools.cache
def _papers() -> dict[str, Any]:
    return tomllib.loads((DATA / "results" / "paper.toml").read_text(encoding="utf-8"))


def paper(exhibit: str) -> pd.DataFrame:
    """The paper's figures for an exhibit, by row name: those on the slides, or the table behind a slide's picture;
    `attrs` holds "source", "measure" and "short".

    Raises ValueError if there are none.
    """
    if exhibit not in _papers():
        raise ValueError(
            f"There are no figures for {exhibit} from a paper. There are for {', '.join(_papers())}."
        )
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
