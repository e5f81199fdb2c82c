"""The exercises of notebook 13, your model and your data."""

from course_utils.checks.your_own.measuring import INTERVAL, MERGE_AND_COMPARE
from course_utils.checks.your_own.splitting import SPLIT_BY_GROUP, STAY_TOGETHER

EXERCISES = (SPLIT_BY_GROUP, STAY_TOGETHER, INTERVAL, MERGE_AND_COMPARE)
