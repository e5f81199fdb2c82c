"""Three hints for each exercise, written by hand: a nudge, the idea, nearly the line.

Each notebook has a TOML file here, named as its module in `checks/`, with a table for each exercise. The third hint
leaves a gap, `...`. Paragraphs are wrapped when they are shown. Lines indented by four blanks are code, and stay as
they are.
"""

import textwrap
import tomllib
from functools import cache
from pathlib import Path

STEPS = ("nudge", "idea", "nearly")
WIDTH = 95


@cache
def of_topic(topic: str) -> dict[str, dict[str, str]]:
    """The hints of one notebook: for each exercise its three texts, by the names in STEPS."""
    return tomllib.loads((Path(__file__).parent / f"{topic}.toml").read_text(encoding="utf-8"))


def of_exercise(id: str) -> list[str]:
    """The three hints of an exercise, in the order in which they are given."""
    topic, _, name = id.partition(".")
    return [of_topic(topic)[name][step].strip("\n") for step in STEPS]


def laid_out(hint: str) -> str:
    """A hint for the screen: prose wrapped, code as it stands, everything indented by four blanks."""
    blocks = [
        block if block.startswith("    ") else textwrap.fill(block, WIDTH) for block in hint.split("\n\n")
    ]
    return textwrap.indent("\n\n".join(blocks), "    ")
