"""The exercises of notebook 06, training parts of the model."""

from course_utils.checks.freezing.choosing import FIND_PARAMETERS
from course_utils.checks.freezing.counting import TRAINED_SHARE
from course_utils.checks.freezing.parts import TOP_LAYERS
from course_utils.checks.freezing.tensors import SCALAR_MIX, WHICH_MOVED

EXERCISES = (WHICH_MOVED, FIND_PARAMETERS, SCALAR_MIX, TOP_LAYERS, TRAINED_SHARE)
