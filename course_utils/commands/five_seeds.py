"""The whole course under five seeds, and what its rows say of the slides' statements."""

from pathlib import Path

from course_utils import assets
from course_utils.commands import run_notebooks, ship
from course_utils.paths import BUILD, write_whole
from course_utils.results import rows, statement
from course_utils.results import statements as listed
from course_utils.results.statements import TESTS

SEEDS = range(5)


def statements(
    folder: Path = run_notebooks.NOTEBOOKS, only: list[str] | None = None, store: bool = False
) -> int:
    """Run every notebook with five seeds, and print the verdict on each statement in the rows that they recorded.

    Each seed has a build folder of its own, so nothing that another seed cached is read. A notebook that ran through is
    not run again: broken off and started anew, this goes on with the next. To begin from the start, delete
    build/statements. With `store` the rows become the shipped ones. Returns 1 if a notebook failed, else 0.
    """
    paths = run_notebooks.find(folder, only)
    failed = []
    for seed in SEEDS:
        build = BUILD / "statements" / f"seed_{seed}"
        left = [path for path in paths if not _done(build, path).exists()]
        print(f"seed {seed}: {len(left)} of {len(paths)} notebooks to run", flush=True)
        for path in left:
            (result,) = run_notebooks.run_all([path], build=build, environment={"COURSE_SEED": str(seed)})
            if result.error:
                failed.append(f"FAILED {path.stem}, seed {seed}: {result.error}")
            else:
                write_whole(_done(build, path), "")
    print("\n".join([*verdicts(), *failed]))
    if store and not failed:
        print("\n".join(f"stored {file}" for path in paths for file in ship.ship(path.stem)))
    return 1 if failed else 0


def verdicts() -> list[str]:
    """A line for each statement: its verdict in the rows that the runs of all seeds have recorded so far."""
    folders = sorted(BUILD.glob("statements/seed_*/results"))
    track = assets.track()
    made = rows.as_frame(rows.newest([row for folder in folders for row in rows.read(folder, None, track)]))
    lines = []
    for name in TESTS:
        if track in listed()[name].tracks:
            outcome = statement(name, made)
            lines.append(f"{name}  {outcome.word}. {outcome.deciding}")
    return lines


def _done(build: Path, notebook: Path) -> Path:
    return build / "done" / notebook.stem
