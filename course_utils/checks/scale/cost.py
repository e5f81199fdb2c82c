"""Exercises whose answer is a number: what training and serving a language model take."""

import numbers

from torch import Generator, Tensor

from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Mistake, Observations, slips
from course_utils.methods import scale


def _observe_number(function: Function, arguments: Arguments) -> Observations:
    """A whole number, NumPy's or a tensor of one entry is a number, too; a truth value or a text is not."""
    found = function(*arguments.values())
    is_number = isinstance(found, numbers.Real) and not isinstance(found, bool)
    return {RESULT: float(found) if is_number or (isinstance(found, Tensor) and found.dim() == 0) else found}


def _flops_cases(_: Generator) -> list[Arguments]:
    sizes = ((2.0, 5.0), (1.5e4, 1e7), (1.17e8, 3e9), (1.75e11, 5e11), (7.0, 0.0))
    return [{"parameters": parameters, "tokens": tokens} for parameters, tokens in sizes]


TRAINING_FLOPS = Exercise(
    reference=scale.training_flops,
    cases=_flops_cases,
    observe=_observe_number,
    mistakes=[
        Mistake(
            lambda parameters, tokens: 2 * parameters * tokens,
            "that is the way forward only, 2 N D. The way back takes twice as much again.",
        ),
        Mistake(
            lambda parameters, tokens: 4 * parameters * tokens,
            "that is the way back only, 4 N D. The way forward, 2 N D, comes before it.",
        ),
        Mistake(
            lambda parameters, tokens: 3 * parameters * tokens,
            "a multiplication and an addition are two operations: 2 a parameter on the way forward, not 1.",
        ),
        Mistake(
            lambda parameters, tokens: 6 * parameters,
            "that is one token. Every token of the training data passes through the model.",
        ),
        Mistake(
            lambda parameters, tokens: 6 * tokens,
            "that is one parameter. Each of them takes part in every token.",
        ),
        Mistake(
            lambda parameters, tokens: 12 * parameters * tokens,
            "that is twice too much. Forward there are two operations a parameter and token, back four: six in all.",
        ),
        Mistake(
            lambda parameters, tokens: parameters * tokens,
            "that counts one operation for each pair of a parameter and a token. There are six: two on the "
            "way forward, four on the way back.",
        ),
        Mistake(
            lambda parameters, tokens: 6 * (parameters + tokens),
            "parameters and tokens are added. Every parameter meets every token: multiply.",
        ),
    ],
    advice={
        "type": "return a plain number: 6 times the parameters times the tokens.",
        "value": "each parameter takes 2 operations for each token on the way forward, and twice that on the way back.",
    },
)


def _bytes_cases(_: Generator) -> list[Arguments]:
    names = ("parameters", "layers", "hidden_size", "context", "batch_size", "bytes_per_number")
    sizes = (
        (10.0, 1, 2, 3, 1, 4),
        (100.0, 2, 4, 8, 3, 2),
        (1.5e4, 2, 24, 128, 16, 4),
        (7.0e9, 32, 4096, 2048, 8, 2),
        (50.0, 3, 5, 7, 1, 1),
    )
    return [dict(zip(names, size, strict=True)) for size in sizes]


def _loose_bytes(
    parameters: float,
    layers: int,
    hidden_size: int,
    context: int,
    batch_size: int,
    bytes_per_number: int,
    *,
    weights_only: bool = False,
    cache_only: bool = False,
    keys_only: bool = False,
    one_layer: bool = False,
    one_text: bool = False,
    one_token: bool = False,
    square: bool = False,
    weights_per_text: bool = False,
    wide_square: bool = False,
    only_numbers: bool = False,
    weights_in_numbers: bool = False,
    cache_in_numbers: bool = False,
) -> float:
    kept = (1 if keys_only else 2) * (1 if one_layer else layers) * hidden_size ** (2 if wide_square else 1)
    kept *= (1 if one_token else context * (context if square else 1)) * (1 if one_text else batch_size)
    weights = parameters * (batch_size if weights_per_text else 1)
    weights, kept = (0.0 if cache_only else weights), (0 if weights_only else kept)
    if weights_in_numbers:
        return weights + kept * bytes_per_number
    if cache_in_numbers:
        return weights * bytes_per_number + kept
    return (weights + kept) * (1 if only_numbers else bytes_per_number)


SERVING_BYTES = Exercise(
    reference=scale.serving_bytes,
    cases=_bytes_cases,
    observe=_observe_number,
    mistakes=slips(
        _loose_bytes,
        {
            "weights_only": "that is the weights alone. The keys and values of the tokens so far are kept too.",
            "cache_only": "that is the keys and values alone. The weights are in memory too.",
            "keys_only": "only one vector a layer and token is counted. A key and a value are two.",
            "one_layer": "that is one layer. Each layer keeps keys and values of its own.",
            "one_text": "the keys and values of one text are counted. Each text of the batch has its own.",
            "one_token": "the keys and values of one token are counted. Those of the whole context are kept.",
            "square": "the context is squared. Scores of attention are context by context, but nobody keeps them; "
            "keys and values are one vector a token.",
            "wide_square": "hidden_size is squared. A key is one vector of hidden_size numbers.",
            "weights_per_text": "the weights are counted once for each text. All texts share them.",
            "only_numbers": "those are numbers, not bytes: multiply by bytes_per_number.",
            "weights_in_numbers": "the weights are in numbers, not bytes: multiply them by bytes_per_number too.",
            "cache_in_numbers": "keys and values are in numbers, not bytes: multiply them by bytes_per_number too.",
        },
    ),
    advice={
        "type": "return a plain number: bytes, worked out with + and *.",
        "value": "count numbers first: the parameters, once; and 2 * hidden_size for each layer, each token of the "
        "context and each text. Then multiply all by bytes_per_number.",
    },
)
