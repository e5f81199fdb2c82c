"""The pictures of notebook 09 say in words what their colours say."""

import pandas as pd
import pytest

from course_utils.plots import style, transfer


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list:
    """The figures that would be shown."""
    figures: list = []
    monkeypatch.setattr(style, "show", lambda figure, alt: figures.append(figure))
    return figures


def test_each_gain_stands_in_its_own_cell(drawn: list) -> None:
    gains = pd.DataFrame([[0.0, 2.04], [-3.0, 1.0]], index=["a", "b"], columns=["a", "b"])
    transfer.show_gains(gains, "gains", "a heat map", label="F1 (points)")
    axes = drawn[0].axes[0]
    found = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert found == {(0, 0): "+0.0", (1, 0): "+2.0", (0, 1): "-3.0", (1, 1): "+1.0"}
    (picture,) = axes.images
    assert picture.get_clim() == (-3.0, 3.0), "zero is white"


def test_rows_are_sources_and_columns_are_targets(drawn: list) -> None:
    index, columns = pd.Index(["a", "b"], name="source"), pd.Index(["c", "d"], name="target")
    gains = pd.DataFrame([[0.0, 2.0], [-3.0, 1.0]], index=index, columns=columns)
    transfer.show_gains(gains, "gains", "a heat map", label="F1 (points)")
    axes = drawn[0].axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["c", "d"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("target", "source")
    assert axes.images[0].get_array().tolist() == gains.to_numpy().tolist()


def test_gains_of_nothing_are_drawn_too(drawn: list) -> None:
    transfer.show_gains(pd.DataFrame([[0.0]]), "gains", "a heat map", label="F1 (points)")
    assert drawn[0].axes[0].texts[0].get_text() == "+0.0"


def test_a_box_says_whether_it_trains(drawn: list) -> None:
    columns = {"one": [("embeddings", False), ("language", True)], "two": [("embeddings", False)]}
    transfer.show_stacks(columns, "stack", "boxes")
    axes = drawn[0].axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["embeddings: frozen", "language: trains", "embeddings: frozen"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["one", "two"]
    assert axes.patches[1].get_facecolor() != axes.patches[0].get_facecolor()
