"""Every picture of the slides by its name: a function without arguments that draws it, from the shipped results where
it shows any. Decks call for one with `figure("its_name", "alternative text")`."""

from pictures import (  # noqa: F401 (a module registers its pictures when it is imported)
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
from pictures.registry import PICTURES

__all__ = ["PICTURES"]
