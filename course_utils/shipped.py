"""For authors: what a run leaves in `data/results/<track>/` for readers who have not run the course themselves."""

import json
import os
from pathlib import Path
from typing import Any

from course_utils import assets, rowfile, runner
from course_utils.paths import DATA


def gather(runs: dict[int, list[runner.Run]]) -> list[dict[str, Any]]:
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
    write(path, json.dumps(merged, indent=1, ensure_ascii=False) + "\n")


def keep_time(result: runner.Run) -> None:
    """Note in the track's runs.json how long a notebook took, the memory of its kernel at most, and the machine."""
    path = _folder() / "runs.json"
    runs = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    found = rowfile.machine()
    cores = f"{found['cores']} core{'' if found['cores'] == 1 else 's'}"
    where = f"{found['cpu']}, {cores}, {found['device']}"
    runs[result.notebook] = {"seconds": round(result.seconds), "machine": where}
    if result.peak_bytes:
        runs[result.notebook]["peak_mib"] = round(result.peak_bytes / 2**20)
    write(path, json.dumps(runs, indent=1, sort_keys=True) + "\n")


def _folder() -> Path:
    return DATA / "results" / assets.track()


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
