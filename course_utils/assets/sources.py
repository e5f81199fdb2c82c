"""Where an asset's files can come from, each checked against the sizes and hashes of the catalogue.

A folder counts as complete when every listed file verifies; there is no other marker. What arrives is written
to a part beside the file, and gets the file's name only after its bytes were verified: a download that was
killed is never taken for a whole one, and the next one goes on from its part.
"""

import contextlib
import functools
import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from course_utils.assets import download

LOCK_SECONDS = 900


class SourceError(Exception):
    """One source could not give the files; the message is one line that says why."""


@dataclass(frozen=True)
class File:
    """A file of an asset: path inside its folder, sha256, bytes (where known), and address (if any).

    member: its name in the zip archive that lies at the address, where it comes in one. The archive's own hash need not
    be known: it is the file inside that is verified.
    """

    path: str
    sha256: str
    size: int | None = None
    url: str | None = None
    member: str | None = None

    @property
    def arrives_as(self) -> str:
        """The path of what lies at the address: the file, or the archive that it comes in."""
        return self.path if not self.member else Path(self.url or "").name


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@functools.lru_cache(maxsize=4096)
def _remembered_sha256(path: Path, size: int, mtime_ns: int) -> str:
    """The sha256 of a file; `size` and `mtime_ns` are there so that a changed file is hashed anew."""
    return sha256(path)


def fault(path: Path, file: File, *, remember: bool = True) -> str | None:
    """What is wrong with the file at `path`, in a few words; None when it is the expected one.

    With `remember`, a file that was hashed before and has the same size and time is not hashed again.
    """
    try:
        stat = path.stat()
        if file.size is not None and stat.st_size != file.size:
            return f"{file.path} has {stat.st_size:,} bytes instead of {file.size:,}"
        found = _remembered_sha256(path, stat.st_size, stat.st_mtime_ns) if remember else sha256(path)
        if found != file.sha256:
            return f"{file.path} differs from the expected file (sha256)"
    except FileNotFoundError:
        return f"{file.path} is missing"
    except OSError as error:
        return f"{file.path} cannot be read ({error.strerror})"
    return None


def faults(folder: Path, files: Iterable[File]) -> list[str]:
    """What is wrong with the files of a folder; an empty list when it is complete."""
    return [reason for file in files if (reason := fault(folder / file.path, file))]


def from_mirror(folder: Path, files: Iterable[File]) -> Path:
    """The mirror's own folder, if every file in it verifies. Nothing in it is copied or changed."""
    found = faults(folder, files)
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise SourceError(f"in {folder}, {found[0]}{more}")
    return folder


def part_of(target: Path) -> Path:
    """Where the bytes of `target` lie until they are verified."""
    return target.with_name(f".{target.name}.part")


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """One process at a time fills a folder. The lock ends with its process, however that ends.

    Raises TimeoutError after 15 minutes, and OSError where there can be no lock.
    """
    from filelock import FileLock, Timeout

    folder.parent.mkdir(parents=True, exist_ok=True)
    held = FileLock(folder.parent / f"{folder.name}.lock", timeout=LOCK_SECONDS)
    try:
        held.acquire(timeout=0)
    except Timeout:
        print(f"Another notebook is fetching {folder.parent.name}: waiting for it.")
        held.acquire()
    try:
        yield
    finally:
        held.release()


@contextlib.contextmanager
def writing(target: Path) -> Iterator[Path]:
    """The part of `target`, to be written to. Where the disk refuses, the part goes: a full one needs the room."""
    part = part_of(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def accept(target: Path, file: File) -> None:
    """Give the part its name if its bytes are the expected ones; else remove it. Raises `Trouble`."""
    part = part_of(target)
    # Not remembered: another part of this name and size may follow within one tick of the file system's clock.
    if reason := fault(part, file, remember=False):
        part.unlink()
        raise download.Trouble(f"what arrived is not the published file: {reason}")
    os.replace(part, target)


def clear(folder: Path, files: Iterable[File]) -> list[File]:
    """Remove files that do not verify, and parts that no download goes on from; return the files needed."""
    needed = [file for file in files if fault(folder / file.path, file)]
    for file in needed:
        (folder / file.path).unlink(missing_ok=True)
    useful = {part_of(folder / file.arrives_as) for file in needed}
    for part in folder.rglob(".*.part"):
        if part not in useful:
            part.unlink()
    return needed


def unfinished(folder: Path, file: File) -> int:
    """The bytes of `file` that an earlier, broken download left in `folder`; 0 where there is nothing to go on from."""
    part = part_of(folder / file.arrives_as)
    return part.stat().st_size if part.exists() else 0


def from_copy(folder: Path, files: Iterable[File], other: Path) -> Path:
    """Copy the files that `folder` lacks from `other`, if every file verifies there.

    Raises SourceError, and OSError where the folder cannot be written.
    """
    from_mirror(other, files)
    for file in clear(folder, files):
        with writing(folder / file.path) as part:
            shutil.copyfile(other / file.path, part)
            try:
                accept(folder / file.path, file)
            except download.Trouble as error:
                raise SourceError(f"copied from {other}: {error}") from None
    return folder


def take_out(archive: Path, members: Mapping[str, File], folder: Path) -> None:
    """Put files of a zip archive (a wheel is one) into `folder`: `members` has them by their names in the archive.

    Raises `Trouble` where it is no archive, lacks one of them, or holds other bytes.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            for member, file in members.items():
                with writing(folder / file.path) as part:
                    part.write_bytes(opened.read(member))
                    accept(folder / file.path, file)
    except zipfile.BadZipFile:
        raise download.Trouble(
            "what arrived is no zip archive; does this network want a log-in first?"
        ) from None
    except KeyError as error:
        raise download.Trouble(f"what arrived is not the published archive: {error.args[0]}") from None
