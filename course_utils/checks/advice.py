"""What is told of a wrong answer that behaves like none of an exercise's mistakes."""

import inspect
from typing import Any

from course_utils.checks.tasks import HAS_GRADIENT, INPUTS_CHANGED, Exercise

LARGE_LOGITS = (
    "type and shape are right, the numbers are not. Work the inputs above out by hand, step by step. If the logits are "
    "large, and a small number is added before a log: that hides the log of 0, and the loss is too small there. "
    "F.log_softmax needs no such number."
)
ADVICE = {
    # by the name of what was observed
    INPUTS_CHANGED: "the function changes its inputs in place. Build new tensors instead: "
    "no operation that ends in an underscore, no `x /= ...`, no `x[...] = ...` on an input.",
    HAS_GRADIENT: "no gradient can flow back through the result, so the student could not learn from it. "
    "Something cut it: .item(), .detach(), .numpy(), float(...), torch.tensor(...) or torch.no_grad().",
    # by the kind of the difference
    "none": "the function returns None. Does it end with `return ...`?",
    "type": "that is not the type to return; the docstring says which one is. For a tensor: .item(), "
    ".tolist(), .numpy() and float(...) make something else of it.",
    "shape": "the shape is not the one in the docstring. Check over which dim you sum, average or take the softmax.",
    "dtype": "the dtype changed. Stay in the dtype of the inputs: no .float(), .double() or .half(). A tensor that you "
    "make yourself has one of its own, as torch.zeros(...) is float32: pass dtype=x.dtype, with an input as x.",
    "nan": "there is a NaN or an infinity in it. Look for the log of 0, for 0 / 0, and for exp of large numbers.",
    "value": "type and shape are right, the numbers are not. Work the inputs above out by hand, step by step.",
    "RecursionError": "the function calls itself without end.",
    "SystemExit": "the function tries to end the program. Return a value instead.",
    "KeyboardInterrupt": "the function itself raises KeyboardInterrupt. Return a value instead.",
    "Refused": "a check gives the function all that it needs as arguments; return a value.",
    "call": "the function is called with the arguments listed above, in that order. Keep the parameters of the stub.",
}
ERROR_ADVICE = "the error arose inside the function. Read it as a sentence: it says what was expected there."
GENERATOR = (
    "there is a `yield` in the function, so a call runs none of its lines and gives a generator. Collect what "
    "you yield in a list, and return what the docstring asks for."
)
COROUTINE = "the function is an `async def`, so a call runs none of its lines. Write `def`."


def advice_for(task: Exercise, problem: str, kind: str) -> str:
    """The most particular advice: this exercise's first, and on what was observed before the kind of difference."""
    # What was done to the inputs, or to the gradient, is told by its name alone: its kind would speak of the result.
    keys = (problem,) if problem in (INPUTS_CHANGED, HAS_GRADIENT) else (problem, kind)
    for advice in (task.advice, ADVICE):
        for key in keys:
            if key in advice:
                return advice[key]
    return ERROR_ADVICE


def unrun(function: Any) -> str | None:
    """What to tell of a function that runs nothing when it is called; None for any other."""
    if inspect.isgeneratorfunction(function):
        return GENERATOR
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return COROUTINE
    return None
