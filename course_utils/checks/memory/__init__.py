"""The exercises of notebook 05, the memory of training."""

from course_utils.checks.memory.activations import BLOCK_ACTIVATIONS, SAVED_BYTES
from course_utils.checks.memory.counting import HIGHEST_LEVEL, LARGEST_BATCH
from course_utils.checks.memory.quantizing import QUANTIZE_BLOCKWISE
from course_utils.checks.memory.states import ADAMW_STEP

EXERCISES = (HIGHEST_LEVEL, SAVED_BYTES, BLOCK_ACTIVATIONS, ADAMW_STEP, QUANTIZE_BLOCKWISE, LARGEST_BATCH)
