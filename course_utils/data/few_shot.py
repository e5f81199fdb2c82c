"""Few-shot prompts: which examples are shown and what is asked, drawn several times, and the text of the prompt.

Which examples a prompt shows, and in which order, can move a model's accuracy by tens of points (Zhao et al. 2021,
"Calibrate Before Use", section 3; arXiv:2102.09690). So one draw of examples measures little.
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

Pair = tuple[str, str]
"""What is given, and its answer."""


class Draw(NamedTuple):
    """The solved examples that a prompt may show, the nearest to the query last, and what is asked after them."""

    examples: list[Pair]
    asked: list[Pair]


def draws(
    pool: Sequence[Pair], asked: Sequence[Pair], *, count: int, examples: int, queries: int, seed: int = 0
) -> list[Draw]:
    """`count` draws, each with `examples` pairs of `pool` and `queries` pairs of `asked`, all by chance.

    No two draws ask the same pair, so their scores vary as scores of new examples and new queries do. Within a draw the
    queries are the same for every prompt: prompts are compared on equal terms. Labels are not balanced, as in Brown et
    al. (2020), section 2.4. Raises ValueError where `pool` or `asked` has too few pairs.
    """
    if len(pool) < examples or len(asked) < count * queries:
        raise ValueError(
            f"{count} draws of {examples} examples and {queries} queries each need {examples} pairs to show and "
            f"{count * queries} to ask; there are {len(pool)} and {len(asked)}. Ask for fewer."
        )
    chance = random.Random(seed)
    order = chance.sample(list(asked), count * queries)
    return [
        Draw(chance.sample(list(pool), examples), order[start : start + queries])
        for start in range(0, count * queries, queries)
    ]


def prompts(
    examples: Sequence[Pair], queries: Sequence[str], description: str | None = None, arrow: str = " =>"
) -> list[str]:
    """A prompt for each query: the description and a colon, where there is one; the examples, one a line; the query.

    This is the form of Brown et al. (2020), figure 2.1: an example reads "given => answer". A prompt ends in the arrow
    without a blank, because a subword tokenizer has the blank in the answer's first token. All prompts begin alike, so
    that a prefix cache computes description and examples once.
    """
    lines = [f"{description}:"] if description else []
    lines += [f"{given}{arrow} {answer}" for given, answer in examples]
    return ["\n".join([*lines, query + arrow]) for query in queries]
