"""Few-shot prompts: draws of examples and queries, the prompt's text, and calibration against a bias put in by hand."""

from typing import Any

import pytest
import torch

from course_utils import plots
from course_utils.data import few_shot
from course_utils.models import calibration
from course_utils.plots import style

POOL = [(f"shown {i}", "good" if i % 2 else "bad") for i in range(20)]
ASKED = [(f"asked {i}", "good" if i % 3 else "bad") for i in range(30)]


def drawn(seed: int = 0) -> list[few_shot.Draw]:
    return few_shot.draws(POOL, ASKED, count=5, examples=8, queries=6, seed=seed)


def test_draws_share_no_query_and_show_no_example_twice() -> None:
    found = drawn()
    queries = [pair for draw in found for pair in draw.asked]
    assert sorted(queries) == sorted(ASKED)
    for draw in found:
        assert len(set(draw.examples)) == 8 and set(draw.examples) <= set(POOL)


def test_draws_differ_from_each_other_and_by_seed_alone() -> None:
    assert len({tuple(draw.examples) for draw in drawn()}) == 5
    assert drawn() == drawn() and drawn() != drawn(seed=1)


@pytest.mark.parametrize(("examples", "queries"), [(21, 6), (8, 7)])
def test_too_few_pairs_are_refused(examples: int, queries: int) -> None:
    with pytest.raises(ValueError, match="Ask for fewer"):
        few_shot.draws(POOL, ASKED, count=5, examples=examples, queries=queries)


def test_the_slides_prompts_word_for_word() -> None:
    translate, otter = "Translate English to French", [("sea otter", "loutre de mer")]
    (zero,) = few_shot.prompts([], ["cheese"], translate)
    assert zero == "Translate English to French:\ncheese =>"
    (one,) = few_shot.prompts(otter, ["cheese"], translate)
    assert one == "Translate English to French:\nsea otter => loutre de mer\ncheese =>"
    assert few_shot.prompts(otter, ["cheese", ""]) == [
        "sea otter => loutre de mer\ncheese =>",
        "sea otter => loutre de mer\n =>",
    ]
    assert few_shot.prompts([], ["skicts"], arrow=" =") == ["skicts ="]


def test_calibration_takes_out_a_bias_that_was_put_in() -> None:
    """Scores without bias, plus one bias for each label: calibrated, they are the scores without bias again."""
    generator = torch.Generator().manual_seed(0)
    fair = torch.randn(200, 3, generator=generator)
    bias = torch.tensor([0.0, 2.0, -1.0])
    biased, empty = fair + bias - 7, (bias - 3).expand(2, 3)
    assert (biased.argmax(dim=-1) == 1).float().mean() > 0.7, "the bias decides"
    found = calibration.calibrated(biased, empty)
    torch.testing.assert_close(found, fair.log_softmax(dim=-1))
    torch.testing.assert_close(found.exp().sum(dim=-1), torch.ones(200))


def test_calibration_averages_probabilities_over_the_empty_inputs() -> None:
    empty = torch.tensor([[0.9, 0.1], [0.5, 0.5]]).log()
    found = calibration.calibrated(torch.tensor([[0.7, 0.3]]).log(), empty).exp()
    assert found[0, 1] / found[0, 0] == pytest.approx((0.3 / 0.3) / (0.7 / 0.7))


@pytest.mark.parametrize("shape", [(2, 4), (0, 3), (3,)])
def test_calibration_refuses_other_labels_and_no_input(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="the same labels"):
        calibration.calibrated(torch.zeros(5, 3), torch.zeros(shape))


def test_the_figure_has_a_band_for_each_kind_of_prompt(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(style, "show", lambda figure, alt: shown.append((figure, alt)))
    points = [(50.0, 45.0, 55.0), (60.0, 50.0, 70.0), (65.0, 64.0, 66.0)]
    panels = {name: {"no description": points, "with description": points} for name in ("SST-2", "NusaX")}
    plots.by_draws(panels, (0, 1, 8), {"SST-2": 51.0, "NusaX": 38.0}, alt="Accuracy over examples.")
    ((figure, alt),) = shown
    assert alt and [axes.get_title() for axes in figure.axes] == ["SST-2", "NusaX"]
    for axes, commonest in zip(figure.axes, (51.0, 38.0), strict=True):
        assert [line.get_label() for line in axes.lines] == [
            "no description",
            "with description",
            "commonest label",
        ]
        assert list(axes.lines[0].get_ydata()) == [50, 60, 65]
        assert set(axes.lines[2].get_ydata()) == {commonest}
        low, high = axes.collections[0].get_datalim(axes.transData).intervaly
        assert (low, high) == (45, 70)
        assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "1", "8"]
    plots.by_draws(panels, (0, 1, 8), {}, alt="Without dotted lines.")
    assert [len(axes.lines) for axes in shown[1][0].figure.axes] == [2, 2]
    plots.plt.close(figure)


def test_a_label_that_is_out_of_the_question_stays_so() -> None:
    """e^-199 is 0 in float32, and 0 divided by 0 would be no number."""
    found = calibration.calibrated(torch.tensor([[-1.0, -2.0]]), torch.tensor([[-200.0, -1.0]]))
    assert found.isfinite().all() and found.argmax() == 0
    torch.testing.assert_close(found[0, 1] - found[0, 0], torch.tensor(-200.0))
