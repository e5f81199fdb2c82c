"""The exercises of notebook 09, MAD-X."""

from course_utils.checks.madx.layers import INVERTIBLE_ADAPTER, STACK
from course_utils.checks.madx.masking import MASK_TOKENS
from course_utils.checks.madx.model import PUT_LANGUAGE
from course_utils.checks.madx.stages import TRAIN_ONLY

EXERCISES = (MASK_TOKENS, INVERTIBLE_ADAPTER, STACK, PUT_LANGUAGE, TRAIN_ONLY)
