"""The exercises of notebook 02, logit distillation."""

from course_utils.checks.logit_kd.cache import CACHE_LOGITS
from course_utils.checks.logit_kd.gold import GOLD_LOSS
from course_utils.checks.logit_kd.soft import KD_LOSS, REVERSE_KL
from course_utils.checks.logit_kd.step import DISTILLATION_LOSS

EXERCISES = (KD_LOSS, REVERSE_KL, GOLD_LOSS, CACHE_LOGITS, DISTILLATION_LOSS)
