"""What the checks of this notebook share: inputs, and two hints."""

import torch
from torch import Generator, Tensor

from course_utils.checks.tasks import Arguments

TEACHER_GRADIENT = "the gradient also reaches the teacher, who is not to learn: teacher_logits.detach()."
GRADIENT_ADVICE = {
    "gradient of student_logits": "the value is right, but the student gets no gradient, or a wrong one. "
    "Detach the teacher, not the student.",
    "gradient of teacher_logits": TEACHER_GRADIENT,
}

# (shape, temperature, dtype, scale). In the last one, some class has a probability that rounds to 0.
SIZES: tuple[tuple[tuple[int, int], float, torch.dtype, float], ...] = (
    ((2, 3), 2.0, torch.float32, 2.0),
    ((1, 3), 1.0, torch.float32, 2.0),
    ((5, 4), 4.0, torch.float64, 2.0),
    ((3, 6), 0.5, torch.float64, 2.0),
    ((4, 2), 3, torch.float64, 2.0),
    ((2, 3), 1.0, torch.float32, 200.0),
)
LABELS = ([2, -100], [0], [1, -100, 3, 0, -100], [-100, -100, -100], [1, 0, 0, 1], [-100, 2])


def random_logits(
    generator: Generator, *shape: int, dtype: torch.dtype = torch.float64, scale: float = 2.0
) -> Tensor:
    """Drawn as float64, then rounded: the same numbers at every dtype."""
    return torch.randn(*shape, generator=generator, dtype=torch.float64).mul(scale).to(dtype)


def cases(generator: Generator, *names: str) -> list[Arguments]:
    """Logits of a student and of a teacher, labels, a temperature: those that an exercise asks for."""
    found = []
    for (shape, temperature, dtype, scale), labels in zip(SIZES, LABELS, strict=True):
        everything = {
            "student_logits": random_logits(generator, *shape, dtype=dtype, scale=scale),
            "teacher_logits": random_logits(generator, *shape, dtype=dtype, scale=scale),
            "labels": torch.tensor(labels),
            "temperature": temperature,
        }
        found.append({name: everything[name] for name in names})
    return found
