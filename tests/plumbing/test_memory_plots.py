"""The pictures of a ledger: drawn from its numbers, described in words, in the same colours everywhere."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from torch import nn

from course_utils import measure
from course_utils.plots import memory, style


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Axes, str]]:
    """The axes and the alternative text of each picture."""
    pictures: list[tuple[Axes, str]] = []

    def show(figure: plt.Figure, alt: str) -> None:
        assert not style._missing(figure)
        pictures.append((figure.axes[0], alt))

    monkeypatch.setattr(style, "show", show)
    yield pictures
    plt.close("all")


def rows() -> pd.DataFrame:
    names: list[Any] = ["full", "LoRA"]
    frame = pd.DataFrame(0, index=names, columns=list(measure.CATEGORIES))
    frame["parameters"], frame["gradients"], frame["inputs"] = 40_000_000, [40_000_000, 0], 1000
    return frame


def test_bars_are_the_bytes_and_what_is_tiny_is_left_out(shown):
    memory.show_parts(rows(), "Title", "Two bars.", ylabel="trained with", limits={"T4": 50_000_000})
    ((axes, alt),) = shown
    widths = {bar.get_label(): [patch.get_width() for patch in bar] for bar in axes.containers}
    assert widths == {"parameters": [40.0, 40.0], "gradients": [40.0, 0.0]} and alt == "Two bars."
    assert [label.get_text() for label in axes.get_yticklabels()] == ["full", "LoRA"]
    assert axes.lines[-1].get_xdata()[0] == 50.0 and axes.get_xlabel() == "memory (MB)"
    drawn = {bar.get_label(): to_hex(bar[0].get_facecolor()).upper() for bar in axes.containers}
    assert drawn == {name: memory.COLOUR[name] for name in widths}


def test_marks_stand_at_their_bytes_in_the_unit(shown):
    memory.show_parts(rows() * 1000, "Title", "Bars.", ylabel="way", unit="GB", marks=[7e9, 5e9])
    assert list(shown[0][0].lines[0].get_xdata()) == [7.0, 5.0]


def test_a_timeline_stacks_up_to_the_total(shown):
    model = nn.Sequential(nn.Linear(50, 80), nn.GELU(), nn.Linear(80, 2))
    optimizer = torch.optim.AdamW(model.parameters())
    ledger = measure.second_step(model, torch.randn(30, 50), lambda m, x: m(x).sum(), optimizer)
    memory.show_timeline(ledger, "Title", "Layers.")
    ((axes, _),) = shown
    assert {text.get_text() for text in axes.texts} == {"forward", "backward", "step", "zero_grad"}
    top = max(layer.get_datalim(axes.transData).y1 for layer in axes.collections)
    assert top == pytest.approx(ledger.peak.sum() / 1e6, rel=0.02)
