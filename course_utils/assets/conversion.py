"""Published files in a format of their own -> a folder that `from_pretrained` reads, made once and kept in the cache.

The folder gets its name only when all of it was written, and holds a list of its files with their hashes: one that a
killed process began, or that was damaged later, is never taken for a whole one.
"""

import errno
import importlib.util
import json
import os
import shutil
from pathlib import Path
from typing import Any

from course_utils.assets import e5, gguf, sources
from course_utils.assets.catalog import Entry
from course_utils.assets.sources import File

FORMATS = {"gguf": gguf, "e5": e5}
FACTS = "converted.json"
EDITION = 1  # to be raised when the same files are to become another folder: the old ones are made anew
PACKAGE = "gguf"  # reads both formats
CARD = """---
license: {licence}
---
# {id}

Made by the course "Small and cheap language models" from published files:

{files}

They are `{id}`, revision `{revision}`, from {publisher}, under the licence {licence}.

{note}
"""


class ConversionError(Exception):
    """The folder cannot be made: what happened, and in `next_step` what to do."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(what)
        self.next_step = next_step


def is_whole(folder: Path, asset: Entry) -> bool:
    """Whether `folder` was made from the files that the catalogue lists, and every file in it verifies."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    same = facts.get("edition") == EDITION and facts.get("sources") == _hashes(asset)
    return same and not sources.faults(folder, _listed(facts))


def size(folder: Path) -> int:
    """The bytes of a whole folder."""
    return sum(path.stat().st_size for path in folder.iterdir())


def check(folder: Path, asset: Entry) -> None:
    """Raise `ConversionError` where `folder` could not be made: before anything is fetched for it."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise ConversionError(
            f"the package {PACKAGE} is not installed, and it reads this model's file",
            f"run `python -m pip install {PACKAGE}` and restart the kernel.",
        )
    place = next(parent for parent in folder.parents if parent.exists())
    free = shutil.disk_usage(place).free
    if asset.room > free:
        raise _no_room(asset, f"{place} has {free / 1e6:.0f} MB free")


def convert(asset: Entry, source: Path, folder: Path) -> None:
    """Make `folder` of the asset's verified files in `source`; one process does it, and others wait for it.

    Raises `ConversionError`. Whatever happens, nothing half-written stays behind; what a killed process left goes now.
    """
    try:
        with sources.lock(folder):
            if not is_whole(folder, asset):
                _convert(asset, source, folder)
    except TimeoutError:
        minutes = sources.LOCK_SECONDS // 60
        raise ConversionError(
            f"another notebook has been converting it for {minutes} minutes",
            "end that notebook's kernel, and run the cell again.",
        ) from None
    except OSError as error:
        raise _refused(asset, folder, error.strerror or str(error), error.errno) from None


def _convert(asset: Entry, source: Path, folder: Path) -> None:
    part = folder.with_name(f".{folder.name}.part")
    for left in (part, folder):  # a killed process's, and a damaged one
        if left.exists():
            shutil.rmtree(left)
    check(folder, asset)
    print(f"Converting {asset.pinned_id}, once: it is kept in {folder}", flush=True)
    try:
        part.mkdir()
        _write(asset, [source / file.path for file in asset.files], part)
        os.replace(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(asset: Entry, files: list[Path], part: Path) -> None:
    """All files of the folder, the list of them last."""
    from safetensors import SafetensorError

    assert asset.format
    form = FORMATS[asset.format]
    try:
        form.write(files, part)
    except SafetensorError as error:  # it tells what the disk said in words alone
        full = "os error 28" in str(error)
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error)) from None
    except (ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ConversionError(
            f"{', '.join(file.name for file in files)} could not be read ({type(error).__name__}: {error})",
            "install the versions in requirements.txt, restart the kernel, and run the cell again.",
        ) from error
    listed = "\n".join(f"- `{file.path}`, sha256 `{file.sha256}`" for file in asset.files)
    card = CARD.format(
        id=asset.id, revision=asset.revision, publisher=asset.publisher, licence=asset.licence.lower(),
        files=listed, note=form.NOTE,
    )  # fmt: skip
    (part / "README.md").write_text(card, encoding="utf-8")
    facts: dict[str, Any] = {"edition": EDITION, "sources": _hashes(asset), "files": {}}
    for path in sorted(part.iterdir()):
        facts["files"][path.name] = {"sha256": sources.sha256(path), "size": path.stat().st_size}
    (part / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")


def _hashes(asset: Entry) -> dict[str, str]:
    return {file.path: file.sha256 for file in asset.files}


def _listed(facts: dict[str, Any]) -> list[File]:
    return [File(name, **entry) for name, entry in facts["files"].items()]


def _refused(asset: Entry, folder: Path, reason: str, number: int | None) -> ConversionError:
    if number in (errno.ENOSPC, errno.EDQUOT):
        return _no_room(asset, f"the disk of {folder.parent} is full")
    return ConversionError(
        f"{folder} cannot be written ({reason})",
        "set COURSE_BUILD to a folder that you may write to, and restart the kernel.",
    )


def _no_room(asset: Entry, what: str) -> ConversionError:
    needed = f"{asset.room / 1e6:.0f} MB"
    return ConversionError(
        f"{what}, and {needed} are needed to unpack it",
        f"set COURSE_BUILD to a folder with {needed} free, and restart the kernel.",
    )
