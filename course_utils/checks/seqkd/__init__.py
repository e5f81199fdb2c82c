"""The exercises of notebook 04, sequence-level distillation."""

from course_utils.checks.seqkd.beam import BEAM_STEP
from course_utils.checks.seqkd.texts import ANSWER_LABELS, WITHOUT_NEAR_COPIES
from course_utils.checks.seqkd.tokens import SHIFT_RIGHT, WORD_KD_LOSS

EXERCISES = (SHIFT_RIGHT, WORD_KD_LOSS, BEAM_STEP, WITHOUT_NEAR_COPIES, ANSWER_LABELS)
