"""Run the set-up cell of a notebook as Colab runs it, with another folder for /content and another place to clone from.

    python colab_cell.py NOTEBOOK CONTENT ADDRESS

CONTENT is an empty folder, ADDRESS a repository (a file:// address, so that no network is needed). Run it with the
Python of the environment to try, whose `pip` is first on PATH; it needs IPython and nothing of the course. The last
line that it prints is the file of the `course_utils` that the cell imported. Ends with status 1 where the cell fails.
"""

import json
import re
import sys
from pathlib import Path

from IPython.core.interactiveshell import InteractiveShell
from IPython.core.shellapp import InteractiveShellApp
from traitlets.config import Config


class Shell(InteractiveShell):
    """A shell by whose name the set-up cell knows Colab."""

    def __str__(self) -> str:
        return "<google.colab._shell.Shell object>"


def adapted(notebook: Path, content: str, address: str) -> str:
    """The first code cell, with these two places in it. Raises ValueError if it has no such places."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    source = "".join(next(cell for cell in cells if cell["cell_type"] == "code")["source"])
    source, folders = re.subn(r"/content\b", lambda _: content, source)
    source, addresses = re.subn(r"https://github\.com/[\w.-]+/[\w.-]+", lambda _: address, source)
    if (folders, addresses) != (2, 1):
        raise ValueError(
            f"the set-up cell of {notebook.name} names /content {folders} times, a repository {addresses}"
        )
    return source


def main(notebook: str, content: str, address: str) -> int:
    """Run the cell. Returns 1 where it fails."""
    del sys.path[0]  # this script's folder, which no kernel has
    InteractiveShellApp().init_path()  # the working directory, which every kernel has
    shell = Shell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    if not shell.run_cell(adapted(Path(notebook), content, address)).success:
        return 1
    print(sys.modules["course_utils"].__file__)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
