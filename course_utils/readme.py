"""The measured parts of README.md, docs/results.md and docs/workshop.md, written from what ships in `data/results/`:
nobody types a number twice."""

import json
import re
from pathlib import Path

from course_utils import report, rowfile
from course_utils.exhibits import exhibits
from course_utils.paths import DATA, ROOT
from course_utils.results import SHARES, mean_and_spread

TRACKS = ("bundled", "real")
README = ROOT / "README.md"
RESULTS = ROOT / "docs" / "results.md"
WORKSHOP = ROOT / "docs" / "workshop.md"
SERVER_MIB = 90  # resident memory of the server of JupyterLab 4.6.6, measured, without a kernel
RESOURCES = {"seconds": "s", "peak_mib": "MiB"}
BLOCK = "<!-- {name}: written by python -m course_utils readme -->\n"
END = "<!-- end -->"
RESULTS_HEAD = """# Every result that ships

Written by `python -m course_utils readme` from `data/results/`. A cell is the mean of the metric over runs with
different seeds, ± the sample standard deviation, and in brackets the number of runs. Shares are in percent.
"""


def notebooks() -> str:
    """A table of the notebooks with the seconds that they took when their shipped outputs and results were made."""
    runs = {track: _json(DATA / "results" / track / "runs.json") for track in TRACKS}
    rows = []
    for path, title in _titles().items():
        times = [runs[track].get(path.stem) for track in TRACKS]
        shown = [f"{run['seconds']:.0f} s" if run else "not measured" for run in times]
        rows.append([f"[{title}](notebooks/{path.name})", *shown])
    machines = sorted({str(run["machine"]) for track in TRACKS for run in runs[track].values()})
    header = ["notebook", *(f"run on the {track} track" for track in TRACKS)]
    return f"{report.table(header, rows)}\n\nMeasured on: {'; '.join(machines)}.\n"


def resources() -> str:
    """A table of what a notebook takes on each track: the seconds of Run All, and the memory of its kernel at most."""
    runs = {track: _json(DATA / "results" / track / "runs.json") for track in TRACKS}
    rows = []
    for path, title in _titles().items():
        cells = []
        for track in TRACKS:
            run = runs[track].get(path.stem, {})
            cells += [
                f"{run[key]:,} {unit}" if key in run else "not measured" for key, unit in RESOURCES.items()
            ]
        rows.append([title, *cells])
    machines = sorted({str(run["machine"]) for track in TRACKS for run in runs[track].values()})
    header = ["notebook", *(f"{what}, {track}" for track in TRACKS for what in ("Run All", "memory"))]
    largest = max((int(run.get("peak_mib", 0)) for run in runs["bundled"].values()), default=0)
    one, two = ((open_at_once * largest + SERVER_MIB) / 1024 for open_at_once in (1, 2))
    text = (
        f"With {SERVER_MIB} MiB for JupyterLab's server, one open notebook of the bundled track takes {one:.1f} GiB "
        f"at most, and two take {two:.1f} GiB.\nFor sixty people that makes {60 * one:.0f} GiB, or {60 * two:.0f} GiB."
    )
    return f"{report.table(header, rows)}\n\n{text} Measured on: {'; '.join(machines)}.\n"


def claims() -> str:
    """A table of the claims: exhibit, claim, the paper's figure, and what each track measured. Shipped claims only."""
    rows = []
    for exhibit in exhibits(own=False):
        paper = exhibit["paper"] or "–"
        for text, measured in exhibit["claims"].items():
            rows.append([exhibit["id"], text, paper, *(measured.get(track, "–") for track in TRACKS)])
            paper = "″"  # the figure of the exhibit stands in its first line
    return report.table(["exhibit", "claim", "the papers", *TRACKS], rows) + "\n"


def results(notebook: str) -> str:
    """A table of a notebook's rows: mean ± standard deviation of each metric over its runs, on each track."""
    lines: dict[tuple[str, str, str, str], dict[str, list[float]]] = {}
    for track in TRACKS:
        for row in rowfile.read(DATA / "results", notebook, track):
            setting = ", ".join(f"{name} {value}" for name, value in row["extra"].items())
            # Its name on the real track differs only by its size ("500 sentences"): such a line is one method.
            data = "" if row["data"].endswith(" sentences") else row["data"]
            values = lines.setdefault((row["method"], setting, data, row["metric"]), {})
            values.setdefault(track, []).append(row["value"] * (100 if row["metric"] in SHARES else 1))
    header = ["method", "setting", "data", "metric", *TRACKS]
    return report.table(
        header, [[*key, *(_cell(values.get(track, [])) for track in TRACKS)] for key, values in lines.items()]
    )


def _cell(values: list[float]) -> str:
    return f"{mean_and_spread(values)} ({len(values)})" if values else "–"


def _titles() -> dict[Path, str]:
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    first = {path: json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"] for path in paths}
    return {path: "".join(source).splitlines()[0].removeprefix("# ") for path, source in first.items()}


def _json(path: Path) -> dict[str, dict[str, float | str]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def render(text: str) -> str:
    """README's text with both blocks written anew. Raises ValueError if a block's marks are gone."""
    return _fill(text, "README.md", {"notebooks": notebooks(), "claims": claims()})


def render_workshop(text: str) -> str:
    """The text of docs/workshop.md with its block written anew. Raises ValueError if the block's marks are gone."""
    return _fill(text, "docs/workshop.md", {"resources": resources()})


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
    """The text of docs/results.md: one table a notebook that has shipped rows."""
    tables = {title: results(path.name[:2]) for path, title in _titles().items()}
    return RESULTS_HEAD + "".join(f"\n## {title}\n\n{table}\n" for title, table in tables.items())


def main() -> int:
    """Write the blocks of README.md and docs/workshop.md, and docs/results.md, anew."""
    README.write_text(render(README.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    text = WORKSHOP.read_text(encoding="utf-8")
    WORKSHOP.write_text(render_workshop(text), encoding="utf-8", newline="\n")
    RESULTS.write_text(render_results(), encoding="utf-8", newline="\n")
    return 0
