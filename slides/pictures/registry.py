"""Where every picture of the slides registers itself, and is checked when it is drawn."""

import functools
from collections.abc import Callable

import draw
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

PICTURES: dict[str, Callable[[], Figure]] = {}


def picture(drawing: Callable[[], Figure]) -> Callable[[], Figure]:
    """Register a function that draws a picture under the function's own name.

    What it draws is checked: it raises ValueError if the room could not read it.
    """
    name = drawing.__name__
    if name in PICTURES:
        raise ValueError(f"There are two pictures named {name!r}.")

    @functools.wraps(drawing)
    def checked() -> Figure:
        with plt.rc_context(draw.STYLE):
            figure = drawing()
            try:
                draw.check(figure)
            except ValueError as error:
                raise ValueError(f"The picture {name!r}: {error}") from error
        return figure

    PICTURES[name] = checked
    return checked
