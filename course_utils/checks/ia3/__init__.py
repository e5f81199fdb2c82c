"""The exercises of notebook 07, (IA)³."""

from course_utils.checks.ia3.folding import FOLDED
from course_utils.checks.ia3.front import PARETO_FRONT
from course_utils.checks.ia3.numbers import COUNT_IA3_PARAMETERS
from course_utils.checks.ia3.scaling import SCALED_INPUT, SCALED_OUTPUT

EXERCISES = (COUNT_IA3_PARAMETERS, SCALED_OUTPUT, SCALED_INPUT, FOLDED, PARETO_FRONT)
