"""Exercises on the text of a prompt, and on prompts with their answers as one batch."""

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
        {"{query} => ": "{query} =>"},
        "the blank after the last arrow is missing. In the examples the answer begins after ' => ', "
        "with both blanks; another ending is another token, which the model has never seen there.",
        {" if description else []": ""},
        "where there is no description, the word None stands in the prompt. Leave the line out.",
        {"{description}:": "{description}"},
        "the description should end in a colon.",
        {"if description": "if None"},
        "the description is missing: it is the first line, where there is one.",
        {"lines = ": "head = ", "+= ": "= ", "*lines": "*lines, *head"},
        "the description comes after the examples. It comes first.",
        {"in examples": "in ()"},
        "the examples are missing: one line each, 'given => answer'.",
        {"examples": "examples[:1]"},
        "only the first example is shown. Few-shot shows them all.",
        {"given, answer": "answer, given"},
        "in the examples, what is given and the answer are exchanged.",
        {"{query} => ": "{query}"},
        "the query lacks its arrow: the prompt ends where the answer is to begin, with ' => '.",
        {' => "])': ' => \\n"])'},
        "the prompt ends in a new line. A new line ends an answer, so the model would take "
        "the answer for given. End with ' => '.",
        {'"\\n"': '" "'},
        "the parts stand on one line. Put a new line between them.",
        {"else []": 'else [""]'},
        "where there is no description, an empty line stands in its place. Leave the line out.",
        {'=> "])': '=> "]).replace(":\\n", ": ")'},
        "the description stands on the line of what follows. Put a new line after its colon.",
        {"examples": "examples[::-1]"},
        "the order of the examples is turned round. Keep it.",
        {"examples": "examples[-1:]"},
        "only the last example is shown. Few-shot shows them all.",
        {" => ": "=>"},
        "the arrow stands between two blanks: ' => '.",
        {'"\\n"': '"\\n\\n"'},
        "there is an empty line between the parts. One new line is enough.",
        {'[f"{given}': '["\\n".join(f"{given}', "examples]": "examples)]"},
        "where there are no examples, an empty line stands in their place. Join all lines at once.",
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

# --- prompts with their answers ---

PARTS = ("input_ids", "attention_mask", "answer_mask")
# Prompts, answers and the id of the padding. It also stands within a prompt: padding is known by its place alone.
PAIRS: tuple[tuple[list[list[int]], list[list[int]], int], ...] = (
    ([[1, 4], [1, 3, 5]], [[2, 3, 5], [2]], 7),
    ([[1, 3, 4, 6, 2]], [[5, 3]], 7),
    ([[1, 6, 0, 3], [1], [1, 0, 0, 5]], [[4, 2], [3, 5, 6, 4, 2, 5], [6, 6, 3, 4]], 0),
    ([[1, 2], [1, 2]], [[5, 4, 7], [3, 7, 5]], 7),
)


def batch_cases(_: Generator) -> list[Arguments]:
    """Pairs of token ids, with what to fill up with."""
    return [
        {"prompts": prompts, "answers": answers, "pad_token_id": padding}
        for prompts, answers, padding in PAIRS
    ]


def changed_lists(given: Arguments, arguments: Arguments) -> list[str]:
    """The names of the lists that an answer changed in place."""
    return [name for name in ("prompts", "answers") if given[name] != arguments[name]]


def _observe_batch(function: Function, arguments: Arguments) -> Observations:
    given = copy.deepcopy(arguments)
    value = function(*given.values())
    seen: Observations = {INPUTS_CHANGED: ", ".join(changed_lists(given, arguments)) or None}
    if not isinstance(value, tuple | list) or len(value) != len(PARTS):
        return {**seen, RESULT: value}
    return {**seen, RESULT: f"{len(PARTS)} parts", **dict(zip(PARTS, value, strict=True))}


LISTS_CHANGED = (
    "the lists of the caller are changed in place: `prompt += answer` and `prompt.append(...)` do that. Build a new "
    "list: prompt + answer."
)
OF_ANSWER = "len(prompts[i]) : len(row)"
ANSWER_BATCH = Exercise(
    reference=scale.answer_batch,
    cases=batch_cases,
    observe=_observe_batch,
    mistakes=edits(
        scale.answer_batch,
        {
            "[i, : len(row)]": "[i, longest - len(row) :]",
            f"[i, {OF_ANSWER}]": "[i, longest - len(row) + len(prompts[i]) :]",
        },
        "the padding stands on the left. Here every row begins at index 0, and the padding follows on the right.",
        {OF_ANSWER: "len(prompts[i]) :"},
        "the padding is marked as answer too. The answer ends where its row ends.",
        {OF_ANSWER: ": len(row)"},
        "the prompt is marked as answer too. The answer begins after it, at len(prompt).",
        {OF_ANSWER: "len(prompts[i]) - 1 : len(row) - 1"},
        "the mask is shifted by one. It marks the tokens themselves; the shift comes with the logits.",
        {OF_ANSWER: "len(prompts[i]) : len(row) - 1"},
        "the last token of the answer is not marked. A slice leaves out its end, so the end is len(row).",
        {OF_ANSWER: "len(prompts[i])"},
        "only the first token of the answer is marked. Mark all of them.",
        {OF_ANSWER: "len(prompts[i]) - 1 : len(row)"},
        "the mask begins a token too early, at the last one of the prompt. Python counts from 0, so the answer's "
        "first token stands at len(prompt).",
        {OF_ANSWER: "len(prompts[i]) + 1 : len(row)"},
        "the first token of the answer is not marked. Python counts from 0, so it stands at len(prompt).",
        {OF_ANSWER: "len(prompts[i]) : len(row) + 1"},
        "the mask ends a token too late. A slice leaves out its end, so the end is len(row).",
        {OF_ANSWER: "len(prompts[i]) + 1 : len(row) + 1"},
        "the mask stands a token too far to the right: the answer begins at len(prompt) and ends before len(row).",
        {OF_ANSWER: ": len(prompts[i])"},
        "the prompt is marked, and the answer is not. It is turned round.",
        {OF_ANSWER: "-len(answers[i]) :"},
        "the answer is counted from the end of the padded row, where the padding stands. Count from the front.",
        {OF_ANSWER: "len(prompts[0]) : len(row)"},
        "every row's mask begins where that of the first row does. Each prompt has its own length.",
        {"attention_mask[i, : len(row)]": "attention_mask[i, :]"},
        "the attention mask is 1 at the padding too, so the model reads padding as if it were text.",
        {"attention_mask[i, : len(row)]": "attention_mask[i, : len(prompts[i])]"},
        "the attention mask leaves out the answer. It is 1 at every real token, of prompt and answer.",
        {"attention_mask[i, : len(row)] = 1": "attention_mask = (input_ids != pad_token_id).long()"},
        "the attention mask is made from the ids, but the id of the padding may stand in a text as well. Only the "
        "lengths tell what is padding.",
        {", pad_token_id)": ", 0)"},
        "the rows are filled up with 0, and the id of the padding is pad_token_id.",
        {"prompt + answer": "answer + prompt"},
        "the answer stands before its prompt.",
        {"prompt + answer": "prompt"},
        "the answers are missing from input_ids: a row is a prompt and its answer.",
        {"dtype=torch.bool": "dtype=torch.long"},
        "answer_mask should hold truth values: dtype=torch.bool.",
        {
            "attention_mask = torch.zeros(len(rows), longest, dtype=torch.long)": "attention_mask = torch.zeros("
            "len(rows), longest, dtype=torch.bool)"
        },
        "attention_mask should hold whole numbers, 1 and 0: dtype=torch.long.",
        {", pad_token_id)": ", float(pad_token_id))"},
        "input_ids are floating-point numbers, and an embedding can look up whole numbers only.",
    ),
    advice={
        INPUTS_CHANGED: LISTS_CHANGED,
        "type": "return three tensors: input_ids, attention_mask, answer_mask.",
        "dtype": "input_ids and attention_mask are whole numbers, answer_mask is bool. Are they in this order?",
        "shape": "all three have the shape (batch, longest): longest is that of the longest prompt with its answer.",
        "ValueError": "rows of unequal length make no tensor. Fill them up to the longest first.",
        "RuntimeError": "rows of unequal length make no tensor. Fill them up to the longest first.",
    },
)
