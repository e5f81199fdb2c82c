"""The exercises of notebook 02, logit distillation."""

from course_utils.checks.logit_kd.cache import CACHE_LOGITS
from course_utils.checks.logit_kd.gold import GOLD_LOSS, KD_AND_GOLD, LOGIT_MSE
from course_utils.checks.logit_kd.soft import KD_LOSS, SOFTMAX

EXERCISES = (SOFTMAX, KD_LOSS, LOGIT_MSE, GOLD_LOSS, KD_AND_GOLD, CACHE_LOGITS)
