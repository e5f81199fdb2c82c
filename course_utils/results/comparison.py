"""Result rows of many notebooks, side by side where they may stand side by side.

Two rows are comparable if they have the same track, the same data and the same metric, and are runs of a notebook's own
comparison, not of a study that varies one setting.
"""

import math
import re
from typing import Any

import pandas as pd

from course_utils import assets
from course_utils.results import rows as result_rows
from course_utils.results.exhibits import exhibits

NOT_YET = "not measured yet"
FURTHER_DRAWS = 100
"""Second draws of a run have its seed and a hundred, third ones two hundred; only some methods have them."""


def by_method(
    role: str, metric: str = "accuracy", track: str | None = None, own: bool = True
) -> pd.DataFrame:
    """One line for each method that was measured on the data of `role` on `track` (the session's), best first.

    Columns: notebook, exhibit, model, accuracy (the mean over the seeds, %), spread (sample standard deviation),
    seeds, yours (the reader's own accuracy, %; NaN where there is none), trained (parameters), seconds, source
    ("shipped", or "yours" where no run ships). So that all methods have the same seeds, the mean is over the runs
    that ship, and further draws of a seed (100, 101) are left out, and so is a method that only the reader has run,
    on fewer seeds: a lucky one would win. A method that several notebooks measured has the runs of one of them, that
    with the most seeds, of several such the last: their runs are never mixed. Rows with a setting of their own (a
    rank, a temperature) and those of mistakes shown on purpose are left out. With `own=False` there are the shipped
    rows alone.
    """
    track = track or assets.track()
    shipped = _comparable(role, metric, track, own=False)
    rows = _comparable(role, metric, track, own=True) if own else shipped
    yours = rows[rows["source"] == "yours"] if len(rows) else rows
    lines = {}
    for method in dict.fromkeys([*shipped.get("method", []), *yours.get("method", [])]):
        runs, here = (part[part["method"] == method] if len(part) else part for part in (shipped, yours))
        runs = _of_one_notebook(runs if len(runs) else here)
        last = runs.iloc[-1]
        lines[method] = {
            "notebook": last["notebook"][:2],
            "exhibit": last["exhibit"],
            "model": last["model"],
            "accuracy": 100 * runs["value"].mean(),
            "spread": 100 * runs["value"].std(),
            "seeds": len(runs),
            "yours": 100 * _of_one_notebook(here)["value"].mean() if len(here) else math.nan,
            "trained": int(last["trainable_parameters"]),
            "seconds": runs["seconds"].mean(),
            "source": last["source"],
        }
    frame = pd.DataFrame.from_dict(lines, orient="index").rename_axis("method")
    if frame.empty:
        return frame
    alike = (frame["source"] == "shipped") | (frame["seeds"] == frame["seeds"].max())
    return frame[alike].sort_values("accuracy", ascending=False)


def _of_one_notebook(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs of the notebook with the most seeds, of several such the last, one run a seed."""
    _, notebook = max((part["seed"].nunique(), str(name)) for name, part in runs.groupby("notebook"))
    return runs[runs["notebook"] == notebook].drop_duplicates("seed", keep="last")


def elsewhere(role: str) -> pd.DataFrame:
    """The exhibits of notebooks 02 to 11 without a line in `by_method`: what they show, and where they were measured.

    Columns: notebook, title, measured on. What has no row on this track is "not measured yet".
    """
    lines = by_method(role)
    shown = set(lines["exhibit"]) if len(lines) else set()
    rows = result_rows.load(track=assets.track())
    found = rows.groupby("exhibit")["data"].unique().to_dict() if len(rows) else {}
    table = {
        exhibit: {
            "notebook": facts["notebook"],
            "title": facts["title"],
            "measured on": _named(found[exhibit]) if exhibit in found else NOT_YET,
        }
        for exhibit, facts in _earlier().items()
        if exhibit not in shown
    }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("exhibit")


def _earlier() -> dict[str, dict[str, Any]]:
    """The exhibits of the notebooks that teach a method, by id."""
    return {facts["id"]: facts for facts in exhibits() if "02" <= facts["notebook"] <= "11"}


def _named(data: list[str]) -> str:
    names = [str(name) for name in data]
    return "; ".join(names) if len(names) <= 3 else f"{'; '.join(names[:2])} and {len(names) - 2} more"


def _comparable(role: str, metric: str, track: str, own: bool) -> pd.DataFrame:
    rows = result_rows.load(track=track, own=own)
    if rows.empty:
        return rows
    settings = [name for name in rows if name not in result_rows.FIELDS]
    same = (
        (rows["metric"] == metric)
        & rows["exhibit"].isin(_earlier())
        & ~rows["method"].str.contains("(a mistake)", regex=False)
        & rows[settings].isna().all(axis=1)
        & (rows["seed"] < FURTHER_DRAWS)
    )
    on_it = [_on(*pair, role, track) for pair in zip(rows["notebook"], rows["data"], strict=True)]
    return rows[same & pd.Series(on_it, index=rows.index)]


def _on(notebook: str, data: str, role: str, track: str) -> bool:
    """Whether rows that a notebook calls `data` are about the data of `role`.

    A task bears its name ("sentiment"), or, in a notebook with one task, how many sentences were trained on; which data
    set that is on a track is said by the notebook's own roles.
    """
    task = role.partition("_")[0]
    roles = [name for name in assets.notebook_roles(notebook) if name.partition("_")[0] == task]
    ids = {assets.entry(name, track).id for name in roles}
    return ids == {assets.entry(role, track).id} and (
        data == task or bool(re.fullmatch(r"\d+ sentences", data))
    )


def beside_papers(lines: pd.DataFrame) -> pd.DataFrame:
    """For each exhibit of `by_method`'s lines its best method, and what the paper reports. Columns: best here, accuracy
    (%), the paper (in short; a dash where the slides show no figures)."""
    papers = {facts["id"]: facts["paper"] or "–" for facts in exhibits()}
    best = lines.sort_values("accuracy", ascending=False).reset_index().drop_duplicates("exhibit")
    best = best.set_index("exhibit").sort_index()
    told = [papers[exhibit] for exhibit in best.index]
    return pd.DataFrame(
        {"best here": best["method"], "accuracy (%)": best["accuracy"].round(1), "the paper": told}
    )


def for_reading(lines: pd.DataFrame) -> pd.DataFrame:
    """`by_method`, with what was joined to it, rounded for the eye; a dash for what was not measured."""
    digits = {"accuracy": 1, "spread": 1, "yours": 1, "seconds": 1, "stored (kB)": 0, "training peak (MB)": 1}
    rounded = lines.round({**digits, "one sentence (ms)": 2}).astype(object)
    return rounded.where(lines.notna(), "–").drop(columns=["model"])
