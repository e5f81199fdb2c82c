"""Every picture of the notebooks: one style (`style`), and the charts that several cells or notebooks draw."""

from course_utils.plots.all_methods import accuracy_by_size, attention, exits, experts
from course_utils.plots.bands import band
from course_utils.plots.memory import show_parts, show_timeline
from course_utils.plots.prompting import by_draws, by_examples
from course_utils.plots.style import COLOURS, SIZE, bars, line_with_band, plt, show
from course_utils.plots.sweeps import show_sweep
from course_utils.plots.transfer import show_gains, show_stacks

__all__ = [
    "COLOURS",
    "SIZE",
    "accuracy_by_size",
    "attention",
    "band",
    "bars",
    "by_draws",
    "by_examples",
    "exits",
    "experts",
    "line_with_band",
    "plt",
    "show",
    "show_gains",
    "show_parts",
    "show_stacks",
    "show_sweep",
    "show_timeline",
]
