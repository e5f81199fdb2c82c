"""Data sets, their tokens, and batches of them."""

from course_utils.data.batches import CHUNK, NO_LABEL, LengthBatches, make_loader, padded, padding_waste
from course_utils.data.datasets import load, load_task, tokenize, tokenize_tags

__all__ = [
    "CHUNK",
    "NO_LABEL",
    "LengthBatches",
    "load",
    "load_task",
    "make_loader",
    "padded",
    "padding_waste",
    "tokenize",
    "tokenize_tags",
]
