"""Exercises whose answer is a number: the scaling of the update, and how many parameters are trained."""

import math

from torch import Generator

from course_utils.checks.tasks import (
    RESULT,
    Arguments,
    Exercise,
    Function,
    Mistake,
    Observations,
    plain_int,
    slips,
)
from course_utils.methods import lora


def _observe_number(function: Function, arguments: Arguments) -> Observations:
    return {RESULT: plain_int(function(*arguments.values()))}


def _scaling_cases(_: Generator) -> list[Arguments]:
    values = ((4, 12, False), (4, 12, True), (8, 4, False), (3, 2.5, True), (64, 16, True), (5, 7, False))
    return [
        {"rank": rank, "lora_alpha": lora_alpha, "rank_stabilized": rank_stabilized}
        for rank, lora_alpha, rank_stabilized in values
    ]


def _loose_scaling(
    rank: int,
    lora_alpha: float,
    rank_stabilized: bool,
    *,
    inverted: bool = False,
    multiplied: bool = False,
    alpha_only: bool = False,
    no_alpha: bool = False,
    never_root: bool = False,
    always_root: bool = False,
    flag_inverted: bool = False,
    root_of_all: bool = False,
    integer: bool = False,
) -> float:
    rooted = (rank_stabilized is not flag_inverted or always_root) and not never_root
    size = math.sqrt(rank) if rooted and not root_of_all else rank
    above = 1.0 if no_alpha else lora_alpha
    scaling = size / above if inverted else size * above if multiplied else above / size
    if integer:
        scaling = above // size
    if alpha_only:
        scaling = lora_alpha
    return math.sqrt(scaling) if root_of_all and rooted else scaling


LORA_SCALING = Exercise(
    reference=lora.lora_scaling,
    cases=_scaling_cases,
    observe=_observe_number,
    mistakes=slips(
        _loose_scaling,
        {
            "inverted": "the fraction is upside down: lora_alpha is divided by the rank, not the rank by "
            "lora_alpha.",
            "multiplied": "lora_alpha is multiplied by the rank. Divide: the more terms B A sums up, the less each "
            "should count.",
            "alpha_only": "that is lora_alpha itself. Divide it by the rank.",
            "no_alpha": "lora_alpha is not used: it stands above the line.",
            "never_root": "rank_stabilized is not used. Where it is True, divide by the square root of the rank.",
            "always_root": "the square root is taken every time. It belongs to rank_stabilized=True only.",
            "flag_inverted": "rank_stabilized is turned round: the square root belongs to True.",
            "root_of_all": "the square root is taken of the whole fraction. Take it of the rank only.",
            "integer": "// rounds down to a whole number. Use /.",
        },
        Mistake(
            lambda rank, lora_alpha, rank_stabilized: lora_alpha / rank / (2 if rank_stabilized else 1),
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


def _loose_count(
    in_features: int,
    out_features: int,
    rank: int,
    layers: int,
    *,
    product: bool = False,
    only_a: bool = False,
    only_b: bool = False,
    no_layers: bool = False,
    no_rank: bool = False,
    base_too: bool = False,
    square_too: bool = False,
    doubled: bool = False,
    decimal: bool = False,
) -> float:
    sides = in_features * (not only_b) + out_features * (not only_a)
    counted = in_features * out_features if product else sides
    each = counted * (1 if no_rank else rank)
    each += in_features * out_features * base_too + rank * rank * square_too
    total = each * (1 if no_layers else layers) * (2 if doubled else 1)
    return float(total) if decimal else total


COUNT_LORA_PARAMETERS = Exercise(
    reference=lora.count_lora_parameters,
    cases=_count_cases,
    observe=_observe_number,
    mistakes=slips(
        _loose_count,
        {
            "product": "in_features and out_features are multiplied. A and B are two matrices side by side: "
            "their entries add up. Only the product B A, which is never stored, has in * out of them.",
            "only_a": "that counts A only. B has out_features * rank entries.",
            "only_b": "that counts B only. A has rank * in_features entries.",
            "no_layers": "that is one layer. Each of the `layers` matrices gets its own A and B.",
            "no_rank": "the rank is missing: A has that many rows, B that many columns.",
            "base_too": "the weight itself, in_features * out_features, is frozen: it does not count.",
            "square_too": "there is no matrix of rank * rank: A and B meet directly.",
            "doubled": "that is twice as many. `layers` counts every adapted matrix already, query and value apart.",
            "decimal": "a count is a whole number: an int. Use * and +, or // where you divide.",
        },
        Mistake(
            lambda in_features, out_features, rank, layers: 2 * layers * rank * in_features,
            "that takes B to be as large as A. But B has out_features rows, not in_features: together they have "
            "rank * (in_features + out_features) entries.",
        ),
        Mistake(
            lambda in_features, out_features, rank, layers: 2 * layers * rank * out_features,
            "that takes A to be as large as B. But A has in_features columns, not out_features: together they "
            "have rank * (in_features + out_features) entries.",
        ),
        Mistake(
            lambda in_features, out_features, rank, layers: layers * in_features * out_features,
            "that is what full fine-tuning trains. LoRA trains A, (rank, in), and B, (out, rank).",
        ),
    ),
    advice={"type": "return a whole number (an int): count the entries of A and of B."},
)
