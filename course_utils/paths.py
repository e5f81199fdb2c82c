"""Where things lie: the repository, what ships with it, and what a reader's own runs write."""

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"


def _can_be_written(folder: Path) -> bool:
    """Whether files can be made in `folder`, or in the nearest of its parents that exists. Makes nothing."""
    there = next((place for place in (folder, *folder.parents) if os.path.exists(place)), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _choose_build() -> tuple[Path, Path | None]:
    """The folder to write to, and the one that was wanted where that cannot be written.

    Wanted is COURSE_BUILD, or else build/ in the repository. In its place comes a folder in the reader's home,
    which the next notebook finds too; or else a new temporary folder.
    """
    wanted = Path(os.path.abspath(os.environ.get("COURSE_BUILD") or ROOT / "build"))
    if _can_be_written(wanted):
        return wanted.resolve(), None
    at_home = Path(os.path.expanduser("~")) / "small-cheap-lm-build"
    if at_home.is_absolute() and _can_be_written(at_home):
        return at_home, wanted
    # Not one fixed name in a folder that all users share: code that is cached there is imported.
    return Path(tempfile.mkdtemp(prefix="small-cheap-lm-")), wanted


BUILD, NOT_WRITABLE = _choose_build()
