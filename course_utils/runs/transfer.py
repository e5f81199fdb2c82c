"""Sentiment learned from English labels and tested in five languages, with a published multilingual encoder.

Source: Pfeiffer et al. (2020), "MAD-X". Three methods: all parameters train; a task adapter alone; and MAD-X, the task
adapter on the English language adapter, with the target's own put in for the test. They see the same sentences for as
many steps, and get as many learning rates, of which the best on English validation sentences, with seed 0, is taken.
"""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from datasets import DatasetDict
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerBase
from transformers.modeling_outputs import SequenceClassifierOutput

from course_utils import assets, data, models, results, training
from course_utils.methods import madx
from course_utils.methods.adapters import Adapter
from course_utils.runs import tries

NAME = "09_transfer"
"""What the rows bear as their notebook: results.load("09_transfer")."""

ENCODER, REVIEWS = "multilingual_encoder", "sentiment_multilingual"
ADAPTERS = "multilingual_language_adapters"
SOURCE = "english"
TARGETS = ("indonesian", "javanese", "sundanese", "minangkabau")
LANGUAGES = (SOURCE, *TARGETS)

FULL, ALONE, MADX = "full fine-tuning", "task adapter alone", "MAD-X"
RATES = {FULL: (1.5e-5, 5e-5, 1.5e-4), ALONE: (3e-4, 1e-3, 3e-3), MADX: (3e-4, 1e-3, 3e-3)}
"""Set before the table was made: each a factor of about three apart."""

STEPS, BATCH_SIZE, SEEDS, ASKED, BOTTLENECK = 94, 16, range(3), 400, 48


def data_name(language: str) -> str:
    """What a row names as its data."""
    return f"NusaX, {language.capitalize()}"


VALIDATION = f"{data_name(SOURCE)}, validation"


class MeanPooled(nn.Module):
    """A sequence classifier that reads the mean of the last states, padding left out, and not the first token's state.

    This encoder was published so: it was trained to put the meaning of a sentence into that mean.
    forward: input_ids and attention_mask, (batch, tokens); logits (batch, labels).
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SequenceClassifierOutput:
        states = self.model.base_model(input_ids, attention_mask).last_hidden_state
        real = attention_mask[..., None].to(states.dtype)
        mean = (states * real).sum(1) / real.sum(1)
        return SequenceClassifierOutput(logits=self.model.classifier(self.model.dropout(mean)))


def read_language(path: Path) -> madx.LanguageAdapter:
    """A stored language adapter of any size, frozen, in float32."""
    state = {name: tensor.float() for name, tensor in load_file(path).items()}
    layers = {name.split(".")[1] for name in state if name.startswith("layers.")}
    bottleneck_size, width = state["layers.0.down.weight"].shape
    adapter = madx.LanguageAdapter(width, len(layers), bottleneck_size)
    adapter.load_state_dict(state)
    return adapter.requires_grad_(False)


def load_languages() -> dict[str, madx.LanguageAdapter]:
    """The language adapters that ship for this encoder, by language, on the device that trains."""
    folder = assets.fetch(ADAPTERS)
    return {g: read_language(folder / f"{g}.safetensors").to(models.device()) for g in LANGUAGES}


def prepare(
    method: str, labels: list[str], seed: int, language: madx.LanguageAdapter | None = None
) -> nn.Module:
    """A fresh encoder with a new head, ready to train by one of the methods of `RATES`.

    language: the source's adapter, for MAD-X; the other methods have none.
    """
    model: Any = models.load_classifier(ENCODER, labels, seed=seed)
    model.base_model.pooler = None  # a new one, which reads the first token alone
    if method == FULL:
        return MeanPooled(model)
    madx.add_stacks(model, head=["classifier"])
    training.set_seed(seed)
    size = model.config
    madx.put_task(model, [Adapter(size.hidden_size, BOTTLENECK) for _ in range(size.num_hidden_layers)])
    return MeanPooled(madx.train_only(madx.put_language(model, language), "task"))


def make_loader(
    reviews: DatasetDict, split: str, tokenizer: PreTrainedTokenizerBase, seed: int = 0
) -> "DataLoader[Any]":
    """Batches of a split; of the test rows the first `ASKED`, and the training rows shuffled by the seed."""
    rows = reviews[split]
    if split == "test":
        rows = rows.select(range(min(ASKED, len(rows))))
    train = split == "train"
    tokenized = data.tokenize(rows, tokenizer)
    return data.make_loader(tokenized, tokenizer, BATCH_SIZE if train else 50, shuffle=train, seed=seed)


def train(
    model: nn.Module,
    reviews: DatasetDict,
    tokenizer: PreTrainedTokenizerBase,
    rate: float,
    seed: int,
    **fit: Any,
) -> training.History:
    """Train what `prepare` returned on the source's sentences. fit: more of `training.fit`."""
    loader = make_loader(reviews, "train", tokenizer, seed)
    return training.fit(model, loader, steps=STEPS, learning_rate=rate, seed=seed, **fit)


def in_each_language(
    model: nn.Module,
    loaders: dict[str, Any],
    adapters: Mapping[str, madx.LanguageAdapter | None] | None = None,
) -> dict[str, float]:
    """The accuracy of a trained model in each language of `loaders`, with that language's adapter put in before.

    adapters: by language, None for no adapter; without them the model is measured as it is.
    """
    found = {}
    for language, loader in loaders.items():
        if adapters is not None:
            madx.put_language(model, adapters[language])
        found[language] = training.evaluate(model, loader)
    return found


def _tries() -> tries.Tries:
    return tries.Tries(NAME, "madx", RATES, SEEDS, data_name(SOURCE), VALIDATION, STEPS)


def chosen(method: str) -> float:
    """The learning rate with the best validation accuracy. Raises ValueError where one has not been tried."""
    return _tries().chosen(method)


def tried(method: str) -> dict[float, float]:
    """The validation accuracy of each learning rate that has been tried."""
    return _tries().tried(method)


def scores(method: str) -> pd.DataFrame:
    """The test accuracies (%), a row for each of `SEEDS` and a column for each language.

    Raises ValueError where the runs of the table with the chosen rate have not all been made.
    """
    _tries().scores(method)
    rows = results.load(NAME, tries.TRACK)
    rows = rows[(rows["steps"] == STEPS) & (rows["learning_rate"] == chosen(method))]
    languages = {data_name(language): language for language in LANGUAGES}
    rows = rows[(rows["method"] == method) & rows["data"].isin(languages) & rows["seed"].isin(SEEDS)]
    found = rows.pivot(index="seed", columns="data", values="value").rename(columns=languages)
    return 100 * found[list(LANGUAGES)].rename_axis(columns=None)


def by_language() -> pd.DataFrame | None:
    """The `scores` of all methods side by side: a row for each seed, a column for each (method, language).

    Where runs of the table are missing, a line says how many are there, and the answer is None.
    """
    runs = sum(map(len, RATES.values())) + len(RATES) * len(SEEDS)
    if missing := Table.missing():
        made = runs - len(missing)
        print(f"not yet: {made} of {runs} runs. python -m course_utils tables madx makes the rest.")
        return None
    return pd.concat({method: scores(method) for method in RATES}, axis=1)


class Table:
    """A row for each try, and a row for each language of each run with the chosen rate."""

    roles = (ENCODER, REVIEWS, ADAPTERS)

    def __init__(self) -> None:
        self.tokenizer = models.load_tokenizer(ENCODER)
        self.reviews = {g: data.load(REVIEWS, g) for g in LANGUAGES}
        # The source comes last: a run counts as made when the source has its row.
        self.loaders = {g: make_loader(self.reviews[g], "test", self.tokenizer) for g in (*TARGETS, SOURCE)}

    @functools.cached_property
    def languages(self) -> dict[str, madx.LanguageAdapter]:
        """The language adapters, which MAD-X alone needs."""
        return load_languages()

    @staticmethod
    def missing() -> list[tries.Run]:
        """The runs without a row, those of MAD-X last: of a method all tries, then the runs, seed by seed."""
        return sorted(_tries().missing(), key=lambda run: list(RATES).index(run.method))

    def make(self, run: tries.Run) -> str:
        """Train and measure one run, record its rows, and tell what it was. The tries of a method come first."""
        rate = chosen(run.method) if run.rate is None else run.rate
        reviews = self.reviews[SOURCE]
        labels = reviews["train"].features["label"].names
        languages = self.languages if run.method == MADX else None
        model = prepare(run.method, labels, run.seed, languages[SOURCE] if languages else None)
        history = train(model, reviews, self.tokenizer, rate, run.seed, progress=False)
        if run.rate is None:
            found = in_each_language(model, self.loaders, languages)
            accuracy = {data_name(language): value for language, value in found.items()}
        else:
            validation = make_loader(reviews, "validation", self.tokenizer)
            accuracy = {VALIDATION: training.evaluate(model, validation)}
        for name, value in accuracy.items():
            _tries().record("E21", run, history, model=ENCODER, data=name, accuracy=value, rate=rate)
        told = ", ".join(f"{name.removeprefix('NusaX, ')} {value:.1%}" for name, value in accuracy.items())
        return f"{run.method}, seed {run.seed}, rate {rate:g}: {told}"
