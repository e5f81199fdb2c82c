"""Write the solution, collapsed, under every exercise of a notebook, from the code in `methods/`.

    python -m course_utils solutions           refresh
    python -m course_utils solutions --check   say which are out of step

A solution cell carries its exercise's id in its metadata ({"solution": id}): it is replaced, never written by
hand.
"""

import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils import checks
from course_utils.checks.edits import shown
from course_utils.commands.run_notebooks import NOTEBOOKS, find
from course_utils.paths import whole_file

_EXERCISE = re.compile(r"^@exercise\(\s*[\"']([\w.]+)[\"']\s*\)", re.MULTILINE)


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


def main(check: bool, folder: Path = NOTEBOOKS) -> int:
    """Refresh the notebooks of `folder`, or with `check` only name those that are out of step (then status 1)."""
    stale = []
    for path in find(folder):
        notebook = nbformat.read(path, as_version=4)
        if refresh(notebook):
            stale.append(path)
            if not check:
                with whole_file(path) as part:
                    nbformat.write(notebook, part)
    for path in stale:
        print(f"{path}: solutions {'are out of step: run this without --check' if check else 'refreshed'}")
    return int(check and bool(stale))
