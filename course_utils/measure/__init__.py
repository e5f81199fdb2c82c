"""What training and using a model takes: memory booked tensor by tensor, operations counted, time measured."""

from course_utils.measure.allocator import allocator_growth
from course_utils.measure.costs import costs_of, count_flops, latency, take_turns
from course_utils.measure.fake_models import DEVICES, SHAPES, fake_step, own_memory
from course_utils.measure.ledger import CATEGORIES, Ledger, one_step, second_step
from course_utils.measure.needs import fake_training_step, free_memory, training_needs

__all__ = [
    "CATEGORIES",
    "DEVICES",
    "SHAPES",
    "Ledger",
    "allocator_growth",
    "costs_of",
    "count_flops",
    "fake_step",
    "fake_training_step",
    "free_memory",
    "latency",
    "one_step",
    "own_memory",
    "second_step",
    "take_turns",
    "training_needs",
]
