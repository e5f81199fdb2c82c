"""Tell an untouched stub from an attempt."""

import ast
import dis
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


def is_stub(candidate: Any) -> bool:
    """True for a function whose body is only a docstring and `...`, `pass` or `raise NotImplementedError`.

    A class is a stub as long as one of its methods is. Anything else, a lambda too, is an attempt.
    """
    if inspect.isclass(candidate):
        return any(is_stub(method) for method in vars(candidate).values() if inspect.isfunction(method))
    function = inspect.unwrap(candidate) if callable(candidate) else candidate
    if not inspect.isfunction(function) or function.__name__ == "<lambda>":
        return False
    definition = _definition(function)
    return _is_stub_bytecode(function) if definition is None else all(map(_is_empty, definition.body))


def _definition(function: Callable[..., Any]) -> ast.FunctionDef | None:
    """The function's syntax tree; None without its source, as for code given to `exec`."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    found = tree.body[0] if tree.body else None
    code = function.__code__
    if not isinstance(found, ast.FunctionDef) or found.name != function.__name__:
        return None
    names = [argument.arg for argument in found.args.posonlyargs + found.args.args]
    return found if names == list(code.co_varnames[: code.co_argcount]) else None


def _is_empty(statement: ast.stmt) -> bool:
    """A docstring, `...`, `pass`, `return ...` or `raise NotImplementedError`."""
    if isinstance(statement, ast.Pass):
        return True
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant) and isinstance(
            statement.value.value, str | type(...)
        )
    if isinstance(statement, ast.Return):
        return isinstance(statement.value, ast.Constant) and statement.value.value is ...
    if isinstance(statement, ast.Raise):
        error = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return isinstance(error, ast.Name) and error.id == "NotImplementedError"
    return False


def _is_stub_bytecode(function: Callable[..., Any]) -> bool:
    instructions = [step for step in dis.get_instructions(function) if step.opname not in ("RESUME", "NOP")]
    if function.__code__.co_names == ("NotImplementedError",):
        return instructions[-1].opname == "RAISE_VARARGS" and not any(
            "JUMP" in s.opname for s in instructions
        )
    loads_and_returns = {"LOAD_CONST", "RETURN_VALUE", "RETURN_CONST", "COPY_FREE_VARS"}
    if not {step.opname for step in instructions} <= loads_and_returns or instructions[-1].argval is not None:
        return False
    if any(step.opname.endswith("_CONST") and step.argval is not None for step in instructions):
        return False
    # The implicit return stands where `...` or `pass` stood. An explicit one is wider, or starts after its
    # keyword,
    # out of step with an indentation of four.
    where = instructions[-1].positions
    if where is None or where.col_offset is None or where.end_col_offset is None:
        return True
    width = where.end_col_offset - where.col_offset
    return width <= len("...") or (width == len("pass") and where.col_offset % 4 == 0)
