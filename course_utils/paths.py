"""Where things lie: the repository, what ships with it, and what runs write. And how to write a file whole."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"


def setting(name: str) -> str:
    """What the environment variable `name` holds; "" where it is not set or empty.

    Blanks and quotes around the value do not count: `set COURSE_TRACK="real"` on Windows, Docker's --env-file and
    several editors hand the quotes on.
    """
    text = os.environ.get(name, "").strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def folder_setting(name: str) -> Path | None:
    """The folder that an environment variable names, as an absolute path; None where it names none.

    A `~` at its start is the home folder. A shell replaces it only where it stands outside quotes, and a program
    that sets variables never does.
    """
    text = setting(name)
    return Path(os.path.abspath(os.path.expanduser(text))) if text else None


def can_be_written(folder: Path) -> bool:
    """Whether files can be made in `folder`, or in the nearest of its parents that exists. Makes nothing."""
    there = next((place for place in (folder, *folder.parents) if os.path.exists(place)), folder)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _choose_build() -> tuple[Path, Path | None]:
    """The folder to write to, and the one that was wanted where that cannot be written.

    Wanted is COURSE_BUILD, or else build/ in the repository. In its place comes a folder in the reader's home,
    which the next notebook finds too; or else a new temporary folder.
    """
    wanted = folder_setting("COURSE_BUILD") or ROOT / "build"
    if can_be_written(wanted):
        return wanted.resolve(), None
    at_home = Path(os.path.expanduser("~")) / "small-cheap-lm-build"
    if at_home.is_absolute() and can_be_written(at_home):
        return at_home, wanted
    # Not one fixed name in a folder that all users share: code that is cached there is imported.
    return Path(tempfile.mkdtemp(prefix="small-cheap-lm-")), wanted


BUILD, NOT_WRITABLE = _choose_build()


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its name at the end of the block: whole, or not at all.

    Where the block raises, what it wrote is removed and `path` stays as it was. Missing folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """`whole_file` for a text in UTF-8."""
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8")
