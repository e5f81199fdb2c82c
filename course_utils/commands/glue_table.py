"""The GLUE table, made run by run: each run has a row, and a run that has its row is not made again."""

import time
from collections.abc import Sequence

from course_utils import session
from course_utils.assets import large_models
from course_utils.commands.tables import duration, keep
from course_utils.results import rows
from course_utils.runs import glue


def main(only: list[str] | None, store: bool) -> int:
    """Make the runs of the GLUE table that have no row yet; status 1 where the data or models cannot be had.

    only: the tasks to take. With `store` the rows become shipped ones. Killed and started again it goes on with the
    next run.
    """
    tasks = only or list(glue.TASKS)
    if unknown := [name for name in tasks if name not in glue.TASKS]:
        print(f"There is no task {unknown[0]!r} in this table. It has {', '.join(glue.TASKS)}.")
        return 1
    session.set_threads()
    session.quiet()
    roles = ["encoder", *(glue.TASKS[name][0] for name in tasks)]
    if not large_models.ready(roles, large_models.lacking(gpu=False)):
        return 1
    fill(tasks)
    if store:
        print(f"Stored: {keep(glue.NAME)}")
    return 0


def fill(tasks: Sequence[str]) -> None:
    """Make the missing runs: first an estimate, then a line for each run, with its score and the time left."""
    table = glue.Table(tasks, glue.budget())
    runs = table.missing()
    if not runs:
        print("Every run of this table has its row: there is nothing to do.")
        return
    print(f"{len(runs)} runs have no row yet. Measuring a few steps of each kind ...", flush=True)
    step = table.seconds_a_step(runs)
    tried = {(run.task, run.method) for run in runs if run.rate is not None}
    # A run that was tried just before it is in the table without another training.
    costs = [
        0.0
        if run.rate is None and run.seed == 0 and (run.task, run.method) in tried
        else table.tasks[run.task].steps * step[run.task, run.method]
        for run in runs
    ]
    print(f"About {duration(sum(costs))} on {rows.machine()['device']}.", flush=True)
    started = time.monotonic()
    for number, run in enumerate(runs, start=1):
        row = table.make(run)
        spent, done, left = time.monotonic() - started, sum(costs[:number]), sum(costs[number:])
        left *= spent / done if done else 1.0
        rate = f"rate {row['extra']['learning_rate']:g}{'' if run.rate else ', chosen'}"
        print(
            f"{number:4} of {len(runs)}  {row['data']}, {run.method}, seed {run.seed}, {rate}: "
            f"{row['metric']} {row['value']:.3f}, {row['seconds']:.0f} s. About {duration(left)} left.",
            flush=True,
        )
