"""The exercises of notebook 00, first steps."""

from course_utils.checks.first_steps.loop import TRAIN
from course_utils.checks.first_steps.network import CROSS_ENTROPY, SLOPE
from course_utils.checks.first_steps.tensors import ACCURACY, MASKED_MEAN

EXERCISES = (ACCURACY, MASKED_MEAN, SLOPE, CROSS_ENTROPY, TRAIN)
