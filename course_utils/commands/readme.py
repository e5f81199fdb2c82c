"""The measured parts of README.md, docs/results.md and docs/workshop.md, written from what ships in `data/results/`:
nobody types a number twice."""

import base64
import itertools
import json
import re
from pathlib import Path
from typing import Any

from course_utils.assets import TRACKS
from course_utils.commands import real_track, report, verdict_tables
from course_utils.paths import DATA, ROOT
from course_utils.results import SHARES, by_task, load, mean_and_spread, rows
from course_utils.runs import glue

README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "results.md"
WORKSHOP = ROOT / "docs" / "workshop.md"
REAL_TRACK = ROOT / "docs" / "real-track.md"
SERVER_MIB = 90  # resident memory of the server of JupyterLab 4.6.6, measured, without a kernel
RESOURCES = {"seconds": "s", "peak_mib": "MiB"}
BLOCK = "<!-- {name}: written by python -m course_utils readme -->\n"
END = "<!-- end -->"
PICTURE = ROOT / "docs" / "choosing.png"
RESULTS_HEAD = """# Every result that ships

Written by `python -m course_utils readme` from `data/results/`.

## The exhibits

Every table and figure of the slides, the notebook that reproduces it, what the papers report, and what became of the
statements that the slides make with it.

{exhibits}
## Every statement

What the slides say, in our words, and when it counts as reproduced: that was fixed before the runs. A statement is
*reproduced* if its test holds for the mean over the seeds and the 95 % interval does not reach the other side of its
bound, *not settled* if the interval holds the bound, and *not reproduced* if it fails. Of several parts the worst
decides. With fewer than three seeds nothing is reproduced. Where runs are missing that the test needs, the statement is
*not measured*, and no weaker test stands in for it. What follows from arithmetic or code is an *identity*: a notebook
asserts it. After a verdict comes the part that decides: mean [95 % interval], seeds.

{counts}
The notebooks' learning rates are the catalogue's, on both tracks: not every method has had the same number of tries.
In the long tables (few examples, learned prompts, chat, translators, MAD-X between languages) every method has.

{statements}
# Every row

A cell is the mean of the metric over runs with
different seeds, ± the sample standard deviation, and in brackets the number of runs. Shares are in percent.
"""
GLUE_HEAD = """
## Ways of fine-tuning on tasks of GLUE

Notebooks 06, 08 and 11 set this table beside the papers'. All of it is on the real track, and in percent: {metrics}.
Training examples: {examples}. "trained" counts the head too.

{table}

The learning rate of each method was chosen by its validation score, with seed 0:

{tries}
"""


def notebooks() -> str:
    """A table of the notebooks: topic, Colab's address, exercises, and the minutes that it took when its shipped
    outputs and results were made."""
    runs = {track: _json(DATA / "results" / track / "runs.json") for track in TRACKS}
    rows = []
    for path in _notebooks():
        times = [runs[track].get(path.stem) for track in TRACKS]
        shown = [f"{run['seconds'] / 60:.1f} min" if run else "–" for run in times]
        cells = _cells(path)
        exercises = sum(cell.count("@exercise(") for cell in cells)
        colab = re.findall(r"^\[!\[Open in Colab\]\S+\]\((\S+)\)", cells[0], re.MULTILINE)[0]
        rows.append([f"[{_title(path)}](notebooks/{path.name})", f"[Colab]({colab})", str(exercises), *shown])
    header = ["notebook", "open in", "exercises", *(f"{track} track" for track in TRACKS)]
    return f"{report.table(header, rows)}\n\nThe times are those of *Run All*. {_measured_on(runs)}\n"


def _measured_on(runs: dict[str, dict[str, Any]]) -> str:
    """On which machines the runs were timed."""
    machines = sorted({str(run["machine"]) for track in TRACKS for run in runs[track].values()})
    return f"Measured on: {'; '.join(machines)}. Another machine may take twice as long."


def resources() -> str:
    """A table of what a notebook takes on each track: the seconds of Run All, and the memory of its kernel at most."""
    runs = {track: _json(DATA / "results" / track / "runs.json") for track in TRACKS}
    rows = []
    for path in _notebooks():
        cells = []
        for track in TRACKS:
            run = runs[track].get(path.stem, {})
            cells += [
                f"{run[key]:,} {unit}" if key in run else "not measured" for key, unit in RESOURCES.items()
            ]
        rows.append([_title(path), *cells])
    header = ["notebook", *(f"{what}, {track}" for track in TRACKS for what in ("Run All", "memory"))]
    largest = max((int(run.get("peak_mib", 0)) for run in runs["bundled"].values()), default=0)
    one, two = ((open_at_once * largest + SERVER_MIB) / 1024 for open_at_once in (1, 2))
    text = (
        f"With {SERVER_MIB} MiB for JupyterLab's server, one open notebook of the bundled track takes {one:.1f} GiB "
        f"at most, and two take {two:.1f} GiB.\nFor sixty people that makes {60 * one:.0f} GiB, or {60 * two:.0f} GiB."
    )
    return f"{report.table(header, rows)}\n\n{text} {_measured_on(runs)}\n"


def picture() -> tuple[bytes, str]:
    """The picture of all methods that notebook 12 stores, as a PNG, and its text for those who cannot see it."""
    (path,) = (ROOT / "notebooks").glob("12_*.ipynb")
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                return base64.b64decode(output["data"]["image/png"]), output["metadata"]["image/png"]["alt"]
    raise ValueError(
        f"{path.name} stores no picture. Run it with: python -m course_utils course --only 12 --store"
    )


def results(notebook: str) -> str:
    """A table of a notebook's rows: mean ± standard deviation of each metric over its runs, on each track."""
    lines: dict[tuple[str, str, str, str], dict[str, list[float]]] = {}
    for track in TRACKS:
        for row in rows.read(DATA / "results", notebook, track):
            setting = ", ".join(f"{name} {value}" for name, value in row["extra"].items())
            # Its name on the real track differs only by its size ("500 sentences"): such a line is one method.
            data = "" if row["data"].endswith(" sentences") else row["data"]
            values = lines.setdefault((row["method"], setting, data, row["metric"]), {})
            values.setdefault(track, []).append(row["value"] * (100 if row["metric"] in SHARES else 1))
    header = ["method", "setting", "data", "metric", *TRACKS]
    return report.table(
        header, [[*key, *(_cell(values.get(track, [])) for track in TRACKS)] for key, values in lines.items()]
    )


def glue_table() -> str:
    """The section with the rows of `runs/glue.py`: its table, and what each learning rate scored; "" without rows."""
    found = load(glue.NAME, own=False)
    if found.empty:
        return ""
    table = by_task(found, glue.METHODS, glue.TASKS).reset_index().astype(str)
    tries = []
    for task, method in itertools.product(glue.TASKS, glue.METHODS):
        of_both = found[(found["data"] == f"{task}, validation") & (found["method"] == method)]
        scores = of_both.sort_values("learning_rate")[["learning_rate", "value"]].to_numpy()
        if len(scores):
            tries.append([task, method, ", ".join(f"{rate:g}: {100 * score:.1f}" for rate, score in scores)])
    return GLUE_HEAD.format(
        metrics=", ".join(f"{task} {metric}" for task, (_, metric) in glue.TASKS.items()),
        examples=", ".join(f"{number:,}" for number in sorted(set(found["examples"]))),
        table=report.table(list(table), table.to_numpy().tolist()),
        tries=report.table(["task", "method", "learning rate: score"], tries),
    )


def _cell(values: list[float]) -> str:
    return f"{mean_and_spread(values)} ({len(values)})" if values else "–"


def _notebooks() -> list[Path]:
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def _cells(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]


def _title(path: Path) -> str:
    return _cells(path)[0].splitlines()[0].removeprefix("# ")


def _json(path: Path) -> dict[str, dict[str, Any]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def render(text: str) -> str:
    """README's text with its blocks written anew. Raises ValueError if a block's marks are gone."""
    alt = picture()[1]
    blocks = {
        "statements": verdict_tables.count(),
        "picture": f"![{alt}](docs/choosing.png)\n",
        "notebooks": notebooks(),
    }
    return _fill(text, "README.md", blocks)


def render_workshop(text: str) -> str:
    """The text of docs/workshop.md with its block written anew. Raises ValueError if the block's marks are gone."""
    return _fill(text, "docs/workshop.md", {"resources": resources()})


def render_real_track(text: str) -> str:
    """The text of docs/real-track.md with its table written anew. Raises ValueError if the table's marks are gone."""
    return _fill(text, "docs/real-track.md", {"assets": f"{real_track.table()}\n"})


def _fill(text: str, file: str, blocks: dict[str, str]) -> str:
    for name, made in blocks.items():
        mark = BLOCK.format(name=name)
        pattern = re.escape(mark) + r".*?" + re.escape(END)
        if not re.search(pattern, text, flags=re.DOTALL):
            raise ValueError(f"{file} has lost the marks of its block {name!r}: {mark.strip()} ... {END}")
        block = f"{mark}{made}{END}"
        text = re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL)  # type: ignore[misc]
    return text


def render_results() -> str:
    """The text of docs/results.md: the statements, one table a notebook that has shipped rows, and GLUE's."""
    tables = {_title(path): results(path.name[:2]) for path in _notebooks()}
    by_notebook = "".join(f"\n## {title}\n\n{table}\n" for title, table in tables.items())
    head = RESULTS_HEAD.format(
        exhibits=verdict_tables.exhibits_table(_notebooks()),
        counts=verdict_tables.count(),
        statements=verdict_tables.statements_table(),
    )
    return head + by_notebook + glue_table()


def main() -> int:
    """Write the blocks of README.md, docs/workshop.md and docs/real-track.md, docs/results.md and docs/choosing.png."""
    PICTURE.write_bytes(picture()[0])
    README.write_text(render(README.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    text = WORKSHOP.read_text(encoding="utf-8")
    WORKSHOP.write_text(render_workshop(text), encoding="utf-8", newline="\n")
    RESULTS.write_text(render_results(), encoding="utf-8", newline="\n")
    text = REAL_TRACK.read_text(encoding="utf-8")
    REAL_TRACK.write_text(render_real_track(text), encoding="utf-8", newline="\n")
    return 0
