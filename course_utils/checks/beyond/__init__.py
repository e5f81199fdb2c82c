"""The exercises of notebook 12, choosing a method and what lies beyond, and the check of its capstone."""

from course_utils.checks.beyond.attention import LINEAR_ATTENTION
from course_utils.checks.beyond.choosing import CHOOSE
from course_utils.checks.beyond.exits import LEAVE_EARLY
from course_utils.checks.beyond.experts import LOAD_BALANCING_LOSS, ROUTE
from course_utils.checks.beyond.rounding import TO_NEAREST_LEVELS

EXERCISES = (CHOOSE, ROUTE, LOAD_BALANCING_LOSS, LINEAR_ATTENTION, TO_NEAREST_LEVELS, LEAVE_EARLY)
