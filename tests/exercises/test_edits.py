"""Mistakes that are made from the source of a reference."""

import pytest
import torch
from torch import nn

from course_utils.checks.edits import Edits, edited, edits, shown
from course_utils.methods.validation import checked


def mean(values: list[float], weight: float = 2.0) -> float:
    """The mean of the values, times weight: weight * sum(values) / len(values)."""
    total = sum(values)
    return weight * total / len(values)


def refuse(given: dict) -> None:
    raise ValueError("not asked")


@checked(refuse)
@torch.no_grad()
def doubled(values: torch.Tensor) -> torch.Tensor:
    """Twice the values."""
    return 2 * values


class Scaled(nn.Module):
    """Scales its input."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * x


def test_an_edit_changes_the_body_everywhere_and_neither_signature_nor_docstring() -> None:
    wrong = edited(mean, {"values": "values[1:]", "weight * ": ""})
    assert wrong([1.0, 2.0, 4.0]) == 3.0 and mean([1.0, 2.0, 3.0]) == 4.0
    assert wrong.__doc__ == mean.__doc__
    exchanged = edited(mean, {"sum": "len", "len": "sum"})
    assert exchanged([1.0, 2.0, 3.0]) == 1.0


def test_the_check_of_the_arguments_is_left_out_and_other_decorators_can_be_edited() -> None:
    x = torch.ones(2, requires_grad=True)
    assert "@checked" not in shown(doubled)
    assert not edited(doubled, {"2 *": "3 *"})(x).requires_grad
    assert edited(doubled, {"@torch.no_grad()\n": ""})(x).requires_grad


def test_a_class_is_edited_as_a_function_is() -> None:
    wrong = edited(Scaled, {"self.scale * x": "x"})(3.0)
    assert isinstance(wrong, nn.Module) and wrong.scale == 3.0
    assert torch.equal(wrong(torch.ones(2)), torch.ones(2))


@pytest.mark.parametrize(
    ("replacements", "problem"),
    [
        ({"product": "sum"}, "'product' does not occur"),
        ({"total": "total"}, "'total' would change nothing"),
        ({"sum(values)": "0", "values)": "weight)"}, "overlap"),
        ({"return": "return )"}, "not Python"),
    ],
)
def test_an_edit_that_does_not_fit_the_reference_is_an_error(replacements: dict, problem: str) -> None:
    with pytest.raises(ValueError, match=f"mean.*{problem}"):
        edited(mean, replacements)
    made = edits(mean, replacements, "a hint")  # nothing is made before it is needed
    with pytest.raises(ValueError, match=problem):
        list(made)


def test_a_mistake_without_a_hint_is_an_error() -> None:
    for table in (({"weight": "1"},), ("a hint", {"weight": "1"}), ({"weight": "1"}, {"mean": "sum"})):
        with pytest.raises(TypeError, match="stand in turns"):
            edits(mean, *table)


def test_every_two_edits_are_made_at_once_where_they_do_not_overlap() -> None:
    made = edits(
        mean,
        {"weight * ": ""},
        "no weight",
        max,
        "a function of its own",
        {"weight * total": "total"},
        "overlaps with the first",
        {"return weight * total / len(values)": "return weight * total"},
        "not divided",
        {" / len(values)": " / 1"},
        "not divided",
    )
    assert isinstance(made, Edits)
    assert [mistake.hint for mistake in made][:5] == [hint for _, hint in made.table]
    pairs = {mistake.hint: mistake.wrong for mistake in made.pairs}
    assert list(pairs) == [
        "Two things. First: no weight Second: not divided",
        "Two things. First: overlaps with the first Second: not divided",
    ]
    assert pairs["Two things. First: no weight Second: not divided"]([1.0, 2.0]) == 3.0
