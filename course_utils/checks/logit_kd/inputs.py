"""Inputs that the checks of this notebook share."""

from collections.abc import Iterator

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import Arguments

TEACHER_GRADIENT = "the gradient also reaches the teacher, who is not to learn: teacher_logits.detach()."
STUDENT_GRADIENT = (
    "the value is right, but the student gets no gradient, or a wrong one. "
    "Detach the teacher, not the student."
)


def random_logits(
    generator: Generator, *shape: int, dtype: torch.dtype = torch.float64, scale: float = 2.0
) -> Tensor:
    """Drawn as float64, then rounded: the same numbers at every dtype."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64).mul(scale).to(dtype)


# (shape, temperature, dtype, scale). In the last one, some class has a probability that rounds to 0.
SIZES: tuple[tuple[tuple[int, int], float, torch.dtype, float], ...] = (
    ((2, 3), 2.0, torch.float32, 2.0),
    ((1, 3), 1.0, torch.float32, 2.0),
    ((5, 4), 4.0, torch.float64, 2.0),
    ((3, 6), 0.5, torch.float64, 2.0),
    ((4, 2), 3, torch.float64, 2.0),
    ((2, 3), 1.0, torch.float32, 200.0),
)


def pairs(generator: Generator) -> Iterator[tuple[Arguments, float]]:
    """Logits of a student and of a teacher, with a temperature."""
    for shape, temperature, dtype, scale in SIZES:
        student = random_logits(generator, *shape, dtype=dtype, scale=scale)
        teacher = random_logits(generator, *shape, dtype=dtype, scale=scale)
        yield {"student_logits": student, "teacher_logits": teacher}, temperature
