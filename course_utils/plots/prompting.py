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
