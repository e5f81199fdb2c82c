"""What became of each exercise, kept in a file, so that the next kernel knows it too.

An entry only ever rises: what was solved stays solved, and a hint that was read stays read. So kernels that write at
the same time lose nothing of each other's.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from course_utils import paths
from course_utils.checks.hints import STEPS

STATUSES = ("not attempted", "wrong", "right")  # from the least to the most

FILE: Path | None = None if paths.setting("COURSE_PROGRESS") == "off" else paths.BUILD / "progress.json"
"""None where nothing is kept beyond this kernel: `run_notebooks` runs a notebook as for a new reader."""


@dataclass(frozen=True)
class Entry:
    """The best that became of an exercise, and how many of its hints were read."""

    status: str = STATUSES[0]
    hints: int = 0


_here: dict[str, Entry] = {}  # what could not be written


def entries() -> dict[str, Entry]:
    """What is known of each exercise, by id. One that is missing was neither tried nor asked hints for."""
    return _joined(_stored(), _here)


def add(id: str, status: str = STATUSES[0], hints: int = 0) -> None:
    """Keep a new status, or the number of hints that were read. What is no more than is known changes nothing.

    Where the file cannot be written, this kernel remembers it: no exercise fails for that.
    """
    news = {id: Entry(status, hints)}
    known = entries()
    if news[id] == Entry() or _joined(known, news) == known:
        return
    try:
        if FILE is None:
            raise OSError
        FILE.parent.mkdir(parents=True, exist_ok=True)
        with _lock(FILE):
            everything = _joined(_stored(), news)
            text = json.dumps({of: asdict(entry) for of, entry in everything.items()}, indent=1)
            paths.write_whole(FILE, text)
    except (OSError, NotImplementedError):  # the latter: some network drives know no locks
        _here.update(_joined(_here, news))


def clear() -> None:
    """Forget everything."""
    _here.clear()
    if FILE is not None and FILE.exists():
        with _lock(FILE):
            FILE.unlink(missing_ok=True)


def _lock(file: Path) -> FileLock:
    return FileLock(file.with_name(f".{file.name}.lock"), timeout=5)


def _stored() -> dict[str, Entry]:
    """The file's entries. A file that is missing or broken has none, and an entry that makes no sense is left out."""
    try:
        content = json.loads(FILE.read_text(encoding="utf-8")) if FILE is not None else {}
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        id: Entry(value["status"], value["hints"]) for id, value in content.items() if _makes_sense(value)
    }


def _makes_sense(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("status") in STATUSES
        and type(value.get("hints")) is int
        and 0 <= value["hints"] <= len(STEPS)
    )


def _joined(some: Mapping[str, Entry], others: Mapping[str, Entry]) -> dict[str, Entry]:
    """The more of each."""
    joined = dict(some)
    for id, entry in others.items():
        known = joined.get(id, Entry())
        status = max(known.status, entry.status, key=STATUSES.index)
        joined[id] = Entry(status, max(known.hints, entry.hints))
    return joined
