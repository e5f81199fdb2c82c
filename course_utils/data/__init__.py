"""Data sets, their tokens, and batches of them."""

from course_utils.data.batches import CHUNK, LengthBatches, make_loader, padded, padding_waste
from course_utils.data.columns import NO_LABEL
from course_utils.data.datasets import few_of_each, load, load_task, tokenize, tokenize_tags
from course_utils.data.files import DataError

__all__ = [
    "CHUNK",
    "DataError",
    "NO_LABEL",
    "LengthBatches",
    "few_of_each",
    "load",
    "load_task",
    "make_loader",
    "padded",
    "padding_waste",
    "tokenize",
    "tokenize_tags",
]
