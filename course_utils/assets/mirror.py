"""Fill a folder, or a USB stick, with everything that the real track needs: for a room with a bad network, or none.

The layout is the one that COURSE_MIRROR reads. Sources, in order: the folder that COURSE_MIRROR names, the course's own
cache, and then those of `assets`. Every file must match the catalogue's sha256. What is there already stays, what was
cut off goes on, and what one publisher does not give keeps nothing from the others.
"""

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from course_utils import assets
from course_utils.assets import Entry, readable, sources
from course_utils.assets.sources import SourceError
from course_utils.paths import folder_setting

Source = tuple[str, Callable[[], Path]]
LARGE = 150 * 10**6  # bytes of an asset that a mirror brings only where it is asked for

NOTICE = """The published models and data sets that the course "Small and cheap language models" uses, as their
publishers released them. To use this folder, set COURSE_MIRROR to its path and COURSE_TRACK to real. Each file was
compared with the sha256 in the course's catalogue. What lies here, under which licence, and where it comes from:

"""


def needed(only: Sequence[str] | None = None, *, later: bool = False) -> list[Entry]:
    """The assets that the real track takes from elsewhere; with `only` ("02"), those of the notebooks that start so.

    With `later`, also the large ones of sections near the end of notebooks, which go without where they are not there.
    Raises `SystemExit` with a message when no notebook starts so.
    """
    names = assets.notebooks()
    first = {name: assets.notebook_roles(name) for name in names}
    after = {name: assets.later_roles(name) for name in names}
    large = {role for some in after.values() for role in some if _bytes(role) > LARGE}
    roles = [role for role in assets.roles("real") if later or role not in large]
    if only:
        chosen = [name for name in names if name.startswith(tuple(only))]
        if not chosen:
            raise SystemExit(f"No notebook starts with {' or '.join(only)}. There are: {', '.join(names)}.")
        roles = [role for name in chosen for role in first[name] + after[name] if later or role not in large]
    found: dict[str, Entry] = {}
    for role in roles:  # grows while it is read: an asset may need another one's files
        asset = assets.entry(role, "real")
        roles += [other for other in (asset.tokenizer, asset.without) if other and other not in roles]
        if asset.mirror:
            found.setdefault(asset.mirror, asset)
    return list(found.values())


def _bytes(role: str) -> int:
    return sum(file.size or 0 for file in assets.entry(role, "real").files)


def fill(folder: Path, only: Sequence[str] | None = None, *, later: bool = False) -> int:
    """Fill `folder` and say what it holds. Returns 0 when everything is there and verified, else 1."""
    from filelock import FileLock, Timeout

    folder = Path(os.path.abspath(folder))
    wanted = needed(only, later=later)
    failed: dict[str, list[str]] = {}
    try:
        _refuse_a_small_disk(folder, wanted)
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".filling.lock", timeout=0):
            for asset in wanted:
                failed[asset.id] = _get(asset, folder)
            _write_notice(folder)
    except Timeout:
        print(f"Another call is filling {folder}. Wait until it is done, then make this call again.")
        return 1
    except KeyboardInterrupt:
        print("\nBroken off. Make this call again: it goes on from here.")
        return 130
    except OSError as error:
        return _report(folder, wanted, failed, error)
    return _report(folder, wanted, failed)


def _get(asset: Entry, folder: Path) -> list[str]:
    """Bring one asset into the mirror. Returns what was tried in vain; nothing when it is there."""
    place = _place(asset, folder)
    if not sources.faults(place, asset.files):
        print(f"There already: {asset.mirror}")
        return []
    tried = []
    for name, get in _sources(asset, place):
        print(f"Fetching {asset.pinned_id} ({name}; {_size(asset)}; licence: {asset.licence})", flush=True)
        try:
            get()
            return []
        except SourceError as error:
            tried.append(f"{name}: {error}")
    return tried


def _sources(asset: Entry, place: Path) -> list[Source]:
    """Where the asset may come from, in order: a whole copy on this machine, then the network."""
    own: list[Source] = []
    there = folder_setting("COURSE_MIRROR")
    for name, other in (
        ("mirror", _place(asset, there) if there else place),
        ("cache", assets.cache_of(asset)),
    ):
        if other.resolve() != place.resolve() and not sources.faults(other, asset.files):
            own.append((name, lambda other=other: sources.from_copy(place, asset.files, other)))  # type: ignore[misc]
    return own + assets.remote(asset, place)


def _place(asset: Entry, folder: Path) -> Path:
    assert asset.mirror  # `needed` leaves the others out
    return folder / asset.mirror


def _size(asset: Entry) -> str:
    return readable(sum(file.size or 0 for file in asset.files))


def _lacking(asset: Entry, folder: Path) -> tuple[list[str], int, int]:
    """The files that do not verify; their bytes; and how many of those a broken download has left."""
    place = _place(asset, folder)
    files = [file for file in asset.files if sources.fault(place / file.path, file)]
    left = sum(sources.unfinished(place, file) for file in files)
    return [file.path for file in files], sum(file.size or 0 for file in files), left


def _refuse_a_small_disk(folder: Path, wanted: Sequence[Entry]) -> None:
    """Say how much is to come. Raises OSError, as a full disk does, before the first of many minutes on a slow
    network."""
    to_come = sum(size - left for _, size, left in (_lacking(asset, folder) for asset in wanted))
    disk = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(disk).free
    if to_come:
        print(f"{readable(to_come)} are to come.", flush=True)
    if to_come > free:
        raise OSError(errno.ENOSPC, f"{readable(to_come)} are to come, and {readable(free)} are free")


def _write_notice(folder: Path) -> None:
    """Say in the folder itself what lies there: it is handed on without the course."""
    whole = [asset for asset in needed() if not sources.faults(_place(asset, folder), asset.files)]
    lines = [
        f"{x.mirror}\n    {x.id}, revision {x.revision}\n    {x.licence}, {x.publisher}\n" for x in whole
    ]
    (folder / "COURSE_MIRROR.txt").write_text(NOTICE + "\n".join(lines), encoding="utf-8")


def _report(
    folder: Path, wanted: Sequence[Entry], failed: dict[str, list[str]], disk: OSError | None = None
) -> int:
    """Tell what is there, what is missing and why, and what to do. Returns the exit status."""
    away = [asset for asset in wanted if sources.faults(_place(asset, folder), asset.files)]
    there = [asset for asset in wanted if asset not in away]
    if not away:
        whole = readable(sum(file.size or 0 for asset in there for file in asset.files))
        print(
            f"Whole: {len(there)} folder{'s' * (len(there) > 1)}, {whole}, every file compared with its sha256."
        )
        print(f"To use it, set COURSE_MIRROR to {folder} and COURSE_TRACK to real.")
        return 0
    print(f"\n{folder} is not whole yet.")
    print(f"There:   {', '.join(str(asset.mirror) for asset in there) or 'nothing'}")
    for asset in away:
        files, size, left = _lacking(asset, folder)
        if len(files) > 3:
            files = [files[0], f"and {len(files) - 1} more"]
        had = f", of which {readable(left)} are there" if left else ""
        print(f"Missing: {asset.mirror}: {', '.join(files)} ({readable(size)}{had})")
        for line in failed.get(asset.id, ()):
            print(f"  - {line}")
    if disk is None:
        print("Next: connect to the network and make this call again. It goes on where it broke off.")
        return 1
    print(f"{folder} cannot be written ({disk.strerror or disk}).")
    full = disk.errno in (errno.ENOSPC, errno.EDQUOT)
    where = (
        "make room there, or name a folder on another disk" if full else "name a folder that you may write to"
    )
    print(f"Next: {where}, and make this call again. It goes on where it broke off.")
    return 1
