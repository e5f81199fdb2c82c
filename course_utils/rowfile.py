"""Result rows as lines of JSON: appended safely, read back, and signed with the versions and the machine."""

import functools
import json
import os
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from course_utils import session

Row = dict[str, Any]


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read(folder: Path, notebook: str | None, track: str | None) -> list[Row]:
    """All rows of folder/<track>/<notebook>*.jsonl, oldest first in each file; None stands for any.

    Raises ValueError that names the file and the line if a line cannot be read.
    """
    rows = []
    for path in sorted(folder.glob(f"{track or '*'}/{notebook or ''}*.jsonl")):
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            try:
                rows.append(json.loads(text))
            except json.JSONDecodeError:
                raise ValueError(f"Line {number} of {path} is not a result row. Delete that line.") from None
    return rows


def line(row: Row) -> str:
    """A row as one line of JSON with its line ending."""
    # .item() turns a NumPy number or a one-element tensor into a plain one.
    return json.dumps(row, ensure_ascii=False, default=lambda value: value.item()) + "\n"


def append(path: Path, row: Row) -> None:
    """Add one line in one write, so that rows of two runs at once never mix and a kill leaves no half line.

    Of several processes that train one model, only the main one writes.
    """
    if not session.is_main_process():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, line(row).encode())
    finally:
        os.close(file)


@functools.cache
def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that a result may depend on."""
    packages = ("torch", "transformers", "peft", "datasets")
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in packages}}


@functools.cache
def machine() -> dict[str, Any]:
    """The processor, how many cores this process may use, and the device that trains."""
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    except OSError:  # not Linux
        pass
    device = "mps" if torch.backends.mps.is_available() else "cpu"
    if torch.cuda.is_available():
        device = torch.cuda.get_device_name()
    return {"cpu": cpu, "cores": session.cpus(), "device": device}
