"""Exercise on the number of parameters of adapters."""

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import Arguments, Exercise, observe_number
from course_utils.methods import adapters


def _count_cases(_: Generator) -> list[Arguments]:
    sizes = ((5, 2, 1), (5, 2, 3), (128, 16, 8), (768, 64, 24), (6, 1, 2), (4, 7, 5))
    names = ("width", "bottleneck_size", "adapters")
    return [dict(zip(names, size, strict=True)) for size in sizes]


COUNT_ADAPTER_PARAMETERS = Exercise(
    reference=adapters.count_adapter_parameters,
    cases=_count_cases,
    observe=observe_number,
    mistakes=edits(
        adapters.count_adapter_parameters,
        (
            {" + width + bottleneck_size": ""},
            "the biases are missing. The way down has bottleneck_size of them, the way up has width.",
        ),
        ({" + bottleneck_size": ""}, "the bias of the way down is missing: bottleneck_size numbers."),
        ({" + width": ""}, "the bias of the way up is missing: width numbers."),
        ({"2 * ": ""}, "that is one matrix. An adapter has two: one down, one up again."),
        ({"adapters * ": ""}, "that is a single adapter. Multiply by `adapters`."),
        (
            {"2 * width * bottleneck_size": "width * width"},
            "that counts one full matrix of width * width. The bottleneck makes it two thin ones: "
            "width * bottleneck_size, twice.",
        ),
        (
            {"(2": "(width * width + 2"},
            "a full matrix of width * width does not exist here: down and up are both thin.",
        ),
        (
            {"(2": "(bottleneck_size * bottleneck_size + 2"},
            "there is no matrix of bottleneck_size * bottleneck_size: down and up meet directly.",
        ),
        (
            {"+ bottleneck_size": "+ width"},
            "both biases are taken to be as wide as the model. The way down gives bottleneck_size "
            "numbers, so its bias has that many.",
        ),
        (
            {"+ width": "+ bottleneck_size"},
            "both biases are taken to be as narrow as the bottleneck. The way up gives width numbers, "
            "so its bias has that many.",
        ),
        (
            {"+ width": "+ 2 * width", "+ bottleneck_size": "+ 2 * bottleneck_size"},
            "the biases are counted twice. Each way has one: bottleneck_size numbers on the way down, "
            "width on the way up.",
        ),
        ({"2 *": "3 *"}, "that is three matrices. An adapter has two: one down, one up again."),
        (
            {"width + bottleneck_size": "2"},
            "a bias is taken for a single number. It has one for each output: bottleneck_size on the way "
            "down, width on the way up.",
        ),
        (
            {"return": "return 2 *"},
            "that is twice as many. `adapters` counts every adapter already, two a layer for Houlsby.",
        ),
        ({"return": "return 1.0 *"}, "a count is a whole number: an int. Use * and +."),
        (
            {"(2 * width * bottleneck_size + width + bottleneck_size)": "(width * bottleneck_size) ** 2"},
            "the entries of the two matrices are multiplied. They lie side by side: their entries add up.",
        ),
        (
            {"(2": "2", "bottleneck_size)": "bottleneck_size"},
            "the biases are counted once in all. Every adapter has its own: put brackets around the sum.",
        ),
    ),
    advice={
        "type": "return a whole number (an int): count the entries of both matrices and both biases.",
        "value": "count one adapter first: a matrix down and its bias, a matrix up and its bias. Every entry counts "
        "once. Then multiply by `adapters`.",
    },
)
