"""Ways of fine-tuning on the papers' own tasks: five tasks of GLUE, with the published encoder.

Sources: Wang et al. (2019), "GLUE", for tasks and metrics; Ben Zaken et al. (2022), Houlsby et al. (2019) and Hu et al.
(2022) for the tables. Every method gets the same examples, steps and number of learning rates; the rate is chosen on
validation rows, with seed 0. GLUE's dev file is the test split, and is read once for each run that stands in the table.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from datasets import ClassLabel, DatasetDict
from torch import nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from course_utils import assets, data, models, training
from course_utils.methods.adapters import inject_adapters
from course_utils.methods.bitfit import bitfit
from course_utils.methods.freezing import head_only, top_layers
from course_utils.methods.ia3 import inject_ia3
from course_utils.methods.lora import inject_lora
from course_utils.paths import BUILD, DATA
from course_utils.results import rows as result_rows
from course_utils.results.rows import Row, record

NAME = "glue"
"""What the rows bear as their notebook: results.load("glue")."""

TASKS = {
    "CoLA": ("glue_cola", "matthews"),
    "SST-2": ("glue_sst2", "accuracy"),
    "STS-B": ("glue_stsb", "spearman"),
    "MRPC": ("glue_mrpc", "f1"),
    "RTE": ("glue_rte", "accuracy"),
}
"""Role and metric of each task; those with short texts come first."""

Prepare = Callable[..., nn.Module]

METHODS: dict[str, tuple[Prepare, str]] = {
    "full fine-tuning": (lambda model, head: model, "full"),
    "head only": (head_only, "short_head"),
    "top layer": (partial(top_layers, k=1), "top_layers"),
    "top 2 layers": (partial(top_layers, k=2), "more_layers"),
    "BitFit": (bitfit, "bitfit"),
    "(IA)³": (inject_ia3, "ia3"),
    "adapters of 12": (partial(inject_adapters, bottleneck_size=12), "adapters"),
    "adapters of 96": (partial(inject_adapters, bottleneck_size=96), "adapters"),
    "adapters of 192": (partial(inject_adapters, bottleneck_size=192), "adapters"),
    "LoRA": (partial(inject_lora, targets=["query", "value"], rank=8, lora_alpha=16), "lora"),
}
"""What prepares the encoder, called with the model and `head`; and the catalogue's name for the rate to try around.
Adapters of 96 add about the share that Houlsby et al. report, those of 192 as many parameters as the top layer has."""

HEAD = ("pooler", "classifier")
"""What is new, and trains in every method. The published pooler was never trained (its bias is exactly zero), so it is
as new as the classifier; RoBERTa's head in the papers has two new layers too."""

BATCH_SIZE, EPOCHS, MAX_TOKENS, PROBE_STEPS = 16, 3, 96, 4


@dataclass(frozen=True)
class Budget:
    """What each method gets: examples (None: all), the catalogue's rate times each factor, and the seeds."""

    examples: int | None
    factors: tuple[float, ...]
    seeds: tuple[int, ...]


SMALL = Budget(1500, (0.3, 1, 3), (0, 1, 2))
LARGE = Budget(None, (0.03, 0.1, 0.3, 1, 3), (0, 1, 2, 3, 4))


def budget() -> Budget:
    """The large one on a CUDA GPU, else the small one."""
    return LARGE if torch.cuda.is_available() else SMALL


def rates(method: str, factors: Sequence[float]) -> list[float]:
    """The learning rates that a method tries, in ascending order."""
    encoder = assets.entry("encoder")
    base = {"full": encoder.recipe["learning_rate"]} | encoder.peft_learning_rates
    return [float(f"{base[METHODS[method][1]] * factor:.2g}") for factor in sorted(factors)]


class Task:
    """A task's tokenised rows, and loaders of them; the training rows are the same for every method and seed."""

    def __init__(self, name: str, tokenizer: PreTrainedTokenizerBase, examples: int | None) -> None:
        role, self.metric = TASKS[name]
        self.name, self.tokenizer = name, tokenizer
        self.splits: DatasetDict = data.load(role)
        train = self.splits["train"]
        if examples is not None and examples < len(train):
            self.splits["train"] = train.select(random.Random(0).sample(range(len(train)), examples))
        label = train.features["label"]
        self.labels = label.names if isinstance(label, ClassLabel) else ["score"]
        self.loss_fn = training.gold_loss if isinstance(label, ClassLabel) else training.score_loss
        self.examples = len(self.splits["train"])
        self.steps = EPOCHS * -(-self.examples // BATCH_SIZE)
        self._tokenized: dict[str, Any] = {}

    def loader(self, split: str, seed: int = 0) -> "DataLoader[Any]":
        """Batches of a split: those of "train" are shuffled, by `seed`."""
        if split not in self._tokenized:
            self._tokenized[split] = data.tokenize(self.splits[split], self.tokenizer, MAX_TOKENS)
        size, shuffle = (BATCH_SIZE, True) if split == "train" else (64, False)
        return data.make_loader(self._tokenized[split], self.tokenizer, size, shuffle=shuffle, seed=seed)


@dataclass(frozen=True)
class Run:
    """One line of work: a learning rate to try on validation rows, or (`rate` None) a run for the table."""

    task: str
    method: str
    seed: int
    rate: float | None = None

    @property
    def data(self) -> str:
        """What the run's row names as its data."""
        return self.task if self.rate is None else f"{self.task}, validation"


@dataclass(frozen=True)
class Trained:
    """A model after its training, and what that was."""

    rate: float
    model: nn.Module
    history: training.History


class Table:
    """The table's rows so far, the runs that lack one, and how one is made.

    Rows are found in the build folder and among those that ship; a run counts as made only with as many examples and
    steps, and at a rate that the budget tries.
    """

    def __init__(self, tasks: Sequence[str], budget: Budget) -> None:
        tokenizer = models.load_tokenizer("encoder")
        self.budget = budget
        self.tasks = {name: Task(name, tokenizer, budget.examples) for name in TASKS if name in tasks}
        folders = (DATA / "results", BUILD / "results")
        self.rows: list[Row] = [
            row for folder in folders for row in result_rows.read(folder, NAME, assets.track())
        ]
        self._best: dict[tuple[str, str], Trained] = {}

    def missing(self) -> list[Run]:
        """The runs without a row: seed 0 of all methods, task by task, each after its tries; then the other seeds."""
        runs = []
        for seed in self.budget.seeds:
            for task in self.tasks:
                for method in METHODS:
                    tries = rates(method, self.budget.factors) if seed == 0 else []
                    runs += [Run(task, method, seed, rate) for rate in tries] + [Run(task, method, seed)]
        return [run for run in runs if not self.found(run)]

    def found(self, run: Run) -> list[Row]:
        """The rows of a run, shipped ones first: of the same examples, steps and learning rates to choose from."""
        allowed = rates(run.method, self.budget.factors) if run.rate is None else [run.rate]
        task = self.tasks[run.task]
        wanted = run.data, run.method, run.seed, task.examples, task.steps
        return [
            row
            for row in self.rows
            if (row["data"], row["method"], row["seed"], row["extra"]["examples"], row["extra"]["steps"])
            == wanted
            and row["extra"]["learning_rate"] in allowed
        ]

    def seconds_a_step(self, runs: Sequence[Run]) -> dict[tuple[str, str], float]:
        """What a training step takes for each task and method of these runs, from a few steps of each."""
        found = {}
        for task, method in dict.fromkeys((run.task, run.method) for run in runs):
            history = self._train(Run(task, method, 0), rates(method, (1,))[0], PROBE_STEPS).history
            found[task, method] = history.seconds / PROBE_STEPS
        return found

    def make(self, run: Run) -> Row:
        """Train and measure one run, and record its row. Raises ValueError where no learning rate was tried before."""
        key = run.task, run.method
        if run.rate is not None:
            trained = self._train(run, run.rate)
            row = self._record(run, trained, "validation")
            if self._chosen(run) == run.rate:
                self._best[key] = trained
            return row
        rate = self._chosen(run)
        best = self._best.pop(key, None) if run.seed == 0 else None
        trained = best if best is not None and best.rate == rate else self._train(run, rate)
        return self._record(run, trained, "test")

    def _chosen(self, run: Run) -> float:
        """The rate with the best validation score of those tried so far; of equal ones the lowest."""
        scores = {
            rate: found[-1]["value"]
            for rate in rates(run.method, self.budget.factors)
            if (found := self.found(Run(run.task, run.method, 0, rate)))
        }
        if not scores:
            raise ValueError(
                f"{run.method!r} on {run.task} has no learning rate yet: none was tried with "
                f"{self.tasks[run.task].examples:,} examples. Run: python -m course_utils tables glue"
            )
        return max(scores, key=lambda rate: scores[rate])

    def _train(self, run: Run, rate: float, steps: int | None = None) -> Trained:
        task = self.tasks[run.task]
        training.set_seed(run.seed)  # the matrices of LoRA and of adapters are drawn at random
        encoder: PreTrainedModel = models.load_classifier("encoder", task.labels, seed=run.seed)
        model = METHODS[run.method][0](encoder, head=HEAD)
        history = training.fit(
            model,
            task.loader("train", run.seed),
            steps=steps or task.steps,
            learning_rate=rate,
            loss_fn=task.loss_fn,
            seed=run.seed,
            progress=False,
        )
        return Trained(rate, model, history)

    def _record(self, run: Run, trained: Trained, split: str) -> Row:
        task, history = self.tasks[run.task], trained.history
        row = record(
            NAME,
            "GLUE",
            run.method,
            model="encoder",
            data=run.data,
            seed=run.seed,
            trainable_parameters=history.trainable_parameters,
            metric=task.metric,
            value=training.evaluate(trained.model, task.loader(split), task.metric),
            seconds=history.seconds,
            peak_bytes=history.peak_bytes,
            learning_rate=trained.rate,
            examples=task.examples,
            steps=len(history.losses),
        )
        self.rows.append(row)
        return row
