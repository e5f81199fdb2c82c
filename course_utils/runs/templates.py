"""The slide's sixteen templates, and none, put to a language model: problems of MultiArith, in five draws.

Source: Kojima et al. (2022), "Large Language Models are Zero-Shot Reasoners", table 4. The model is greedy, so a seed
changes nothing but the problems: each seed has twelve of its own, drawn once for all templates. The marks (*1) and (*2)
on the slide are the paper's footnotes, and no part of a template.
"""

import random
import time
from collections.abc import Sequence

import pandas as pd
from datasets import Dataset

from course_utils import assets, data, models, results
from course_utils.models import reasoning

NAME = "10_templates"
"""What the rows bear as their notebook: results.load("10_templates")."""

SEEDS, PROBLEMS = range(5), 12
ZERO_SHOT = "(zero-shot)"


def problems() -> Dataset:
    """The problems of all seeds, one seed after the other: columns id, question, answer."""
    every = data.load("arithmetic")["test"]
    return every.select(random.Random(0).sample(range(len(every)), len(SEEDS) * PROBLEMS))


class Table:
    """A row for each template and seed. A run is a template, with the problems of all seeds."""

    roles = ("language_model", "arithmetic")

    def __init__(self) -> None:
        self.problems = problems()
        self.tokenizer = models.load_tokenizer("language_model")
        self.model = models.load_language_model("language_model").to(models.device())

    @staticmethod
    def missing() -> list[str]:
        """The templates of the slide that lack a row, in its order."""
        rows = results.load(NAME, assets.track())
        if len(rows):  # rows of other settings are of another table
            rows = rows[(rows["problems"] == PROBLEMS) & (rows["write_tokens"] == reasoning.WRITE_TOKENS)]
        made = rows.groupby("method")["seed"].nunique() if len(rows) else {}
        return [name for name in results.paper("E22").index if made.get(name, 0) < len(SEEDS)]

    def make(self, name: str) -> str:
        """Put all problems to the model with this template, record a row for each seed, and tell the accuracy."""
        started, template = time.monotonic(), None if name == ZERO_SHOT else name
        solutions = reasoning.solve(self.model, self.tokenizer, self.problems["question"], template)
        seconds = (time.monotonic() - started) / len(SEEDS)
        for seed in SEEDS:
            own = slice(seed * PROBLEMS, (seed + 1) * PROBLEMS)
            results.record(
                NAME,
                "E22",
                name,
                model="language model",
                data="MultiArith",
                seed=seed,
                trainable_parameters=0,
                metric="accuracy",
                value=reasoning.share_right(solutions[own], self.problems["answer"][own]),
                seconds=seconds,
                problems=PROBLEMS,
                write_tokens=reasoning.WRITE_TOKENS,
            )
        return f"{name} {reasoning.share_right(solutions, self.problems['answer']):.1%}"


def by_template(rows: pd.DataFrame) -> pd.DataFrame:
    """The slide's table with ours beside it: category, the paper's accuracy and ours (%), the mean over the seeds."""
    paper = results.paper("E22")
    ours = 100 * rows.groupby("method")["value"].mean()
    table = paper.rename(columns={"accuracy": "the paper (%)"})
    return table.assign(**{"ours (%)": ours.reindex(paper.index)})


def lead(rows: pd.DataFrame, category: str) -> Sequence[float]:
    """For each seed, by how many points the mean of the instructive templates is above that of `category`."""
    categories = rows["method"].map(results.paper("E22")["category"])
    means = 100 * rows.groupby(["seed", categories])["value"].mean().unstack()
    return (means["instructive"] - means[category]).tolist()
