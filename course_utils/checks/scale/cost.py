"""Exercise whose answer is a number: what serving a language model takes."""

import numbers

from torch import Generator, Tensor

from course_utils.checks.edits import edits
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import scale


def _observe_number(function: Function, arguments: Arguments) -> Observations:
    """A whole number, NumPy's or a tensor of one entry is a number, too; a truth value or a text is not."""
    found = function(*arguments.values())
    is_number = isinstance(found, numbers.Real) and not isinstance(found, bool)
    return {RESULT: float(found) if is_number or (isinstance(found, Tensor) and found.dim() == 0) else found}


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


SERVING_BYTES = Exercise(
    reference=scale.serving_bytes,
    cases=_bytes_cases,
    observe=_observe_number,
    mistakes=edits(
        scale.serving_bytes,
        {" + kept": ""},
        "that is the weights alone. The keys and values of the tokens so far are kept too.",
        {"parameters + ": ""},
        "that is the keys and values alone. The weights are in memory too.",
        {"2 * ": ""},
        "only one vector a layer and token is counted. A key and a value are two.",
        {"layers * ": ""},
        "that is one layer. Each layer keeps keys and values of its own.",
        {" * batch_size": ""},
        "the keys and values of one text are counted. Each text of the batch has its own.",
        {" * context": ""},
        "the keys and values of one token are counted. Those of the whole context are kept.",
        {"context": "context**2"},
        "the context is squared. Scores of attention are context by context, but nobody keeps them; "
        "keys and values are one vector a token.",
        {"hidden_size": "hidden_size**2"},
        "hidden_size is squared. A key is one vector of hidden_size numbers.",
        {"parameters": "batch_size * parameters"},
        "the weights are counted once for each text. All texts share them.",
        {" * bytes_per_number": ""},
        "those are numbers, not bytes: multiply by bytes_per_number.",
        {"(parameters + kept)": "parameters + kept"},
        "the weights are in numbers, not bytes: multiply them by bytes_per_number too.",
        {"(parameters +": "parameters * bytes_per_number + (", ") * bytes_per_number": ")"},
        "keys and values are in numbers, not bytes: multiply them by bytes_per_number too.",
    ),
    advice={
        "type": "return a plain number: bytes, worked out with + and *.",
        "value": "count numbers first: the parameters, once; and 2 * hidden_size for each layer, each token of the "
        "context and each text. Then multiply all by bytes_per_number.",
    },
)
