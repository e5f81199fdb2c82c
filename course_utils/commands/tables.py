"""Tables made run by run: each run records its rows, and a run that has them is not made again.

On the language model: notebook 10's of templates and of learned prompts, notebook 07's of few examples, and notebook
04's of a chat model distilled. On the multilingual encoder: notebook 09's of transfer between languages. On translators
from random weights: notebook 04's other one. On small students of two encoders: notebook 03's. The GLUE table, which is
made by task, stands in `glue_table.py`.
"""

import time
from typing import Any

from course_utils import assets, session
from course_utils.assets import large_models
from course_utils.paths import BUILD, DATA, write_whole
from course_utils.results import rows
from course_utils.runs import berts_table, chat, few_shot, learned_prompts, templates, transfer, translators

TABLES: dict[str, Any] = {
    "templates": templates,
    "prompts": learned_prompts,
    "few-shot": few_shot,
    "chat": chat,
    "translators": translators,
    "madx": transfer,
    "intermediate": berts_table,
}


def main(name: str, store: bool) -> int:
    """Make the runs of a table of `TABLES` that lack their rows; status 1 where model or data cannot be had.

    A line for each run tells its score and the time left. With `store` the rows become shipped ones.
    """
    session.set_threads()
    session.quiet()
    made_by = TABLES[name]
    if not large_models.ready(made_by.Table.roles, large_models.lacking(gpu=False)):
        return 1
    fill(made_by.Table)
    if store:
        print(f"Stored: {keep(made_by.NAME)}")
    return 0


def fill(kind: Any) -> None:
    """Make the missing runs of a table, if there are any: only then is the model loaded."""
    runs = kind.missing()
    print(f"{len(runs)} runs have no row yet.", flush=True)
    if not runs:
        return
    table, started = kind(), time.monotonic()
    for number, run in enumerate(runs, start=1):
        told = table.make(run)
        left = (time.monotonic() - started) / number * (len(runs) - number)
        print(f"{number:3} of {len(runs)}  {told}. About {duration(left)} left.", flush=True)


def duration(seconds: float) -> str:
    """ "2 h 05 min", "12 min" or "40 s"."""
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes} min" if minutes > 1 else f"{seconds:.0f} s"


def keep(name: str) -> str:
    """For authors: make the newest rows of this table and track the shipped ones, beside those that ship; their file.

    name: the notebook that the rows bear.
    """
    path = DATA / "results" / assets.track() / f"{name}.jsonl"
    folders = (DATA / "results", BUILD / "results")
    found = [row for folder in folders for row in rows.read(folder, name, assets.track())]
    newest = rows.newest(sorted(found, key=lambda row: row["time"]))
    write_whole(path, "".join(rows.line(row) for row in newest))
    return str(path)
