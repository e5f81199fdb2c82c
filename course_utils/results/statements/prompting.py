"""Tests of notebook 10's statements, and of the recap's on speed: wordings, learned prompts, prefixes."""

import functools

import pandas as pd

from course_utils.results.papers import paper
from course_utils.results.statements.asking import Part, Parts, among, by_seed, minus, scores, track_of

SIZES = ("15k", "60k", "150k", "600k", "1800k")
TASKS = ("reverse", "shift + head")
ROOM = 97
"""A rung has room to fall while neither method is above this accuracy (%)."""
EMPTY = pd.Series(dtype=float)


def templates(rows: pd.DataFrame) -> Parts:
    """S39."""
    found = among(rows, exhibit="E22", data="MultiArith")
    kinds = paper("E22")["category"]
    mean = {
        kind: by_seed(found[found["method"].map(kinds) == kind]) if len(found) else EMPTY
        for kind in ("instructive", "misleading", "irrelevant")
    }
    return {
        f"instructive minus {kind} templates (points)": Part(minus(mean["instructive"], mean[kind]), above=0)
        for kind in ("misleading", "irrelevant")
    }


def wordings(rows: pd.DataFrame) -> Parts:
    """S40. Best and worst are those with the highest and the lowest mean over the seeds."""
    found = among(rows, exhibit="E22", metric="accuracy")
    by_wording: dict[str, pd.Series] = {}
    if len(found) and track_of(rows) == "real":
        found = found[
            found["method"].str.startswith("wording: ") & found["data"].str.endswith("test reviews")
        ]
        by_wording = {str(name): by_seed(part) for name, part in found.groupby("method")}
    elif len(found):  # every one of these asks for the word backwards
        found = found[found["method"].isin(["known", "instructive"])]
        by_wording = {str(name): by_seed(part) for name, part in found.groupby("template")}
    order = sorted(by_wording, key=lambda name: float(by_wording[name].mean()))
    values = minus(by_wording[order[-1]], by_wording[order[0]]) if order else EMPTY
    return {"best minus worst wording of one request (points)": Part(values, above=20)}


def both(rows: pd.DataFrame, task: str, size: str) -> list[pd.Series]:
    """Model tuning and prompt tuning on one rung, by seed."""
    return [scores(rows, "E23", method, task, size=size) for method in ("model tuning", "prompt tuning")]


def fall(rows: pd.DataFrame, task: str, first: str, last: str) -> pd.Series:
    """How far the gap between the two falls from one rung to another, by seed."""
    return minus(minus(*both(rows, task, first)), minus(*both(rows, task, last)))


def closing(rows: pd.DataFrame) -> Parts:
    """S41. A task counts where at least two rungs have room."""
    parts = {}
    for task in TASKS:
        tuned = {size: both(rows, task, size) for size in SIZES}
        room = [size for size, pair in tuned.items() if all(len(v) and v.mean() <= ROOM for v in pair)]
        if len(room) > 1:
            again = functools.partial(fall, task=task, first=room[0], last=room[-1])
            name = f"gap at {room[0]} minus gap at {room[-1]}, {task} (points)"
            parts[name] = Part(again(rows), above=0, again=again)
    return parts or {
        "gap at the smallest minus gap at the largest rung with room (points)": Part(EMPTY, above=0)
    }


def learned(rows: pd.DataFrame) -> Parts:
    """S42. A written prompt has one score: nothing of it is drawn with the seed."""
    parts = {}
    settings = {"num_virtual_tokens": 20} if track_of(rows) == "real" else {"size": SIZES[2]}
    for data in ("NusaX, English",) if track_of(rows) == "real" else TASKS:
        written = scores(rows, "E23", "best of sixteen written prompts", data)
        tuned = scores(rows, "E23", "prompt tuning", data, **settings)
        values = tuned - written.mean() if len(written) else EMPTY
        parts[f"learned minus the best of sixteen written prompts, {data} (points)"] = Part(values, above=0)
    return parts


def modular(rows: pd.DataFrame) -> Parts:
    """S43."""
    lead = scores(rows, "E24", "own prompt over any other task's", metric="points, least of the tasks")
    return {"its own prompt minus the next best, least of the tasks (points)": Part(lead, above=0)}


def prefix(rows: pd.DataFrame) -> Parts:
    """S44."""
    parts = {}
    for data in ("NusaX, English",) if track_of(rows) == "real" else TASKS:
        deep = among(rows, exhibit="E25", method="prefix tuning", data=data)
        flat = among(rows, exhibit="E23", method="prompt tuning", data=data)
        if len(deep):  # a prompt of as many parameters, in front of the same model
            same = {"size": deep["size"].iloc[0]} if track_of(rows) == "bundled" else {}
            flat = among(flat, trainable_parameters=deep["trainable_parameters"].iloc[0], **same)
        values = minus(by_seed(deep), by_seed(flat))
        parts[f"prefix minus prompt, as many parameters, {data} (points)"] = Part(values, above=0)
    return parts


def speed(rows: pd.DataFrame) -> Parts:
    """S45. The first two are measured on a batch of the encoder, the others on one question to a language model."""
    measured_on = {
        "adapters": "encoder, a batch",
        "LoRA, unmerged": "encoder, a batch",
        "prompt of 10": "language model, one question",
        "prefix of 10": "language model, one question",
    }
    metric = "latency (% more than the base)"
    return {
        f"{name} ({where}): latency over the base's (% more)": Part(
            scores(rows, "recap", name, metric=metric), below=10
        )
        for name, where in measured_on.items()
    }


TESTS = {
    "S39": templates, "S40": wordings, "S41": closing, "S42": learned, "S43": modular, "S44": prefix, "S45": speed,
}  # fmt: skip
