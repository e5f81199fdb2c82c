"""The exercises of notebook 11, LoRA and merging."""

from course_utils.checks.lora.init import LORA_INIT
from course_utils.checks.lora.layer import LORA_FORWARD, MERGED_WEIGHT
from course_utils.checks.lora.numbers import COUNT_LORA_PARAMETERS, LORA_SCALING

EXERCISES = (COUNT_LORA_PARAMETERS, LORA_INIT, LORA_SCALING, LORA_FORWARD, MERGED_WEIGHT)
