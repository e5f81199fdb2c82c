"""Runs of several methods on several tasks: one table of them, and each method's average over the tasks, seed by seed.

A score is in percent of its metric, whatever that is, as GLUE's tables have it.
"""

from collections.abc import Collection

import pandas as pd

from course_utils.results.tables import mean_and_spread

LEAST_SEEDS = 3
"""With fewer seeds a comparison says too little of the spread to be judged."""


def by_task(rows: pd.DataFrame, methods: Collection[str], tasks: Collection[str]) -> pd.DataFrame:
    """One line a method, one column a task, in the order given; for reading.

    rows: of `load`, each with the number of training `examples`; tasks: what the rows call their data. A cell is the
    mean over the seeds with ± the sample standard deviation, and in brackets the number of seeds; it is empty where
    nothing ran. Then "average", the mean of the tasks' means (empty where a task is), and "trained", the parameters
    that train, the head's included.
    """
    runs = one_run_a_seed(rows, methods, tasks)
    table = pd.DataFrame("", list(methods), [*tasks, "average", "trained"]).rename_axis("method")
    for method, of_method in runs.groupby("method"):
        by_data = {str(task): 100 * group["value"] for task, group in of_method.groupby("data")}
        for task, values in by_data.items():
            table.loc[method, task] = f"{mean_and_spread(values)} ({len(values)})"
        if by_data.keys() == set(tasks):
            table.loc[method, "average"] = (
                f"{sum(values.mean() for values in by_data.values()) / len(tasks):.1f}"
            )
        table.loc[method, "trained"] = f"{int(of_method['trainable_parameters'].min()):,}"
    return table


def averages(rows: pd.DataFrame, methods: Collection[str], tasks: Collection[str]) -> pd.DataFrame | None:
    """What a verdict compares: the mean over the tasks, in percent, one line a seed and one column a method.

    rows, methods, tasks: as for `by_task`. Each method needs a run of each task with each seed that any of these runs
    has, and `LEAST_SEEDS` seeds at least. Where a run is missing, a line says how many are there, and the answer is
    None.
    """
    runs = one_run_a_seed(rows, methods, tasks)
    wanted = len(methods) * len(tasks) * max(LEAST_SEEDS, runs["seed"].nunique())
    if len(runs) < wanted:
        print(f"not yet: {len(runs)} of {wanted} runs")
        return None
    scores = runs.groupby(["seed", "method"])["value"].mean().unstack()
    return 100 * scores[list(methods)]


def one_run_a_seed(rows: pd.DataFrame, methods: Collection[str], tasks: Collection[str]) -> pd.DataFrame:
    """The newest run of each method, task and seed; of each task those with as many examples as most runs have."""
    if rows.empty:
        return pd.DataFrame(columns=["method", "data", "seed", "value", "trainable_parameters"])
    runs = rows[rows["method"].isin(methods) & rows["data"].isin(tasks)].sort_values("time", kind="stable")
    usual = runs.groupby("data")["examples"].agg(lambda examples: examples.mode().max())
    runs = runs[runs["examples"] == runs["data"].map(usual)]
    return runs.drop_duplicates(["method", "data", "seed"], keep="last")
