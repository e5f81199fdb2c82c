"""Exercises on what the forward pass keeps: a linear layer, and a block of a transformer."""

from torch import Generator

from course_utils.checks.tasks import (
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    observe_number,
    slips,
)
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


def _loose_saved(
    input_needs_gradient: bool,
    weight_needs_gradient: bool,
    *,
    exchanged: bool = False,
    always_input: bool = False,
    always_weight: bool = False,
    only_one: bool = False,
    output_too: bool = False,
    never_weight: bool = False,
    bias_too: bool = False,
    never_input: bool = False,
    both_or_none: bool = False,
    both_if_any: bool = False,
) -> set[str]:
    for_weight, for_input = ("weight", "input") if exchanged else ("input", "weight")
    saved = set()
    if weight_needs_gradient:
        saved.add(for_weight)
    if input_needs_gradient and not (only_one and saved):
        saved.add(for_input)
    if never_weight:
        saved.discard("weight")
    if never_input:
        saved.discard("input")
    if both_or_none and len(saved) == 1:
        saved = set()
    if both_if_any and saved:
        saved = {"input", "weight"}
    anything = input_needs_gradient or weight_needs_gradient
    extra = {
        "input": always_input,
        "weight": always_weight,
        "output": output_too and anything,
        "bias": bias_too and anything,
    }
    return saved | {name for name, wanted in extra.items() if wanted}


SAVED_BY_LINEAR = Exercise(
    reference=memory.saved_by_linear,
    cases=_linear_cases,
    observe=_observe_saved,
    mistakes=slips(
        _loose_saved,
        {
            "exchanged": "it is the other way round. y = x W^T: the gradient of W is made of x, that of x of W.",
            "always_input": "the input is kept every time. It is needed for the gradient of W: if W is frozen, "
            "nobody asks for it.",
            "always_weight": "the weight is kept every time. It is needed for the gradient of x: at the bottom of a "
            "model, nobody asks for it.",
            "only_one": "where both need a gradient, both are kept: two ifs, not if and elif.",
            "output_too": "the output is not needed: neither gradient is made of y.",
            "never_weight": "the weight is never kept. To hand the gradient on to x, backward multiplies by W.",
            "never_input": "the input is never kept. The gradient of W is made of it: g^T x.",
            "both_or_none": "with one of the two gradients asked for, something is kept too. Two ifs, not one `and`.",
            "both_if_any": "each gradient needs one of the two only: that of W the input, that of x the weight.",
            "bias_too": "the bias is not needed: it is added, and its gradient is that of the output, summed.",
        },
        Mistake(
            lambda input_needs_gradient, weight_needs_gradient: {"input", "weight"},
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


def _loose_block(
    batch: int,
    length: int,
    hidden: int,
    heads: int,
    bytes_each: int,
    fused: bool,
    *,
    no_bytes: bool = False,
    no_batch: bool = False,
    always_fused: bool = False,
    never_fused: bool = False,
    flag_inverted: bool = False,
    one_matrix: bool = False,
    no_norms: bool = False,
    one_norm: bool = False,
    narrow: bool = False,
    gelu_once: bool = False,
    no_qkv: bool = False,
    one_missing: bool = False,
    cubed: bool = False,
    decimal: bool = False,
    two_missing: bool = False,
    no_gelu: bool = False,
    wide_norms: bool = False,
    no_heads: bool = False,
    no_attention: bool = False,
    attention_outside: bool = False,
) -> float:
    wide = 0 if no_gelu else 2 * (1 if narrow else 4) - 4 * gelu_once
    vectors = 8 - 3 * no_qkv - one_missing - 2 * two_missing + wide
    rows = heads if fused is not flag_inverted and not never_fused or always_fused else heads * length
    if one_matrix and not fused:
        rows = length
    if cubed and not fused:
        rows *= length
    if no_heads:
        rows = rows // heads
    inside = 0 if no_attention or attention_outside else rows
    norms = (0 if no_norms else 2 if one_norm else 4) * (hidden if wide_norms else 1)
    total = (1 if no_batch else batch) * length * (vectors * hidden + norms + inside)
    total += rows * attention_outside
    total *= 1 if no_bytes else bytes_each
    return float(total) if decimal else total


BLOCK_ACTIVATIONS = Exercise(
    reference=memory.block_activations,
    cases=_block_cases,
    observe=observe_number,
    mistakes=slips(
        _loose_block,
        {
            "no_bytes": "these are numbers, not bytes: multiply by bytes_each.",
            "no_batch": "that is one text. Multiply by the batch.",
            "always_fused": "fused is not used. Where it is False, attention keeps heads * length numbers a token.",
            "never_fused": "fused is not used. Where it is True, attention keeps one number for each head and token.",
            "flag_inverted": "fused is turned round: the whole matrix is kept where it is False.",
            "one_matrix": "each head has a matrix of its own: heads * length numbers a token.",
            "no_norms": "the two LayerNorms keep 2 numbers a token each, besides their inputs.",
            "one_norm": "there are two LayerNorms in a block, and each keeps 2 numbers a token.",
            "narrow": "the feed-forward part is four times as wide: 4 * hidden numbers go into GELU, and 4 * hidden "
            "come out.",
            "gelu_once": "GELU's input and its output are both kept: the one for GELU's own gradient, the other for "
            "that of the linear layer behind it.",
            "no_qkv": "query, key and value are three tensors of hidden numbers a token.",
            "one_missing": "a vector of hidden numbers is missing: the block's input, attention's output, the input of "
            "either LayerNorm, or what the first one gives.",
            "two_missing": "two vectors of hidden numbers are missing. Without query, key, value and the wide ones "
            "there are five: the block's input, attention's output, both LayerNorms' inputs, what the first gives.",
            "no_gelu": "the feed-forward part is missing: 4 * hidden numbers go into GELU, and 4 * hidden come out.",
            "wide_norms": "the numbers that a LayerNorm keeps besides its input are single: 2 a token, not 2 vectors.",
            "no_heads": "heads is not used: attention keeps its numbers for each head.",
            "no_attention": "what attention keeps besides its vectors is missing: heads numbers a token if fused, "
            "else heads * length.",
            "attention_outside": "what attention keeps is for each token too: it belongs into the bracket that is "
            "multiplied by batch * length.",
            "cubed": "the matrix has length * length numbers a head and text, and batch * length is outside the "
            "bracket already: inside, heads * length.",
            "decimal": "a count of bytes is a whole number: an int. Use * and +.",
        },
    ),
    advice={
        "type": "return a whole number (an int).",
        "value": "count by the list above the exercise: 8 times hidden and twice 4 * hidden, 2 for each of the two "
        "LayerNorms, and the attention's; all of it for each token, and times bytes_each.",
    },
)
