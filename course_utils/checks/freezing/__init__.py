"""The exercises of notebook 06, training parts of the model."""

from course_utils.checks.freezing.biases import FIND_BIASES
from course_utils.checks.freezing.counting import TRAINED_SHARE
from course_utils.checks.freezing.parts import HEAD_ONLY, TOP_LAYERS
from course_utils.checks.freezing.tensors import SCALAR_MIX, WHICH_MOVED

EXERCISES = (WHICH_MOVED, HEAD_ONLY, SCALAR_MIX, TOP_LAYERS, TRAINED_SHARE, FIND_BIASES)
