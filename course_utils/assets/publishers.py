"""Files from their publishers' addresses: attempts, waits, and going on where a transfer broke off."""

import itertools
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from course_utils.assets import download, sources
from course_utils.assets.sources import File, SourceError

ATTEMPTS = 3  # in a row that bring less than PROGRESS
PROGRESS = 2**20  # bytes; a transfer that comes at least so much further is worth as many attempts again
LONGEST_WAIT = 4.0  # three silent attempts and two waits end within 30 seconds


def from_publisher(folder: Path, files: Iterable[File], name: str) -> Path:
    """Fetch the files that `folder` lacks from their addresses, with a progress bar that shows `name`.

    An archive is fetched once for all the files that are wanted of it, and removed afterwards. Raises SourceError, and
    OSError where the folder cannot be written.
    """
    from tqdm.auto import tqdm

    needed = sources.clear(folder, files)
    total = sum(file.size or 0 for file in needed)
    with tqdm(total=total, unit="B", unit_scale=True, desc=name, leave=False) as bar:
        before = 0
        for _, group in itertools.groupby(needed, key=lambda file: file.arrives_as):
            wanted = list(group)

            def show(length: int, before: int = before) -> None:
                bar.update(before + length - bar.n)

            _download(wanted, folder, show)
            before += sum((folder / file.path).stat().st_size for file in wanted)
    return folder


def _download(wanted: list[File], folder: Path, show: Callable[[int], object]) -> None:
    """One address, which has one file, or an archive of several. Each attempt goes on from the part that the last one
    left, until three in a row bring little.

    The part of a download that failed stays, for the next time that the cell is run.
    """
    file = wanted[0]
    if not file.url:
        raise SourceError(f"{file.path} has no public address")
    target = folder / file.arrives_as
    size = None if file.member else file.size
    failures = furthest = 0
    with sources.writing(target) as part:
        while True:
            try:
                download.append(file.url, part, size, show)
                return _accept(target, wanted)
            except download.Refused as refusal:
                raise SourceError(f"{file.arrives_as}: {refusal}") from None
            except download.Trouble as error:
                trouble = error
            reached = part.stat().st_size if part.exists() else 0
            failures = 1 if reached >= furthest + PROGRESS else failures + 1
            furthest = max(furthest, reached)
            if trouble.wait is not None and trouble.wait > LONGEST_WAIT:
                raise SourceError(
                    f"{file.arrives_as}: {trouble}, and asks for a pause of {trouble.wait:.0f} seconds"
                )
            if failures == ATTEMPTS:
                raise SourceError(f"{file.arrives_as}: {trouble} ({ATTEMPTS} attempts)")
            time.sleep(min(2.0 ** (failures - 1), LONGEST_WAIT) if trouble.wait is None else trouble.wait)


def _accept(target: Path, wanted: list[File]) -> None:
    """What arrived becomes the files, if their bytes are the expected ones. Raises `Trouble`."""
    members = {file.member: file for file in wanted if file.member}
    if not members:
        return sources.accept(target, wanted[0])
    part = sources.part_of(target)
    try:
        sources.take_out(part, members, target.parent)
    finally:
        part.unlink(missing_ok=True)
