"""The exercises of notebook 11, LoRA and merging."""

from course_utils.checks.lora.injecting import INJECT
from course_utils.checks.lora.layer import LORA_LINEAR
from course_utils.checks.lora.matrices import COUNT_LORA_PARAMETERS, LORA_INIT, LOW_RANK

EXERCISES = (LOW_RANK, COUNT_LORA_PARAMETERS, LORA_INIT, LORA_LINEAR, INJECT)
