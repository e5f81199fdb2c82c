"""Every claim of the course under five seeds: a claim that holds for one seed only is luck."""

import shutil
from pathlib import Path
from typing import Any

from course_utils.commands import report, run_notebooks, ship
from course_utils.paths import BUILD, write_whole

SEEDS = range(5)


def as_table(rows: list[dict[str, Any]], seeds: list[int]) -> str:
    """The gathered claims as a Markdown table, one column a seed."""
    header = ["exhibit", "claim", *(f"seed {seed}" for seed in seeds), "held"]
    body = []
    for row in rows:
        values = [report.measured(row["measured"].get(str(seed), "not reached")) for seed in seeds]
        body.append([row["exhibit"], row["text"], *values, f"{row['held']} of {row['of']}"])
    return report.table(header, body)


def claims(folder: Path = run_notebooks.NOTEBOOKS, only: list[str] | None = None, store: bool = False) -> int:
    """Run every notebook with five seeds and write the table of claims to build/results/claims_table.md.

    With `store` also to data/results/<track>/claims.json, which ships. Returns 0 when every claim held for
    every seed, else 1. Each seed starts from an empty build folder: nothing that another seed cached is read.
    """
    paths = run_notebooks.find(folder, only)
    runs: dict[int, list[run_notebooks.Run]] = {}
    for seed in SEEDS:
        build = BUILD / "claims" / f"seed_{seed}"
        shutil.rmtree(build, ignore_errors=True)
        print(f"seed {seed}", flush=True)
        # "record": a claim that does not hold is written down, and the notebook goes on to the next one.
        environment = {"COURSE_SEED": str(seed), "COURSE_CLAIMS": "record"}
        runs[seed] = run_notebooks.run_all(paths, build=build, environment=environment)
    rows = ship.gather(runs)
    text = as_table(rows, list(SEEDS))
    write_whole(BUILD / "results" / "claims_table.md", f"{text}\n\n{report.machine()}\n")
    print(f"\n{text}\n\n{report.machine()}\nWritten to {BUILD / 'results' / 'claims_table.md'}")
    failed = [f"{run.notebook}, seed {seed}: {run.error}" for seed in runs for run in runs[seed] if run.error]
    print("".join(f"\nFAILED {line}\n" for line in failed), end="")
    if store and not failed:
        ship.keep_claims(rows)
    return 0 if rows and not failed and all(row["held"] == row["of"] for row in rows) else 1
