"""Exercise on the number of parameters of adapters."""

from torch import Generator

from course_utils.checks.tasks import (
    Arguments,
    Exercise,
    Mistake,
    observe_number,
    slips,
)
from course_utils.methods import adapters


def _count_cases(_: Generator) -> list[Arguments]:
    sizes = ((5, 2, 1), (5, 2, 3), (128, 16, 8), (768, 64, 24), (6, 1, 2), (4, 7, 5))
    names = ("width", "bottleneck_size", "adapters")
    return [dict(zip(names, size, strict=True)) for size in sizes]


def _loose_count(
    width: int,
    bottleneck_size: int,
    adapters: int,
    *,
    no_biases: bool = False,
    no_down_bias: bool = False,
    no_up_bias: bool = False,
    one_way: bool = False,
    one_adapter: bool = False,
    square: bool = False,
    square_too: bool = False,
    middle_too: bool = False,
    biases_wide: bool = False,
    biases_narrow: bool = False,
    biases_twice: bool = False,
    three_ways: bool = False,
    one_number: bool = False,
    doubled: bool = False,
    decimal: bool = False,
) -> float:
    up_bias = bottleneck_size if biases_narrow else width
    down_bias = width if biases_wide else bottleneck_size
    biases = 0 if no_biases else up_bias * (not no_up_bias) + down_bias * (not no_down_bias)
    biases = 2 if one_number else 2 * biases if biases_twice else biases
    matrices = (
        width * width if square else width * bottleneck_size * (1 if one_way else 3 if three_ways else 2)
    )
    matrices += width * width * square_too + bottleneck_size * bottleneck_size * middle_too
    total = (matrices + biases) * (1 if one_adapter else adapters) * (2 if doubled else 1)
    return float(total) if decimal else total


COUNT_ADAPTER_PARAMETERS = Exercise(
    reference=adapters.count_adapter_parameters,
    cases=_count_cases,
    observe=observe_number,
    mistakes=slips(
        _loose_count,
        {
            "no_biases": "the biases are missing. The way down has bottleneck_size of them, the way up has width.",
            "no_down_bias": "the bias of the way down is missing: bottleneck_size numbers.",
            "no_up_bias": "the bias of the way up is missing: width numbers.",
            "one_way": "that is one matrix. An adapter has two: one down, one up again.",
            "one_adapter": "that is a single adapter. Multiply by `adapters`.",
            "square": "that counts one full matrix of width * width. The bottleneck makes it two thin ones: "
            "width * bottleneck_size, twice.",
            "square_too": "a full matrix of width * width does not exist here: down and up are both thin.",
            "middle_too": "there is no matrix of bottleneck_size * bottleneck_size: down and up meet directly.",
            "biases_wide": "both biases are taken to be as wide as the model. The way down gives bottleneck_size "
            "numbers, so its bias has that many.",
            "biases_narrow": "both biases are taken to be as narrow as the bottleneck. The way up gives width numbers, "
            "so its bias has that many.",
            "biases_twice": "the biases are counted twice. Each way has one: bottleneck_size numbers on the way down, "
            "width on the way up.",
            "three_ways": "that is three matrices. An adapter has two: one down, one up again.",
            "one_number": "a bias is taken for a single number. It has one for each output: bottleneck_size on the way "
            "down, width on the way up.",
            "doubled": "that is twice as many. `adapters` counts every adapter already, two a layer for Houlsby.",
            "decimal": "a count is a whole number: an int. Use * and +.",
        },
        Mistake(
            lambda width, bottleneck_size, adapters: adapters * (width * bottleneck_size) ** 2,
            "the entries of the two matrices are multiplied. They lie side by side: their entries add up.",
        ),
        Mistake(
            lambda width, bottleneck_size, adapters: (
                adapters * 2 * width * bottleneck_size + width + bottleneck_size
            ),
            "the biases are counted once in all. Every adapter has its own: put brackets around the sum.",
        ),
    ),
    advice={
        "type": "return a whole number (an int): count the entries of both matrices and both biases.",
        "value": "count one adapter first: a matrix down and its bias, a matrix up and its bias. Every entry counts "
        "once. Then multiply by `adapters`.",
    },
)
