"""Exercise on the text of a prompt."""

import copy
from collections.abc import Sequence

from torch import Generator

from course_utils.checks.tasks import (
    INPUTS_CHANGED,
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    slips,
)
from course_utils.methods import scale


def _observe_text(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    value = function(*given.values())
    return {INPUTS_CHANGED: "examples" if given != arguments else None, RESULT: value}


def _prompt_cases(_: Generator) -> list[Arguments]:
    pairs = [("cat", "tac"), ("dog", "god"), ("star", "rats")]
    asked: tuple[tuple[str | None, list[tuple[str, str]], str], ...] = (
        ("reverse the word", pairs[:1], "pot"),
        ("reverse the word", [], "sun"),
        (None, pairs[:2], "top"),
        (None, [], "tree"),
        ("balik kata ini", pairs, "ikan"),
    )
    return [dict(zip(("description", "examples", "query"), parts, strict=True)) for parts in asked]


def _loose_prompt(
    description: str | None,
    examples: Sequence[tuple[str, str]],
    query: str,
    *,
    says_none: bool = False,
    no_colon: bool = False,
    no_description: bool = False,
    description_last: bool = False,
    no_examples: bool = False,
    first_only: bool = False,
    exchanged: bool = False,
    no_arrow: bool = False,
    no_blank: bool = False,
    line_after: bool = False,
    blanks: bool = False,
    two_lines: bool = False,
    same_line: bool = False,
    empty_line: bool = False,
    backwards: bool = False,
    last_only: bool = False,
    tight: bool = False,
) -> str:
    told = "None" if says_none and description is None else description
    arrow = "=>" if tight else " => "
    head = (
        [""]
        if empty_line and told is None
        else []
        if told is None or no_description
        else [told if no_colon else f"{told}:"]
    )
    shown = [] if no_examples else examples[:1] if first_only else examples[-1:] if last_only else examples
    shown = shown[::-1] if backwards else shown
    lines = [arrow.join((answer, given) if exchanged else (given, answer)) for given, answer in shown]
    lines = [*lines, *head] if description_last else [*head, *lines]
    end = query if no_arrow else f"{query} =>" if no_blank else query + arrow
    between = " " if blanks else "\n\n" if two_lines else "\n"
    text = between.join([*lines, end]) + ("\n" if line_after else "")
    return text.replace(":\n", ": ") if same_line else text


BUILD_PROMPT = Exercise(
    reference=scale.build_prompt,
    cases=_prompt_cases,
    observe=_observe_text,
    mistakes=slips(
        _loose_prompt,
        {
            "no_blank": "the blank behind the last arrow is missing. In the examples the answer begins after ' => ', "
            "with both blanks; another ending is another token, which the model has never seen there.",
            "says_none": "where there is no description, the word None stands in the prompt. Leave the line out.",
            "no_colon": "the description should end in a colon.",
            "no_description": "the description is missing: it is the first line, where there is one.",
            "description_last": "the description stands behind the examples. It comes first.",
            "no_examples": "the examples are missing: one line each, 'given => answer'.",
            "first_only": "only the first example is shown. Few-shot shows them all.",
            "exchanged": "in the examples, what is given and the answer are exchanged.",
            "no_arrow": "the query lacks its arrow: the prompt ends where the answer is to begin, with ' => '.",
            "line_after": "the prompt ends in a new line. A new line ends an answer, so the model would take "
            "the answer for given. End with ' => '.",
            "blanks": "the parts stand on one line. Put a new line between them.",
            "empty_line": "where there is no description, an empty line stands in its place. Leave the line out.",
            "same_line": "the description stands on the line of what follows. Put a new line behind its colon.",
            "backwards": "the order of the examples is turned round. Keep it.",
            "last_only": "only the last example is shown. Few-shot shows them all.",
            "tight": "the arrow stands between two blanks: ' => '.",
            "two_lines": "there is an empty line between the parts. One new line is enough.",
        },
        Mistake(
            lambda description, examples, query: (
                (f"{description}:\n" if description else "")
                + "\n".join(f"{given} => {answer}" for given, answer in examples)
                + f"\n{query} => "
            ),
            "where there are no examples, an empty line stands in their place. Join all lines at once.",
        ),
    ),
    advice={
        INPUTS_CHANGED: "the function changes its inputs in place: the list of examples is the caller's. "
        "Build a new list.",
        "type": "return a text (a str): the lines joined by '\\n'.",
        "TypeError": "description may be None, and examples may be empty: then their lines are left out.",
        "value": "compare the two texts above sign by sign, blanks and new lines too. One line a part: the description "
        "and a colon, 'given => answer' for each example, and the query with ' => '.",
    },
)
