"""Every picture of the slides by its name: a function without arguments that draws it, from the shipped results where
it shows any. Decks call for one with `figure("its_name", "alternative text")`."""

from collections.abc import Callable

from matplotlib.figure import Figure

PICTURES: dict[str, Callable[[], Figure]] = {}


def picture(draw: Callable[[], Figure]) -> Callable[[], Figure]:
    """Register a function that draws a picture under the function's own name."""
    if draw.__name__ in PICTURES:
        raise ValueError(f"There are two pictures named {draw.__name__!r}.")
    PICTURES[draw.__name__] = draw
    return draw


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
