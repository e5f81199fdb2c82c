"""A chat model distilled: a student cut from the language model's layers learns to answer as the whole model does.

It is taught in three ways (`chat_teaching`) with the instructions of Wang et al. (2023), "Self-Instruct", and judged by
the questions of Chiang et al. (2023), "Vicuna". All methods make the same number of steps, and get two learning rates,
of which the better on held-out instructions, after fewer steps, is taken. One seed.
"""

import json
import random
from collections.abc import Sequence
from typing import Any

import pandas as pd
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from course_utils import assets, data, models, paths, results
from course_utils.data.answers import Request, as_chat, tokens_of
from course_utils.methods.seqkd import rouge_l
from course_utils.models import chat
from course_utils.runs import tries
from course_utils.runs.chat_teaching import METHODS, Taught, log_likelihoods, student_of, teach

NAME = "04_chat"
"""What the rows bear as their notebook: results.load("04_chat")."""

RATES = dict.fromkeys(METHODS, (3e-4, 1e-3))
"""Set before the table was made."""

STEPS, TRIED_STEPS = 60, 16
LONGEST_PROMPT, ANSWER_TOKENS, HELD_OUT = 96, 48, 40
BEFORE, TEACHER, OTHER = "before", "teacher", "teacher, to another question"
DATA, VALIDATION = "Vicuna's questions", "instructions, held out"
PRETRAINING = 6 * 134_515_008 * 2e12
"""Operations that made the teacher: 6 for each parameter and token. Its authors used two trillion tokens (Ben Allal et
al. 2025, "SmolLM2")."""


def instructions(tokenizer: PreTrainedTokenizerBase) -> tuple[list[str], list[str]]:
    """The prompts that teach, and `HELD_OUT` that choose the rates, in the tokenizer's chat form.

    They are the seed tasks and the user-oriented instructions of at most `LONGEST_PROMPT` tokens.
    """
    rows = [row for split in data.load("instruction_seeds").values() for row in split]
    asked = dict.fromkeys(f"{row['instruction']}\n\n{row['input']}".strip() for row in rows)
    prompts = as_chat(tokenizer, list(asked))
    lengths = map(len, tokens_of(tokenizer, prompts))
    short = [prompt for prompt, length in zip(prompts, lengths, strict=True) if length <= LONGEST_PROMPT]
    random.Random(0).shuffle(short)
    return short[HELD_OUT:], short[:HELD_OUT]


def answers(
    teacher: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]
) -> list[Request]:
    """The teacher's greedy answers. Those that were written before are read from a file of the build folder."""
    path = paths.BUILD / "chat" / f"answers_{assets.track()}_{ANSWER_TOKENS}.json"
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    lacking = [prompt for prompt in prompts if prompt not in known]
    for start in range(0, len(lacking), 64):
        some = lacking[start : start + 64]
        written = chat.continued(teacher, tokenizer, tokens_of(tokenizer, some), ANSWER_TOKENS)
        known |= zip(some, written, strict=True)
        paths.write_whole(path, json.dumps(known))
        print(f"The teacher has answered {start + len(some)} of {len(lacking)} prompts.", flush=True)
    return [Request(*known[prompt]) for prompt in prompts]


def repeated(text: str) -> float:
    """The share of a text's runs of three words that occurred in it before, from 0 to 1."""
    words = text.split()
    runs = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(runs)) / max(len(runs), 1) if runs else 0.0


def judge(
    teacher: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    written: Sequence[Request],
    references: Sequence[Request],
) -> dict[str, list[float]]:
    """For each answer: the teacher's log-likelihood per token, ROUGE-L to the teacher's answer, repeated runs."""
    said, wanted = (texts_of(tokenizer, answers) for answers in (written, references))
    return {
        "log-likelihood": log_likelihoods(teacher, written).tolist(),
        "ROUGE-L": [rouge_l(text, other) for text, other in zip(said, wanted, strict=True)],
        "repeated": [repeated(text) for text in said],
    }


def texts_of(tokenizer: PreTrainedTokenizerBase, written: Sequence[Request]) -> list[str]:
    """The answers without their prompts, as text."""
    rows = [tokens[start:] for tokens, start in written]
    return [text.strip() for text in tokenizer.batch_decode(rows, skip_special_tokens=True)]


def operations(method: str, taught: Taught, student: PreTrainedModel, teacher: PreTrainedModel) -> float:
    """Floating-point operations of a training: 2 for each parameter and token that a model reads or writes, and 4 more
    for the gradients of the student. The teacher wrote the texts, and reads along where its logits are asked for."""
    small, large = models.count(student), models.count(teacher)
    asked = taught.theirs + taught.own + (taught.theirs if method == "word-level" else 0)
    return 6 * small * (taught.theirs + taught.own) + 2 * small * taught.own + 2 * large * asked


def _tries() -> tries.Tries:
    return tries.Tries(NAME, "chat", RATES, range(1), DATA, VALIDATION, TRIED_STEPS)


def chosen(method: str) -> float:
    """The learning rate with the best held-out log-likelihood. Raises ValueError where one has not been tried."""
    return _tries().chosen(method)


def tried(method: str) -> dict[float, float]:
    """The held-out log-likelihood per token of each learning rate that has been tried."""
    return _tries().tried(method)


def by_category(metric: str) -> pd.DataFrame:
    """A row for each category of questions, a column for each run of the table."""
    rows = _rows()
    rows = rows[rows["metric"] == metric]
    return rows.pivot(index="category", columns="method", values="value")


def _rows() -> pd.DataFrame:
    rows = results.load(NAME, tries.TRACK)
    return rows if rows.empty else rows[(rows["data"] == DATA) & (rows["steps"] == STEPS)]


class Table:
    """A row for each try, and for each metric and category of each run: the teacher, the student before and after."""

    roles = ("language_model", "instruction_seeds", "chat_questions")

    def __init__(self) -> None:
        self.tokenizer = models.load_tokenizer("language_model")
        self.teacher = models.load_language_model("language_model").to(models.device())
        self.questions = data.load("chat_questions")["test"]
        taught, held_out = instructions(self.tokenizer)
        asked = as_chat(self.tokenizer, self.questions["question"])
        found = answers(self.teacher, self.tokenizer, [*taught, *held_out, *asked])
        self.taught, self.held_out = found[: len(taught)], found[len(taught) : -len(asked)]
        self.references = found[-len(asked) :]

    @staticmethod
    def missing() -> list[tries.Run]:
        """The runs without a row: all tries, then the teacher, the student before, and the student of each method."""
        untried = [
            tries.Run(method, 0, rate)
            for method, rates in RATES.items()
            for rate in rates
            if rate not in tried(method)
        ]
        rows = _rows()
        made = set() if rows.empty else set(rows[rows["metric"] == "repeated"]["method"])
        return untried + [
            tries.Run(name, 0) for name in (TEACHER, OTHER, BEFORE, *METHODS) if name not in made
        ]

    def make(self, run: tries.Run) -> str:
        """Teach and judge one run, record its rows, and tell how it did. The tries of a method come first."""
        if run.rate is not None:
            return self._try(run.method, run.rate)
        student, taught, rate = self.teacher, Taught(0, 0, 0, 0.0), 0.0
        if run.method in (BEFORE, *METHODS):
            student = student_of(self.teacher)
        if run.method in METHODS:
            rate = chosen(run.method)
            taught = self.teach(run.method, student, rate, STEPS)
            self._record(
                run.method, taught, rate, "operations", operations(run.method, taught, student, self.teacher)
            )
        found = self.judged(run.method, student)
        for metric, values in found.items():
            by_category = pd.Series(values).groupby(list(self.questions["category"])).mean()
            for category, value in by_category.items():
                self._record(run.method, taught, rate, metric, value, category=category)
        means = {metric: sum(values) / len(values) for metric, values in found.items()}
        return f"{run.method}: " + ", ".join(f"{metric} {value:.3f}" for metric, value in means.items())

    def teach(
        self, method: str, student: PreTrainedModel, rate: float, steps: int, progress: bool = False
    ) -> Taught:
        """`chat_teaching.teach` with the table's teacher and its answers."""
        how: dict[str, Any] = {"rate": rate, "steps": steps, "progress": progress}
        return teach(method, student, self.teacher, self.tokenizer, self.taught, **how)

    def judged(self, name: str, student: PreTrainedModel) -> dict[str, list[float]]:
        """`judge` for what the student answers to Vicuna's questions, or for the teacher's answers."""
        if name == TEACHER:
            written = self.references
        elif name == OTHER:
            texts = [tokens[start:] for tokens, start in self.references]
            written = [
                Request(request.tokens[: request.start] + text, request.start)
                for request, text in zip(self.references, texts[1:] + texts[:1], strict=True)
            ]
        else:
            prompts = [tokens[:start] for tokens, start in self.references]
            written = chat.continued(student, self.tokenizer, prompts, ANSWER_TOKENS)
        return judge(self.teacher, self.tokenizer, written, self.references)

    def _try(self, method: str, rate: float) -> str:
        student = student_of(self.teacher)
        taught = self.teach(method, student, rate, TRIED_STEPS)
        value = log_likelihoods(student, self.held_out).mean().item()
        self._record(method, taught, rate, "log-likelihood", value, VALIDATION, TRIED_STEPS)
        return f"{method}, rate {rate:g}: log-likelihood {value:.3f} on {VALIDATION}"

    @staticmethod
    def _record(
        method: str,
        taught: Taught,
        rate: float,
        metric: str,
        value: float,
        asked: str = DATA,
        steps: int | None = None,
        category: str = "all",
    ) -> None:
        results.record(
            NAME,
            "E12",
            method,
            model="language model",
            data=asked,
            seed=0,
            trainable_parameters=taught.trainable_parameters,
            metric=metric,
            value=value,
            seconds=taught.seconds,
            learning_rate=rate,
            steps=STEPS if steps is None else steps,
            category=category,
        )
