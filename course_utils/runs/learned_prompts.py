"""Prompt tuning and prefix tuning of a language model, with as many parameters, on the sentiment of reviews.

Sources: Lester et al. (2021), "The Power of Scale for Parameter-Efficient Prompt Tuning"; Li and Liang (2021),
"Prefix-Tuning". Both start from the same text, see the same reviews for as many steps, and get three learning rates, of
which the best on the validation rows, with seed 0, is taken. The test rows are read once for each run of the table.
"""

from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from course_utils import data, models, training
from course_utils.methods.prompts import PrefixTuned, PromptTuned, prefix_from_tokens, prompt_from_tokens
from course_utils.models import label_words
from course_utils.runs import tries

NAME = "10_learned_prompts"
"""What the rows bear as their notebook: results.load("10_learned_prompts")."""

TOKENS = {"prompt tuning": 20, "prefix tuning": 1}
"""The virtual tokens of each method. SmolLM2-135M has 30 layers, and 3 key-value heads of 64 numbers, so one token of a
prefix has as many parameters as twenty of a prompt: 30 * 2 * 3 * 64 = 20 * 576."""

RATES = {"prompt tuning": (0.03, 0.1, 0.3), "prefix tuning": (0.01, 0.03, 0.1)}
"""Set before the table was made, around short trials: those of prompt tuning had ten tokens, those of prefix tuning
twelve steps, of which only the loss on training rows was looked at."""

STEPS, BATCH_SIZE, SEEDS = 60, 8, range(5)
WORDING = label_words.SENTIMENT[0]
START = (
    "Read the review, and say whether its sentiment is positive, negative or neutral. Answer with one word.\n"
)
DATA = "NusaX, English"
VALIDATION = f"{DATA}, validation"


def start(method: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> nn.Module:
    """The frozen model with a prompt or a prefix that is, so far, the beginning of `START` as the model reads it."""
    token_ids = torch.tensor(tokenizer(START)["input_ids"])
    if method == "prefix tuning":
        return PrefixTuned(model, prefix_from_tokens(model, token_ids[: TOKENS[method]]))
    table = model.get_input_embeddings().weight
    return PromptTuned(model, prompt_from_tokens(table, token_ids, TOKENS[method])[None])


def train(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    rows: Dataset,
    rate: float,
    seed: int,
    progress: bool = False,
) -> training.History:
    """Train what `start` returned on these reviews."""
    loader = label_words.make_loader(rows, tokenizer, WORDING, BATCH_SIZE, seed)
    how: dict[str, Any] = {"weight_decay": 0.0, "loss_fn": label_words.answer_loss, "progress": progress}
    return training.fit(model, loader, steps=STEPS, learning_rate=rate, seed=seed, **how)


def _tries() -> tries.Tries:
    return tries.Tries(NAME, "prompts", RATES, SEEDS, DATA, VALIDATION, STEPS)


def chosen(method: str) -> float:
    """The learning rate with the best validation accuracy, of equal ones the lowest. Raises ValueError where one of
    `RATES` has not been tried."""
    return _tries().chosen(method)


def scores(method: str) -> Sequence[float]:
    """The test accuracies (%) of the table's runs with the chosen rate, in the order of `SEEDS`. Raises ValueError
    where one has not been made."""
    return _tries().scores(method)


class Table:
    """A row for each try and for each run with the chosen rate."""

    roles = ("language_model", "sentiment_multilingual")

    def __init__(self) -> None:
        self.reviews = data.load("sentiment_multilingual", "english")
        self.tokenizer = models.load_tokenizer("language_model")
        self.model = models.load_language_model("language_model").to(models.device())

    @staticmethod
    def missing() -> list[tries.Run]:
        """The runs without a row: all tries, then the table's runs, seed by seed."""
        return _tries().missing()

    def make(self, run: tries.Run) -> str:
        """Train and measure one run, record its row, and tell what it was. The tries of a method come first."""
        rate = chosen(run.method) if run.rate is None else run.rate
        split, name = ("test", DATA) if run.rate is None else ("validation", VALIDATION)
        tuned = start(run.method, self.model, self.tokenizer)
        history = train(tuned, self.tokenizer, self.reviews["train"], rate, run.seed)
        accuracy = label_words.right(tuned, self.tokenizer, self.reviews[split], WORDING).mean().item()
        _tries().record(
            "E25" if run.method == "prefix tuning" else "E23",
            run,
            history,
            model="language model",
            data=name,
            accuracy=accuracy,
            rate=rate,
            num_virtual_tokens=TOKENS[run.method],
        )
        return f"{run.method}, seed {run.seed}, rate {rate:g}: {accuracy:.1%} on {name}"
