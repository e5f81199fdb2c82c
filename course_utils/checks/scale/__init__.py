"""The exercises of notebook 01, scale and prompting."""

from course_utils.checks.scale.cost import SERVING_BYTES
from course_utils.checks.scale.likelihood import ANSWER_LOG_LIKELIHOOD
from course_utils.checks.scale.prompts import ANSWER_BATCH, BUILD_PROMPT
from course_utils.checks.scale.scoring import EXACT_MATCH

EXERCISES = (SERVING_BYTES, BUILD_PROMPT, ANSWER_BATCH, EXACT_MATCH, ANSWER_LOG_LIKELIHOOD)
