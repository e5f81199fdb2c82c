"""Training and scoring: the loop, the metrics, and what a run remembers."""

from course_utils.training.forward import (
    Batch,
    autocast,
    eval_mode,
    forward,
    input_names,
    precision,
    to_device,
)
from course_utils.training.history import History
from course_utils.training.loop import LossFunction, evaluate, fit, gold_loss, score_loss, set_seed

__all__ = [
    "Batch",
    "History",
    "LossFunction",
    "autocast",
    "eval_mode",
    "evaluate",
    "fit",
    "forward",
    "gold_loss",
    "input_names",
    "precision",
    "score_loss",
    "set_seed",
    "to_device",
]
