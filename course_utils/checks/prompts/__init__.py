"""The exercises of notebook 10, prompt tuning and prefix tuning."""

from course_utils.checks.prompts.inputs import PROMPT_TUNED
from course_utils.checks.prompts.positions import POSITIONS
from course_utils.checks.prompts.prefix import KEYS_AND_VALUES
from course_utils.checks.prompts.vocabulary import NEAREST_TOKENS, PROMPT_FROM_TOKENS

EXERCISES = (PROMPT_FROM_TOKENS, POSITIONS, PROMPT_TUNED, NEAREST_TOKENS, KEYS_AND_VALUES)
