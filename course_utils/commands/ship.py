"""For authors: what a run leaves in `data/results/<track>/` for readers who have not run the course themselves."""

import json
from pathlib import Path

from course_utils import assets
from course_utils.commands import run_notebooks, tables
from course_utils.paths import BUILD, DATA, write_whole
from course_utils.results import rows
from course_utils.results.tables import machine_name


def keep_time(result: run_notebooks.Run) -> None:
    """Note in the track's runs.json how long a notebook took, the memory of its kernel at most, and the machine."""
    path = _folder() / "runs.json"
    runs = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    runs[result.notebook] = {"seconds": round(result.seconds), "machine": machine_name(rows.machine())}
    if result.peak_bytes:
        runs[result.notebook]["peak_mib"] = round(result.peak_bytes / 2**20)
    write_whole(path, json.dumps(runs, indent=1, sort_keys=True) + "\n")


def _folder() -> Path:
    return DATA / "results" / assets.track()


def ship(notebook: str) -> list[Path]:
    """For authors: make the newest rows of a notebook ("02") on this track the shipped ones, those of
    `make statements` included."""
    folders = [BUILD / "results", *sorted(BUILD.glob("statements/seed_*/results"))]
    found = [row for folder in folders for row in rows.read(folder, notebook, assets.track())]
    files: dict[Path, list[rows.Row]] = {}
    # `tables NAME --store` keeps these
    made_by_tables = {made_by.NAME for made_by in tables.TABLES.values()}
    found = [row for row in found if row["notebook"] not in made_by_tables]
    for row in rows.newest(sorted(found, key=lambda row: row["time"])):
        files.setdefault(DATA / "results" / row["track"] / f"{row['notebook']}.jsonl", []).append(row)
    for path, lines in files.items():
        write_whole(path, "".join(rows.line(row) for row in lines))
    return list(files)


def main(notebook: str) -> int:
    """Ship the rows of a notebook and name the files; status 1 where there are none."""
    paths = ship(notebook)
    print(
        "\n".join(map(str, paths))
        or f"No rows of notebook {notebook} on the {assets.track()} track. Run it first."
    )
    return 0 if paths else 1
