"""What several seeds say: means with their intervals, and the band that shows them."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from course_utils import plots, results


def rows(values: dict[tuple[int, int], list[float]], metric: str = "accuracy") -> pd.DataFrame:
    """(rank, seed) -> values of its tasks."""
    made = [(rank, seed, value, metric) for (rank, seed), found in values.items() for value in found]
    return pd.DataFrame(made, columns=["rank", "seed", "value", "metric"])


def test_tasks_of_one_seed_count_with_their_mean() -> None:
    means = results.over_seeds(
        rows({(1, 0): [0.5, 0.7], (1, 1): [0.7, 0.9], (8, 0): [0.9], (8, 1): [0.9]}), "rank"
    )
    assert list(means.index) == [1, 8]
    mean, low, high = results.interval([60.0, 80.0])
    assert list(means.loc[1]) == pytest.approx([mean, low, high])
    assert list(means.loc[8]) == pytest.approx([90, 90, 90])


def test_one_seed_has_no_spread_and_other_metrics_keep_their_unit() -> None:
    means = results.over_seeds(rows({(1, 0): [2.5]}, metric="latency (ms)"), "rank")
    assert list(means.loc[1]) == [2.5, 2.5, 2.5]


def test_a_band_lies_between_low_and_high() -> None:
    means = results.over_seeds(rows({(1, 0): [0.5], (1, 1): [0.7], (8, 0): [0.9], (8, 1): [0.8]}), "rank")
    _, axes = plt.subplots()
    plots.band(axes, means, "LoRA", places={1: 0, 8: 1})
    (line,) = axes.lines
    assert list(line.get_xdata()) == [0, 1] and list(line.get_ydata()) == pytest.approx([60, 85])
    (shade,) = axes.collections
    heights = {round(float(y), 6) for _, y in shade.get_paths()[0].vertices}
    assert heights == {round(float(y), 6) for y in [*means["low"], *means["high"]]}
    plt.close("all")


def test_no_rows_draw_nothing() -> None:
    _, axes = plt.subplots()
    plots.band(axes, results.over_seeds(rows({}), "rank"), "LoRA")
    assert not axes.lines and not axes.collections
    plt.close("all")
