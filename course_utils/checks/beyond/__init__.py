"""The exercises of notebook 12, choosing a method and what lies beyond, and the check of its capstone."""

from course_utils.checks.beyond.attention import LINEAR_ATTENTION
from course_utils.checks.beyond.choosing import CHOOSE
from course_utils.checks.beyond.exits import EXIT_LAYERS
from course_utils.checks.beyond.experts import LOAD_BALANCING_LOSS, ROUTE
from course_utils.checks.beyond.int8 import INT8_LINEAR

EXERCISES = (CHOOSE, ROUTE, LOAD_BALANCING_LOSS, LINEAR_ATTENTION, INT8_LINEAR, EXIT_LAYERS)
