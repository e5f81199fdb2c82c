"""The exercises of notebook 01, scale and prompting."""

from course_utils.checks.scale.cost import SERVING_BYTES, TRAINING_FLOPS
from course_utils.checks.scale.prompts import BUILD_PROMPT
from course_utils.checks.scale.scoring import ANSWER_LOG_LIKELIHOOD, EXACT_MATCH

EXERCISES = (TRAINING_FLOPS, SERVING_BYTES, BUILD_PROMPT, EXACT_MATCH, ANSWER_LOG_LIKELIHOOD)
