"""Exercise on the text of a prompt."""

import copy

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import INPUTS_CHANGED, RESULT, Arguments, Exercise, Function, Observations
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


BUILD_PROMPT = Exercise(
    reference=scale.build_prompt,
    cases=_prompt_cases,
    observe=_observe_text,
    mistakes=edits(
        scale.build_prompt,
        (
            {"{query} => ": "{query} =>"},
            "the blank behind the last arrow is missing. In the examples the answer begins after ' => ', "
            "with both blanks; another ending is another token, which the model has never seen there.",
        ),
        (
            {" if description else []": ""},
            "where there is no description, the word None stands in the prompt. Leave the line out.",
        ),
        ({"{description}:": "{description}"}, "the description should end in a colon."),
        (
            {"if description": "if None"},
            "the description is missing: it is the first line, where there is one.",
        ),
        (
            {"lines = ": "head = ", "+= ": "= ", "*lines": "*lines, *head"},
            "the description stands behind the examples. It comes first.",
        ),
        ({"in examples": "in ()"}, "the examples are missing: one line each, 'given => answer'."),
        ({"examples": "examples[:1]"}, "only the first example is shown. Few-shot shows them all."),
        (
            {"given, answer": "answer, given"},
            "in the examples, what is given and the answer are exchanged.",
        ),
        (
            {"{query} => ": "{query}"},
            "the query lacks its arrow: the prompt ends where the answer is to begin, with ' => '.",
        ),
        (
            {' => "])': ' => \\n"])'},
            "the prompt ends in a new line. A new line ends an answer, so the model would take "
            "the answer for given. End with ' => '.",
        ),
        ({'"\\n"': '" "'}, "the parts stand on one line. Put a new line between them."),
        (
            {"else []": 'else [""]'},
            "where there is no description, an empty line stands in its place. Leave the line out.",
        ),
        (
            {'=> "])': '=> "]).replace(":\\n", ": ")'},
            "the description stands on the line of what follows. Put a new line behind its colon.",
        ),
        ({"examples": "examples[::-1]"}, "the order of the examples is turned round. Keep it."),
        ({"examples": "examples[-1:]"}, "only the last example is shown. Few-shot shows them all."),
        ({" => ": "=>"}, "the arrow stands between two blanks: ' => '."),
        ({'"\\n"': '"\\n\\n"'}, "there is an empty line between the parts. One new line is enough."),
        (
            {'[f"{given}': '["\\n".join(f"{given}', "examples]": "examples)]"},
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
