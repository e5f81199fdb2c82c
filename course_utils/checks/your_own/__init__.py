"""The exercises of notebook 13: a split without leakage, what an accuracy is worth, and merging with a check."""

from course_utils.checks.your_own.merging import MERGE_AND_COMPARE
from course_utils.checks.your_own.scores import INTERVAL
from course_utils.checks.your_own.splitting import SPLIT_BY_GROUP

EXERCISES = (SPLIT_BY_GROUP, INTERVAL, MERGE_AND_COMPARE)
