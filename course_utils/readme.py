"""The measured parts of README.md, written from what ships in `data/results/`: nobody types a number twice."""

import json
import re
import statistics
from pathlib import Path

from course_utils import report, rowfile
from course_utils.paths import DATA, ROOT

TRACKS = ("bundled", "real")
README = ROOT / "README.md"
BLOCK = "<!-- {name}: written by python -m course_utils readme -->\n"
END = "<!-- end -->"


def notebooks() -> str:
    """A table of the notebooks with the seconds that they took when their shipped outputs and results were made."""
    runs = {track: _json(DATA / "results" / track / "runs.json") for track in TRACKS}
    rows = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        title = "".join(cells[0]["source"]).splitlines()[0].removeprefix("# ")
        times = [runs[track].get(path.stem) for track in TRACKS]
        shown = [f"{run['seconds']:.0f} s" if run else "not measured" for run in times]
        rows.append([f"[{title}](notebooks/{path.name})", *shown])
    machines = sorted({str(run["machine"]) for track in TRACKS for run in runs[track].values()})
    header = ["notebook", *(f"run on the {track} track" for track in TRACKS)]
    return f"{report.table(header, rows)}\n\nMeasured on: {'; '.join(machines)}.\n"


def results(notebook: str) -> str:
    """A table of a notebook's methods: test accuracy on each track, mean ± standard deviation over its runs."""
    found = {
        track: [row for row in rowfile.read(DATA / "results", notebook, track) if row["metric"] == "accuracy"]
        for track in TRACKS
    }
    methods: dict[tuple[str, str], dict[str, list[float]]] = {}
    for track, rows in found.items():
        for row in rows:
            setting = ", ".join(f"{name} {value}" for name, value in row["extra"].items())
            by_track = methods.setdefault((row["method"], setting), {})
            by_track.setdefault(track, []).append(100 * row["value"])
    header = ["trained on", "setting", *(f"{track}: accuracy (%)" for track in TRACKS)]
    lines = [[*key, *(_spread(values.get(track, [])) for track in TRACKS)] for key, values in methods.items()]
    return report.table(header, lines) + "\n"


def _spread(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.1f}{spread} ({len(values)} run{'s' if len(values) > 1 else ''})"


def _json(path: Path) -> dict[str, dict[str, float | str]]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def render(text: str) -> str:
    """README's text with both blocks written anew. Raises ValueError if a block's marks are gone."""
    for name, made in (("notebooks", notebooks()), ("results", results("02"))):
        mark = BLOCK.format(name=name)
        pattern = re.escape(mark) + r".*?" + re.escape(END)
        if not re.search(pattern, text, flags=re.DOTALL):
            raise ValueError(f"README.md has lost the marks of its block {name!r}: {mark.strip()} ... {END}")
        block = f"{mark}{made}{END}"
        text = re.sub(pattern, lambda _, block=block: block, text, flags=re.DOTALL)  # type: ignore[misc]
    return text


def main() -> int:
    """Write the blocks of README.md anew."""
    README.write_text(render(README.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    return 0
