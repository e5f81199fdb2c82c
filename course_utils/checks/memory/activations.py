"""Exercises on what the forward pass keeps: a linear layer, and a block of a transformer."""

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations, observe_number
from course_utils.methods import memory

OTHER_NAMES = "other names"

# --- saved_by_linear ---


def _linear_cases(_: Generator) -> list[Arguments]:
    names = ("input_needs_gradient", "weight_needs_gradient")
    return [
        dict(zip(names, needs, strict=True))
        for needs in ((False, True), (True, False), (True, True), (False, False))
    ]


def _observe_saved(function: Function, arguments: Arguments) -> Observations:
    """The answer in words, for a set shows nothing of itself in a message; first, the names that nobody knows."""
    value = function(*arguments.values())
    if not isinstance(value, set | frozenset) or not all(isinstance(name, str) for name in value):
        return {OTHER_NAMES: None, RESULT: (value,) if isinstance(value, str) else value}
    others = " and ".join(sorted(value - {"input", "weight", "output", "bias"}))
    return {OTHER_NAMES: others or None, RESULT: " and ".join(sorted(value)) or "nothing"}


SAVED_BY_LINEAR = Exercise(
    reference=memory.saved_by_linear,
    cases=_linear_cases,
    observe=_observe_saved,
    mistakes=edits(
        memory.saved_by_linear,
        (
            {'"input"': '"weight"', '"weight"': '"input"'},
            "it is the other way round. y = x W^T: the gradient of W is made of x, that of x of W.",
        ),
        (
            {"return saved": 'return saved | {"input"}'},
            "the input is kept every time. It is needed for the gradient of W: if W is frozen, nobody asks for it.",
        ),
        (
            {"return saved": 'return saved | {"weight"}'},
            "the weight is kept every time. It is needed for the gradient of x: at the bottom of a model, nobody "
            "asks for it.",
        ),
        ({"if input": "elif input"}, "where both need a gradient, both are kept: two ifs, not if and elif."),
        (
            {'"input")': '"input"), saved.add("output")', '"weight")': '"weight"), saved.add("output")'},
            "the output is not needed: neither gradient is made of y.",
        ),
        (
            {"return": 'saved.discard("weight")\n    return'},
            "the weight is never kept. To hand the gradient on to x, backward multiplies by W.",
        ),
        (
            {"return": 'saved.discard("input")\n    return'},
            "the input is never kept. The gradient of W is made of it: g^T x.",
        ),
        (
            {"return": "saved = saved if len(saved) > 1 else set()\n    return"},
            "with one of the two gradients asked for, something is kept too. Two ifs, not one `and`.",
        ),
        (
            {"return": 'saved = {"input", "weight"} if saved else saved\n    return'},
            "each gradient needs one of the two only: that of W the input, that of x the weight.",
        ),
        (
            {'"input")': '"input"), saved.add("bias")', '"weight")': '"weight"), saved.add("bias")'},
            "the bias is not needed: it is added, and its gradient is that of the output, summed.",
        ),
        (
            {"return saved": 'return {"input", "weight"}'},
            "both are kept every time. What is frozen needs no gradient, and so nobody needs what it is made of.",
        ),
    ),
    advice={
        "type": 'return a set of names: set(), {"input"}, {"weight"}, or {"input", "weight"}.',
        OTHER_NAMES: 'the names are "input" and "weight": {"input"} is a set of one name, set("input") one of letters.',
        "value": "two questions, one by one. Does W need a gradient? Then x is kept. Does x need one? Then W is.",
    },
)

# --- block_activations ---


def _block_cases(_: Generator) -> list[Arguments]:
    """Sizes of which no two agree, so that no slip hides behind another."""
    values = (
        (1, 2, 3, 1, 4, True),
        (2, 5, 8, 2, 4, True),
        (2, 5, 8, 2, 4, False),
        (3, 16, 12, 4, 2, False),
        (16, 64, 128, 4, 4, True),
    )
    names = ("batch", "length", "hidden", "heads", "bytes_each", "fused")
    return [dict(zip(names, value, strict=True)) for value in values]


BLOCK_ACTIVATIONS = Exercise(
    reference=memory.block_activations,
    cases=_block_cases,
    observe=observe_number,
    mistakes=edits(
        memory.block_activations,
        ({" * bytes_each": ""}, "these are numbers, not bytes: multiply by bytes_each."),
        ({"batch * ": ""}, "that is one text. Multiply by the batch."),
        (
            {" if fused else heads * length": ""},
            "fused is not used. Where it is False, attention keeps heads * length numbers a token.",
        ),
        (
            {"heads if fused else ": ""},
            "fused is not used. Where it is True, attention keeps one number for each head and token.",
        ),
        ({"if fused": "if not fused"}, "fused is turned round: the whole matrix is kept where it is False."),
        ({"heads * ": ""}, "each head has a matrix of its own: heads * length numbers a token."),
        ({" + 2 * 2": ""}, "the two LayerNorms keep 2 numbers a token each, besides their inputs."),
        ({"2 * 2": "2"}, "there are two LayerNorms in a block, and each keeps 2 numbers a token."),
        (
            {"* 4": "* 1"},
            "the feed-forward part is four times as wide: 4 * hidden numbers go into GELU, and 4 * hidden come out.",
        ),
        (
            {"2 * 4": "4"},
            "GELU's input and its output are both kept: the one for GELU's own gradient, the other for that of the "
            "linear layer behind it.",
        ),
        ({"8 +": "5 +"}, "query, key and value are three tensors of hidden numbers a token."),
        (
            {"8 +": "7 +"},
            "a vector of hidden numbers is missing: the block's input, attention's output, the input of either "
            "LayerNorm, or what the first one gives.",
        ),
        (
            {"8 +": "6 +"},
            "two vectors of hidden numbers are missing. Without query, key, value and the wide ones there are five: "
            "the block's input, attention's output, both LayerNorms' inputs, what the first gives.",
        ),
        (
            {" + 2 * 4": ""},
            "the feed-forward part is missing: 4 * hidden numbers go into GELU, and 4 * hidden come out.",
        ),
        (
            {"2 * 2": "2 * 2 * hidden"},
            "the numbers that a LayerNorm keeps besides its input are single: 2 a token, not 2 vectors.",
        ),
        (
            {"+ attention": "+ attention // heads"},
            "heads is not used: attention keeps its numbers for each head.",
        ),
        (
            {" + attention": ""},
            "what attention keeps besides its vectors is missing: heads numbers a token if fused, else heads * "
            "length.",
        ),
        (
            {
                " + attention": "",
                "return ": "return (",
                "length * numbers_a_token": "length * numbers_a_token + attention)",
            },
            "what attention keeps is for each token too: it belongs into the bracket that is multiplied by batch * "
            "length.",
        ),
        (
            {"heads * length": "heads * length**2"},
            "the matrix has length * length numbers a head and text, and batch * length is outside the bracket "
            "already: inside, heads * length.",
        ),
        ({"return": "return 1.0 *"}, "a count of bytes is a whole number: an int. Use * and +."),
    ),
    advice={
        "type": "return a whole number (an int).",
        "value": "count by the list above the exercise: 8 times hidden and twice 4 * hidden, 2 for each of the two "
        "LayerNorms, and the attention's; all of it for each token, and times bytes_each.",
    },
)
