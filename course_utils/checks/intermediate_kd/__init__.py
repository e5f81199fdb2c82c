"""The exercises of notebook 03, intermediate distillation."""

from course_utils.checks.intermediate_kd.attention import ATTENTION_LOSS, ATTENTION_SCORES
from course_utils.checks.intermediate_kd.layers import HIDDEN_LOSS, LAYER_MAP
from course_utils.checks.intermediate_kd.losses import TINYBERT_LOSSES
from course_utils.checks.intermediate_kd.students import KEEP_LAYERS

EXERCISES = (LAYER_MAP, HIDDEN_LOSS, ATTENTION_SCORES, ATTENTION_LOSS, TINYBERT_LOSSES, KEEP_LAYERS)
