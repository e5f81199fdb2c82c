"""The exercises of notebook 03, intermediate distillation."""

from course_utils.checks.intermediate_kd.attention import ATTENTION_LOSS, ATTENTION_SCORES
from course_utils.checks.intermediate_kd.directions import COSINE_LOSS, PATIENT_LOSS
from course_utils.checks.intermediate_kd.layers import HIDDEN_LOSS, LAYER_MAP

EXERCISES = (LAYER_MAP, HIDDEN_LOSS, ATTENTION_SCORES, ATTENTION_LOSS, PATIENT_LOSS, COSINE_LOSS)
