"""The exercises of notebook 08, adapters."""

from course_utils.checks.adapters.counting import COUNT_ADAPTER_PARAMETERS
from course_utils.checks.adapters.init import ADAPTER_INIT
from course_utils.checks.adapters.layer import ADAPTER_FORWARD
from course_utils.checks.adapters.places import HOULSBY_OUTPUT, PFEIFFER_OUTPUT
from course_utils.checks.adapters.state import ADAPTER_STATE

EXERCISES = (
    COUNT_ADAPTER_PARAMETERS,
    ADAPTER_INIT,
    ADAPTER_FORWARD,
    HOULSBY_OUTPUT,
    PFEIFFER_OUTPUT,
    ADAPTER_STATE,
)
