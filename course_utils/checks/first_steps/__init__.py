"""The exercises of notebook 00, first steps."""

from course_utils.checks.first_steps.gradients import CROSS_ENTROPY, SLOPE
from course_utils.checks.first_steps.tensors import ACCURACY, LINEAR, MASKED_MEAN

EXERCISES = (ACCURACY, MASKED_MEAN, SLOPE, LINEAR, CROSS_ENTROPY)
