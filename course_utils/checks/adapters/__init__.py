"""The exercises of notebook 08, adapters."""

from course_utils.checks.adapters.init import ADAPTER_INIT
from course_utils.checks.adapters.layer import ADAPTER, HOULSBY_OUTPUT
from course_utils.checks.adapters.model import INJECT_ADAPTERS
from course_utils.checks.adapters.state import ADAPTER_STATE, SWAP_IN

EXERCISES = (ADAPTER_INIT, ADAPTER, HOULSBY_OUTPUT, INJECT_ADAPTERS, ADAPTER_STATE, SWAP_IN)
