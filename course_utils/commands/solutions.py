"""Write the solution, collapsed, under every exercise of a notebook, from the code in `methods/`.

    python -m course_utils.commands.solutions notebooks/*.ipynb           refresh
    python -m course_utils.commands.solutions --check notebooks/*.ipynb   say which are out of step

A solution cell carries its exercise's id in its metadata ({"solution": id}): it is replaced, never written by
hand.
"""

import argparse
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_utils import checks
from course_utils.paths import whole_file

_CHECKED = re.compile(r"^ *@checked\(.*\)\n", re.MULTILINE)
_EXERCISE = re.compile(r"^@exercise\(\s*[\"']([\w.]+)[\"']\s*\)", re.MULTILINE)


def shown(method: Callable[..., Any] | type) -> str:
    """The source of a method as a notebook shows it: without the checks of its arguments (`methods/validation.py`)."""
    return _CHECKED.sub("", inspect.getsource(method))


def refresh(notebook: NotebookNode) -> bool:
    """Put the current solution under each cell with an `@exercise`, drop all others, and tell whether that
    changed it.

    Raises checks.UnknownExercise where a cell names an exercise that does not exist.
    """
    cells: list[NotebookNode] = []
    for cell in notebook.cells:
        if "solution" in cell.metadata:
            continue
        cells.append(cell)
        if cell.cell_type == "code":
            cells.extend(_solution(id) for id in _EXERCISE.findall(cell.source))
    changed = cells != notebook.cells
    notebook.cells = cells
    return changed


def _solution(id: str) -> NotebookNode:
    code = shown(checks.reference(id)).strip()
    cell = nbformat.v4.new_markdown_cell(
        f"<details>\n<summary>Solution</summary>\n\n```python\n{code}\n```\n\n</details>",
        metadata={"solution": id},
    )
    cell.id = f"solution-{id.replace('.', '-')}"[:64]  # the same at every run; a cell id has no dots
    return cell


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.commands.solutions", description=__doc__.split("\n")[0]
    )
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; status 1 if a notebook is out of step"
    )
    given = parser.parse_args(arguments)
    stale = []
    for path in given.notebooks:
        notebook = nbformat.read(path, as_version=4)
        if refresh(notebook):
            stale.append(path)
            if not given.check:
                with whole_file(path) as part:
                    nbformat.write(notebook, part)
    for path in stale:
        print(
            f"{path}: solutions {'are out of step: run this without --check' if given.check else 'refreshed'}"
        )
    return int(given.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
