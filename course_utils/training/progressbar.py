"""A tqdm bar that is one line of text, redrawn in place, in a terminal and in a notebook.

tqdm's own notebook bar is a widget. A stored notebook keeps only its first state ("0%"), and Binder, GitHub
and the HTML report show that. Here the line is a display that is updated, so the stored notebook holds the
last state and nothing else.
"""

import sys
from typing import Any

from IPython import get_ipython
from IPython.display import display
from tqdm import tqdm

REFRESH_SECONDS = 0.5
LAYOUT = "{desc} {percentage:3.0f}% |{bar:24}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]{postfix}"


class NotebookLine:
    """A file whose only line is shown in the cell's output; writing replaces it."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self._handle: Any = None
        self._text = ""

    def write(self, text: str) -> int:
        line = text.strip("\r\n ")
        # tqdm also writes empty strings and spaces, to move or wipe a terminal's cursor.
        if line and line != self._text:
            self._text = line
            if self._handle is None:
                self._handle = display({"text/plain": line}, raw=True, display_id=True)
            else:
                self._handle.update({"text/plain": line}, raw=True)
        return len(text)

    def flush(self) -> None:
        """Nothing waits: each write is sent at once."""


def progress_bar(total: int, description: str, *, start: int = 0, shown: bool = True) -> "tqdm[Any]":
    """A bar over `total` steps that begins at `start`; redrawn at most twice a second; its last state
    stays."""
    in_notebook = hasattr(get_ipython(), "kernel")  # type: ignore[no-untyped-call]
    return tqdm(
        total=total,
        initial=start,
        desc=description,
        file=NotebookLine() if in_notebook else sys.stderr,  # type: ignore[arg-type]
        mininterval=REFRESH_SECONDS,
        miniters=1,
        bar_format=LAYOUT,
        disable=not shown,
    )
