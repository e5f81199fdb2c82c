"""Every picture of the slides by its name: a function without arguments that draws it, from the shipped results where
it shows any. Decks call for one with `figure("its_name", "alternative text")`."""

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


from pictures import (  # noqa: E402, F401
    adapter_charts,
    adapters,
    conclusion,
    conclusion_beyond,
    distillation,
    distillation_faults,
    distillation_inside,
    distillation_sequence,
    ia3,
    lora,
    madx,
    memory,
    memory_charts,
    peft,
    prompts,
    prompts_charts,
    prompts_parts,
    scale,
    scale_abilities,
    scale_drawings,
)
