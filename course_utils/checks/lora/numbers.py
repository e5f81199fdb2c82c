"""Exercises whose answer is a number: the scaling of the update, and how many parameters are trained."""

from torch import Generator

from course_utils.checks.edits import edits
from course_utils.checks.tasks import Arguments, Exercise, observe_number
from course_utils.methods import lora


def _scaling_cases(_: Generator) -> list[Arguments]:
    values = ((4, 12, False), (4, 12, True), (8, 4, False), (3, 2.5, True), (64, 16, True), (5, 7, False))
    return [
        {"rank": rank, "lora_alpha": lora_alpha, "rank_stabilized": rank_stabilized}
        for rank, lora_alpha, rank_stabilized in values
    ]


_ROOT = "(math.sqrt(rank) if rank_stabilized else rank)"

LORA_SCALING = Exercise(
    reference=lora.lora_scaling,
    cases=_scaling_cases,
    observe=observe_number,
    mistakes=edits(
        lora.lora_scaling,
        (
            {"lora_alpha / ": "1 / lora_alpha * "},
            "the fraction is upside down: lora_alpha is divided by the rank, not the rank by lora_alpha.",
        ),
        (
            {"/": "*"},
            "lora_alpha is multiplied by the rank. Divide: the more terms B A sums up, the less each should count.",
        ),
        ({f" / {_ROOT}": ""}, "that is lora_alpha itself. Divide it by the rank."),
        ({"lora_alpha": "1"}, "lora_alpha is not used: it stands above the line."),
        (
            {_ROOT: "rank"},
            "rank_stabilized is not used. Where it is True, divide by the square root of the rank.",
        ),
        (
            {" if rank_stabilized else rank": ""},
            "the square root is taken every time. It belongs to rank_stabilized=True only.",
        ),
        (
            {"if rank": "if not rank"},
            "rank_stabilized is turned round: the square root belongs to True.",
        ),
        (
            {f"lora_alpha / {_ROOT}": "(lora_alpha / rank) ** (0.5 if rank_stabilized else 1)"},
            "the square root is taken of the whole fraction. Take it of the rank only.",
        ),
        ({"/": "//"}, "// rounds down to a whole number. Use /."),
        (
            {"math.sqrt(rank)": "2 * rank"},
            "rank**1/2 is half the rank: ** comes before /. The square root is rank**0.5, or math.sqrt(rank).",
        ),
    ),
    advice={
        "type": "return a plain number (a float): lora_alpha divided by something, with / and math.sqrt."
    },
)


def _count_cases(_: Generator) -> list[Arguments]:
    sizes = ((3, 4, 2, 1), (3, 4, 2, 5), (128, 128, 8, 4), (768, 3072, 16, 12), (10, 6, 1, 3))
    names = ("in_features", "out_features", "rank", "layers")
    return [dict(zip(names, size, strict=True)) for size in sizes]


_SIDES = "(in_features + out_features)"

COUNT_LORA_PARAMETERS = Exercise(
    reference=lora.count_lora_parameters,
    cases=_count_cases,
    observe=observe_number,
    mistakes=edits(
        lora.count_lora_parameters,
        (
            {"in_features + out_features": "in_features * out_features"},
            "in_features and out_features are multiplied. A and B are two matrices side by side: "
            "their entries add up. Only the product B A, which is never stored, has in * out of them.",
        ),
        ({" + out_features": ""}, "that counts A only. B has out_features * rank entries."),
        ({"in_features + ": ""}, "that counts B only. A has rank * in_features entries."),
        ({"layers * ": ""}, "that is one layer. Each of the `layers` matrices gets its own A and B."),
        ({"rank * ": ""}, "the rank is missing: A has that many rows, B that many columns."),
        (
            {f"rank * {_SIDES}": f"(in_features * out_features + rank * {_SIDES})"},
            "the weight itself, in_features * out_features, is frozen: it does not count.",
        ),
        (
            {"in_features +": "in_features + rank +"},
            "there is no matrix of rank * rank: A and B meet directly.",
        ),
        (
            {"return": "return 2 *"},
            "that is twice as many. `layers` counts every adapted matrix already, query and value apart.",
        ),
        (
            {"return": "return 1.0 *"},
            "a count is a whole number: an int. Use * and +, or // where you divide.",
        ),
        (
            {"out_features": "in_features"},
            "that takes B to be as large as A. But B has out_features rows, not in_features: together they have "
            "rank * (in_features + out_features) entries.",
        ),
        (
            {"in_features": "out_features"},
            "that takes A to be as large as B. But A has in_features columns, not out_features: together they "
            "have rank * (in_features + out_features) entries.",
        ),
        (
            {f"rank * {_SIDES}": "in_features * out_features"},
            "that is what full fine-tuning trains. LoRA trains A, (rank, in), and B, (out, rank).",
        ),
    ),
    advice={"type": "return a whole number (an int): count the entries of A and of B."},
)
