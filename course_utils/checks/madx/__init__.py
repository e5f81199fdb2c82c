"""The exercises of notebook 09, MAD-X."""

from course_utils.checks.madx.coupling import COUPLE, UNCOUPLE
from course_utils.checks.madx.masking import MASK_TOKENS
from course_utils.checks.madx.stacking import STACK_ADAPTERS
from course_utils.checks.madx.steps import TRAINS

EXERCISES = (MASK_TOKENS, COUPLE, UNCOUPLE, STACK_ADAPTERS, TRAINS)
