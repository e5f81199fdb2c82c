"""Accuracy of language models over the number of examples in their prompt."""

from collections.abc import Mapping, Sequence

from course_utils.plots import style


def by_examples(scores: Mapping[str, Sequence[float]], shots: Sequence[int]) -> None:
    """A line a model: the share of right answers, in percent, over the number of examples."""
    figure, axes = style.plt.subplots()
    for (name, values), marker in zip(scores.items(), "osd^", strict=False):
        axes.plot(shots, values, marker=marker, label=name)
    axes.set(title="Published models, with description", xlabel="examples", ylabel="exact match (%)")
    axes.legend(title="model")
    style.show(figure, alt="Exact match over the number of examples, one line for each published model.")


def by_draws(
    panels: Mapping[str, Mapping[str, Sequence[tuple[float, float, float]]]],
    shots: Sequence[int],
    commonest: Mapping[str, float],
    alt: str,
) -> None:
    """A panel a data set, in it a line a kind of prompt: mean accuracy in percent, and a band between two ends.

    panels: data set -> kind of prompt -> (mean, low, high) for each number of examples, such as `results.interval`
    returns them. The numbers of examples stand at equal distances. commonest: data set -> the accuracy of always
    answering the commonest label, a dotted line; a data set that is not in it gets none.
    """
    figure, axes = style.plt.subplots(1, len(panels), sharey=True, squeeze=False)
    places = range(len(shots))
    for panel, (name, lines) in zip(axes[0], panels.items(), strict=True):
        for (kind, points), marker in zip(lines.items(), "osd^", strict=False):
            means, lows, highs = zip(*points, strict=True)
            (line,) = panel.plot(places, means, marker=marker, label=kind)
            panel.fill_between(places, lows, highs, color=line.get_color(), alpha=0.2, linewidth=0)
        if name in commonest:
            panel.axhline(commonest[name], color="black", linestyle=":", label="commonest label")
        panel.set_xticks(places, [str(count) for count in shots])
        panel.set(title=name, xlabel="examples", ylabel="accuracy (%)", ylim=(0, 100))
    axes[0][-1].legend()
    style.show(figure, alt)
