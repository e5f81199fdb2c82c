"""Zero-shot chain of thought: a language model writes its way to an answer, and is then asked for the number alone.

Source: Kojima et al. (2022), "Large Language Models are Zero-Shot Reasoners", section 3, for the two prompts; the
lengths, and how a number is read, are those of the authors' code.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from course_utils.models import language_models

DIRECT = "The answer (arabic numerals) is"
THEREFORE = "Therefore, the answer (arabic numerals) is"
WRITE_TOKENS, ANSWER_TOKENS = 128, 32
NUMBER = re.compile(r"-?\d+\.?\d*")


class Solution(NamedTuple):
    """What follows "A:" in the end, template and second prompt included; and the number that was read, or ""."""

    text: str
    number: str


def first_number(text: str) -> str:
    """The first number of the text, as digits: "1,200." gives "1200". Where there is none, ""."""
    found = NUMBER.search(text.replace(",", ""))
    return found[0].removesuffix(".") if found else ""


def solve(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    template: str | None,
    *,
    write_tokens: int = WRITE_TOKENS,
    batch_size: int = 30,
) -> list[Solution]:
    """The model's solution of each problem, written greedily.

    With a template, in two steps: the model goes on from "A:" and the template for `write_tokens` tokens, and after
    these the prompt `THEREFORE` asks for the number. With None, zero-shot: `DIRECT` asks at once. Raises ValueError as
    `language_models.write`.
    """

    def write(prompts: Sequence[str], count: int) -> list[str]:
        return language_models.write(model, tokenizer, prompts, max_new_tokens=count, batch_size=batch_size)

    asked = [f"Q: {question}\nA: {DIRECT if template is None else template}" for question in questions]
    if template is not None:
        thoughts = write(asked, write_tokens)
        asked = [f"{start} {thought}\n{THEREFORE}" for start, thought in zip(asked, thoughts, strict=True)]
    replies = write(asked, ANSWER_TOKENS)
    return [
        Solution(f"{prompt} {reply}"[len(f"Q: {question}\nA: ") :], first_number(reply))
        for question, prompt, reply in zip(questions, asked, replies, strict=True)
    ]


def share_right(solutions: Sequence[Solution], answers: Sequence[str]) -> float:
    """The share of problems whose number is the answer, digit for digit, as the paper counts. Raises ValueError
    where there is no problem."""
    if not answers:
        raise ValueError("There is no problem, so no share of them is right. Give at least one.")
    right = [solution.number == answer for solution, answer in zip(solutions, answers, strict=True)]
    return sum(right) / len(right)
