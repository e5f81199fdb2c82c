"""What the benchmarks measure with: the sentences, the models, the course's loop, and the bare step beside it."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from datasets import Dataset
from measure import seconds
from torch import nn
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase

from course_utils import data, models, training

SIDE_SECONDS = 2.5
BATCH_SIZE = 32
LEARNING_RATE = 5e-4


@dataclass(frozen=True)
class World:
    """The sentences that every benchmark uses, tokenised."""

    tokenizer: PreTrainedTokenizerBase
    labels: list[str]
    train: Dataset
    test: Dataset

    def teacher(self, seed: int = 0) -> nn.Module:
        return models.load_classifier("teacher", self.labels, seed).to(models.device())

    def student(self) -> nn.Module:
        return models.new_classifier("student", self.labels, self.tokenizer, 0).to(models.device())

    def loader(self, examples: int) -> "DataLoader[Any]":
        """Batches of the first `examples` training sentences, or of all where there are fewer."""
        rows = self.train.select(range(min(examples, len(self.train))))
        return data.make_loader(rows, self.tokenizer, BATCH_SIZE, shuffle=True)


def load_world() -> World:
    """The sentiment data of this track, with the teacher's tokenizer."""
    splits = data.load("sentiment")
    tokenizer = models.load_tokenizer("teacher")
    train, test = (data.tokenize(splits[name], tokenizer) for name in ("train", "test"))
    return World(tokenizer, splits["train"].features["label"].names, train, test)


def fit_seconds(model: nn.Module, loader: "DataLoader[Any]", steps: int, **options: Any) -> float:
    """Seconds of the course's loop, bar and bookkeeping included."""
    return seconds(lambda: training.fit(model, loader, steps=steps, learning_rate=LEARNING_RATE, **options))


def steps_within(model: nn.Module, loader: "DataLoader[Any]") -> int:
    """How many steps fill `SIDE_SECONDS`, from a short trial."""
    fit_seconds(model, loader, 3, progress=False)
    per_step = fit_seconds(model, loader, 10, progress=False) / 10
    return max(4, math.ceil(SIDE_SECONDS / per_step))


def bare_seconds(model: nn.Module, loader: "DataLoader[Any]", steps: int) -> float:
    """Seconds of forward, backward and step with nothing around them: no clipping, schedule, bar or losses
    kept."""
    device = models.device()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    model.train()

    def run() -> None:
        done = 0
        while done < steps:
            for batch in loader:
                batch = {name: value.to(device) for name, value in batch.items() if name != "id"}
                with training.autocast(device):
                    loss = model(**batch).loss
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()
                done += 1
                if done == steps:
                    break

    return seconds(run)
