"""Exercise whose answer is a number: how many parameters are trained."""

from torch import Generator

from course_utils.checks.tasks import (
    Arguments,
    Exercise,
    Mistake,
    observe_number,
    slips,
)
from course_utils.methods import ia3


def _cases(_: Generator) -> list[Arguments]:
    names = ("hidden_size", "intermediate_size", "layers")
    sizes = ((4, 7, 1), (4, 7, 3), (128, 512, 4), (768, 3072, 12), (10, 6, 2))
    return [dict(zip(names, size, strict=True)) for size in sizes]


def _loose(
    hidden_size: int,
    intermediate_size: int,
    layers: int,
    *,
    one_vector: bool = False,
    queries_too: bool = False,
    no_feedforward: bool = False,
    feedforward_twice: bool = False,
    no_layers: bool = False,
    decimal: bool = False,
) -> float:
    attention = (1 if one_vector else 3 if queries_too else 2) * hidden_size
    inner = intermediate_size * (0 if no_feedforward else 2 if feedforward_twice else 1)
    total = (attention + inner) * (1 if no_layers else layers)
    return float(total) if decimal else total


COUNT_IA3_PARAMETERS = Exercise(
    reference=ia3.count_ia3_parameters,
    cases=_cases,
    observe=observe_number,
    mistakes=[
        Mistake(
            lambda hidden_size, intermediate_size, layers: (
                layers * (2 * hidden_size**2 + 2 * hidden_size * intermediate_size)
            ),
            "those are whole matrices, and they are frozen. (IA)³ trains one factor for each feature.",
        ),
        Mistake(
            lambda hidden_size, intermediate_size, layers: (
                layers * hidden_size * (2 * hidden_size + intermediate_size)
            ),
            "those are matrices, and they are frozen. (IA)³ multiplies feature by feature: a vector each.",
        ),
        Mistake(
            lambda hidden_size, intermediate_size, layers: layers * 6 * hidden_size,
            "intermediate_size is given, and need not be 4 * hidden_size.",
        ),
        Mistake(
            lambda hidden_size, intermediate_size, layers: layers * (4 * hidden_size + intermediate_size),
            "that is four vectors of hidden_size a layer: keys and values get one each, neither the queries nor the "
            "attention's output gets one.",
        ),
        Mistake(
            lambda hidden_size, intermediate_size, layers: layers * (2 * hidden_size + intermediate_size + 3),
            "a factor has no bias: each of the three vectors has as many entries as there are features.",
        ),
        Mistake(
            lambda hidden_size, intermediate_size, layers: layers * intermediate_size,
            "keys and values are missing: hidden_size factors each, in every layer.",
        ),
        Mistake(
            lambda hidden_size, intermediate_size, layers: 2 * hidden_size + layers * intermediate_size,
            "brackets are missing: each layer has its own factors for the keys and the values too.",
        ),
        Mistake(
            lambda hidden_size, intermediate_size, layers: layers * 2 * hidden_size + intermediate_size,
            "brackets are missing: each layer has its own factors for the feed-forward too.",
        ),
        Mistake(
            lambda hidden_size, intermediate_size, layers: layers * 3 * intermediate_size,
            "keys and values have hidden_size features each, not intermediate_size.",
        ),
        *slips(
            _loose,
            {
                "one_vector": "that is one vector of hidden_size a layer. Keys and values get one each.",
                "queries_too": "that is three vectors of hidden_size a layer: keys and values get one each, and "
                "neither the queries nor any output gets one.",
                "no_feedforward": "the feed-forward's inner activation is missing: intermediate_size factors a layer.",
                "feedforward_twice": "the feed-forward's inner activation counts once: what leaves its first matrix "
                "is what enters its second.",
                "no_layers": "that is one layer. Each of the `layers` layers has its own factors.",
                "decimal": "a count is a whole number: an int. Use * and +, or // where you divide.",
            },
        ),
    ],
    advice={
        "type": "return a whole number (an int): add up the lengths of the vectors.",
        "value": "each layer has three vectors: for keys and values (hidden_size each), and for the middle of "
        "the feed-forward (intermediate_size). The head does not count.",
    },
)
