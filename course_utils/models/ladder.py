"""The ladder: language models of several sizes, trained alike on the same tokens, and the rows that they learn from."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from course_utils import assets
from course_utils.data import NO_LABEL, word_puzzles
from course_utils.data.word_puzzles import ARROW, END, Words
from course_utils.models.classifiers import from_config

Row = tuple[list[int], list[int]]
RowMaker = Callable[[Words, dict[str, int], random.Random], Row]
ROW = 128  # tokens of a training row
DESCRIBED, COMPOSED = 0.25, 0.35  # shares of the rows with a description, and of those with a composition


def facts(role: str = "lm_ladder") -> dict[str, Any]:
    """What the ladder's recipe wrote down: names of the sizes, smallest first, steps, tokens, learning rates."""
    return json.loads((assets.fetch(role) / "ladder.json").read_text(encoding="utf-8"))


def load(role: str = "lm_ladder") -> dict[str, PreTrainedModel]:
    """The models of the ladder by name, smallest first, in float32 and in eval mode. Raises `AssetError`."""
    folder = assets.fetch(role)
    return {
        name: AutoModelForCausalLM.from_pretrained(
            folder / name, dtype=torch.float32, local_files_only=True, use_safetensors=True
        )
        for name in facts(role)["sizes"]
    }


def new(name: str, seed: int, role: str = "lm_ladder") -> PreTrainedModel:
    """A model of one of the ladder's sizes with random weights, which follow from `seed`."""
    config = AutoConfig.from_pretrained(assets.fetch(role) / name, local_files_only=True)
    return from_config(AutoModelForCausalLM, config, seed)


def words(role: str = "lm_ladder") -> Words:
    """The words of the tasks: the pairs that training used, and those that it never showed.

    In a run of a sweep made-up words stand for the latter, which must not choose a learning rate.
    """
    found = read_words(assets.fetch(role) / "words.json")
    return found if assets.sweep_factor() is None else word_puzzles.for_choosing(found)


def read_words(path: Path) -> Words:
    """The words in a words.json."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return Words(pairs=[tuple(pair) for pair in found["pairs"]], held_out=found["held_out"])


def training_row(known: Words, vocabulary: dict[str, int], rng: random.Random) -> Row:
    """One row of the ladder's training: a task drawn at random, a description or none, and solved examples.

    Returns the tokens and, for each, the label: the next token where that belongs to an answer, else -100.
    """
    simple = [task for task in word_puzzles.TASKS if task not in word_puzzles.COMPOSED]
    task = rng.choice(word_puzzles.COMPOSED if rng.random() < COMPOSED else simple)
    description = None
    if rng.random() < DESCRIBED:
        language = "english" if task in word_puzzles.ENGLISH_ONLY else rng.choice(("english", "indonesian"))
        description = rng.choice(word_puzzles.DESCRIPTIONS[task][language])
    return _row(description, lambda: word_puzzles.solve(task, known, rng), vocabulary)


def prompted_row(tasks: Sequence[str], language: str | None) -> RowMaker:
    """For tuning: rows of these tasks alone, each with its usual description in `language` (None: without one), on
    `held_out` words."""

    def make(known: Words, vocabulary: dict[str, int], rng: random.Random) -> Row:
        task = rng.choice(tasks)
        description = word_puzzles.DESCRIPTIONS[task][language][0] if language else None
        return _row(description, lambda: word_puzzles.solve(task, known, rng, test=True), vocabulary)

    return make


def _row(description: str | None, solve: Callable[[], tuple[str, str]], vocabulary: dict[str, int]) -> Row:
    """The description, as many solved examples as fit, and padding."""
    pieces, is_answer = ["<s>"], [False]

    def add(text: Sequence[str], answer: bool) -> None:
        pieces.extend(text)
        is_answer.extend([answer] * len(text))

    if description:
        add([*description, ":", END], False)
    while True:
        given, answer = solve()
        if len(pieces) + len(given) + len(answer) + 2 > ROW + 1:
            break
        add([*given, ARROW], False)
        add([*answer, END], True)
    add(["<pad>"] * (ROW + 1 - len(pieces)), False)
    ids = [vocabulary[piece] for piece in pieces]
    labels = [token if counts else NO_LABEL for token, counts in zip(ids[1:], is_answer[1:], strict=True)]
    return ids[:-1], labels


def training_loader(
    known: Words,
    tokenizer: PreTrainedTokenizerBase,
    rows: int,
    batch_size: int,
    seed: int,
    make: RowMaker = training_row,
) -> "DataLoader[Any]":
    """Batches of rows: input_ids and labels, (batch, ROW). The label of a place is the next token, or -100."""
    rng, vocabulary = random.Random(seed), tokenizer.get_vocab()
    made = [make(known, vocabulary, rng) for _ in range(rows)]
    ids, labels = (torch.tensor(part, dtype=torch.int16) for part in zip(*made, strict=True))

    def collate(places: list[int]) -> dict[str, Tensor]:
        return {"input_ids": ids[places].long(), "labels": labels[places].long()}

    return DataLoader(range(rows), batch_size=batch_size, collate_fn=collate, num_workers=0)  # type: ignore[arg-type]


def answer_batches(
    prompts: list[str], answers: list[str], tokenizer: PreTrainedTokenizerBase, batch_size: int = 128
) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """Prompts with their answers after them, for scoring, in the order given.

    Yields what the model takes, input_ids and attention_mask, and a mask that is True at the tokens of the answer,
    the one that ends it among them; all of shape (batch, longest). Padding stands on the right.
    """
    texts = [prompt + answer + END for prompt, answer in zip(prompts, answers, strict=True)]
    for start in range(0, len(texts), batch_size):
        begins = [len(ids) for ids in tokenizer(prompts[start : start + batch_size])["input_ids"]]
        part = texts[start : start + batch_size]
        batch = tokenizer(
            part, padding=True, padding_side="right", return_tensors="pt", return_token_type_ids=False
        )
        places = torch.arange(batch["input_ids"].shape[1])
        yield dict(batch), (places >= torch.tensor(begins)[:, None]) & batch["attention_mask"].bool()


def answer_loader(
    prompts: Sequence[str],
    answers: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    task_ids: Sequence[int] | None = None,
) -> "DataLoader[Any]":
    """For tuning on questions: prompts with their answers after them, in the order given, padded on the right.

    A batch holds input_ids, attention_mask and labels, (batch, longest): the label of a place is the next token where
    that belongs to the answer, else -100. With `task_ids` it also holds those of its rows, (batch,).
    """

    def collate(places: list[int]) -> dict[str, Tensor]:
        texts, wanted = ([column[place] for place in places] for column in (prompts, answers))
        batch, in_answer = next(answer_batches(texts, wanted, tokenizer, len(places)))
        labels = torch.full_like(batch["input_ids"], NO_LABEL)
        labels[:, :-1] = batch["input_ids"][:, 1:].masked_fill(~in_answer[:, 1:], NO_LABEL)
        of_tasks = (
            {} if task_ids is None else {"task_ids": torch.tensor([task_ids[place] for place in places])}
        )
        return {**batch, "labels": labels, **of_tasks}

    return DataLoader(range(len(prompts)), batch_size=batch_size, collate_fn=collate, num_workers=0)  # type: ignore[arg-type]


def padded(
    texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, side: str, **how: Any
) -> dict[str, Tensor]:
    """Texts as one batch, input_ids and attention_mask of shape (batch, longest), padded on `side`: left or right.
    `how` goes to the tokenizer."""
    batch = tokenizer(
        list(texts), padding=True, padding_side=side, return_tensors="pt", return_token_type_ids=False, **how
    )
    return dict(batch)
