"""For authors: what a run leaves in `data/results/<track>/` for readers who have not run the course themselves."""

import json
from pathlib import Path
from typing import Any

from course_utils import assets
from course_utils.commands import language_model_tables, run_notebooks
from course_utils.paths import BUILD, DATA, write_whole
from course_utils.results import rows


def gather(runs: dict[int, list[run_notebooks.Run]]) -> list[dict[str, Any]]:
    """One row a claim: notebook, exhibit, text, what each seed measured, in how many it held, of how many.

    A seed whose run never came to the claim has no entry under "measured", and counts as not held.
    """
    claims: dict[tuple[str, str, str], dict[str, Any]] = {}
    for seed, results in runs.items():
        for found in (claim for result in results for claim in result.claims):
            key = (str(found["notebook"]), str(found["exhibit"]), str(found["text"]))
            named = dict(zip(("notebook", "exhibit", "text"), key, strict=True))
            row = claims.setdefault(key, {**named, "measured": {}, "held": 0, "of": len(runs)})
            row["measured"][str(seed)] = found["measured"]
            row["held"] += bool(found["holds"])
    return [claims[key] for key in sorted(claims)]


def keep_claims(rows: list[dict[str, Any]]) -> None:
    """Put gathered claims into the track's claims.json, in place of what it has of the same notebooks.

    A notebook whose shipped claims were measured with more seeds keeps those.
    """
    path = _folder() / "claims.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    seeds = {row["notebook"]: row["of"] for row in kept}
    new = [row for row in rows if row["of"] >= seeds.get(row["notebook"], 0)]
    replaced = {row["notebook"] for row in new}
    merged = [row for row in kept if row["notebook"] not in replaced] + new
    merged.sort(key=lambda row: (row["notebook"], row["exhibit"], row["text"]))
    write_whole(path, json.dumps(merged, indent=1, ensure_ascii=False) + "\n")


def keep_time(result: run_notebooks.Run) -> None:
    """Note in the track's runs.json how long a notebook took, the memory of its kernel at most, and the machine."""
    path = _folder() / "runs.json"
    runs = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = rows.machine()
    cores = f"{found['cores']} core{'' if found['cores'] == 1 else 's'}"
    where = f"{found['cpu']}, {cores}, {found['device']}"
    runs[result.notebook] = {"seconds": round(result.seconds), "machine": where}
    if result.peak_bytes:
        runs[result.notebook]["peak_mib"] = round(result.peak_bytes / 2**20)
    write_whole(path, json.dumps(runs, indent=1, sort_keys=True) + "\n")


def _folder() -> Path:
    return DATA / "results" / assets.track()


def ship(notebook: str) -> list[Path]:
    """For authors: make the newest rows of a notebook ("02") on this track the shipped ones, those of
    `make claims` included."""
    folders = [BUILD / "results", *sorted(BUILD.glob("claims/seed_*/results"))]
    found = [row for folder in folders for row in rows.read(folder, notebook, assets.track())]
    files: dict[Path, list[rows.Row]] = {}
    tables = {
        made_by.NAME for made_by in language_model_tables.TABLES.values()
    }  # `tables NAME --store` keeps those
    found = [row for row in found if row["notebook"] not in tables]
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
