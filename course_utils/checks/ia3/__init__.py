"""The exercises of notebook 07, (IA)³."""

from course_utils.checks.ia3.front import PARETO_FRONT
from course_utils.checks.ia3.layer import IA3_LINEAR
from course_utils.checks.ia3.surgery import FIND_SCALED, INJECT_IA3, TURNED

EXERCISES = (IA3_LINEAR, FIND_SCALED, INJECT_IA3, PARETO_FRONT, TURNED)
