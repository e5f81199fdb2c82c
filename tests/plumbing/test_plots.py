"""Figures as readers get them: small, described in words, labelled, in the course's colours."""

import base64
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from course_utils import plots
from course_utils.plots import style


@pytest.fixture(autouse=True)
def no_figures() -> None:
    """What other tests of this process left open is none of ours."""
    plt.close("all")


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would be displayed: data and metadata of each picture."""
    pictures: list[dict[str, Any]] = []
    monkeypatch.setattr(style, "display", lambda data, **more: pictures.append({"data": data, **more}))
    return pictures


def figure(
    title: str = "Accuracy of the students", x: str = "sentences", y: str = "accuracy (%)"
) -> plt.Figure:
    made, axes = plt.subplots()
    plots.line_with_band(axes, [1, 4, 16], [70.0, 75.0, 78.0], [1.0, 1.0, 0.5], "KD")
    plots.line_with_band(axes, [1, 4, 16], [66.0, 67.0, 67.5], [1.0, 2.0, 0.5], "gold")
    axes.set(title=title, xlabel=x, ylabel=y)
    axes.legend()
    return made


def test_a_shown_figure_is_a_small_png_with_its_description(shown: list[dict[str, Any]]) -> None:
    plots.show(figure(), alt="KD rises with more sentences; gold stays flat.")
    (picture,) = shown
    png = base64.b64decode(picture["data"]["image/png"])
    width, height = (int.from_bytes(png[i : i + 4], "big") for i in (16, 20))
    assert png.startswith(b"\x89PNG") and len(png) < 25_000
    assert (width, height) == (715, 440)
    assert picture["metadata"]["image/png"]["alt"] == "KD rises with more sentences; gold stays flat."
    assert picture["data"]["text/plain"] == "KD rises with more sentences; gold stays flat."
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("wrong", "alt", "message"),
    [
        ({}, " ", "no alternative text"),
        ({"title": ""}, "A line.", "lacks a title"),
        ({"x": ""}, "A line.", "label of the x axis"),
        ({"y": ""}, "A line.", "label of the y axis"),
    ],
)
def test_a_figure_that_a_reader_cannot_read_is_refused(
    wrong: dict[str, str], alt: str, message: str, shown: list[dict[str, Any]]
) -> None:
    made = figure(**wrong)
    with pytest.raises(ValueError, match=message):
        plots.show(made, alt=alt)
    assert shown == []
    plt.close(made)


def test_a_colour_bar_needs_one_label(shown: list[dict[str, Any]]) -> None:
    for label in ("", "accuracy (%)"):
        made, axes = plt.subplots()
        made.colorbar(axes.imshow([[1, 2], [3, 4]]), label=label)
        axes.set(title="Transfer", xlabel="target", ylabel="source")
        if label:
            plots.show(made, alt="A heat map.")
        else:
            with pytest.raises(ValueError, match="lacks a label of the colour bar"):
                plots.show(made, alt="A heat map.")
    assert len(shown) == 1
    plt.close("all")


def test_letters_are_large_enough_and_lines_differ_in_colour() -> None:
    made = figure()
    (axes,) = made.axes
    texts = [
        axes.title,
        axes.xaxis.label,
        axes.yaxis.label,
        *axes.get_xticklabels(),
        *axes.get_legend().get_texts(),
    ]
    assert min(text.get_fontsize() for text in texts) >= 10
    assert [to_hex(line.get_color()).upper() for line in axes.lines] == list(plots.COLOURS[:2])
    assert to_hex(made.get_facecolor()) == "#ffffff"
    plt.close(made)


def test_bars_carry_their_values_and_run_from_top_to_bottom() -> None:
    made, axes = plt.subplots()
    plots.bars(axes, ["student, gold labels", "student, KD", "teacher"], [71.2, 80.5, 91.0], [1.1, 0.4, 0.2])
    assert [bar.get_width() for bar in axes.patches] == [71.2, 80.5, 91.0]
    assert [text.get_text() for text in axes.texts] == ["71.2", "80.5", "91.0"]
    assert len({bar.get_facecolor() for bar in axes.patches}) == 1
    assert axes.yaxis_inverted() and axes.get_xlim()[0] == 0
    made.canvas.draw()
    right = axes.get_window_extent().x1
    assert all(text.get_window_extent().x1 <= right for text in axes.texts)
    plt.close(made)
