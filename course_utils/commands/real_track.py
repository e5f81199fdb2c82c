"""The table of docs/real-track.md: what the catalogue says of everything that the real track takes from elsewhere."""

from course_utils import assets
from course_utils.assets import Entry
from course_utils.commands import report

HEADER = ["roles", "what", "licence", "size", "from"]


def table() -> str:
    """Models first, then data sets: roles, id and revision, licence, bytes, and where it comes from."""
    found: dict[str, tuple[Entry, list[str]]] = {}
    for role in assets.roles("real"):
        entry = assets.entry(role, "real")
        if entry.mirror:
            found.setdefault(entry.id, (entry, []))[1].append(f"`{role}`")
    rows = [
        [
            ", ".join(roles),
            f"{entry.id}, revision {entry.revision[:12]}",
            entry.licence,
            _size(entry),
            _sources(entry),
        ]
        for entry, roles in sorted(found.values(), key=lambda pair: pair[0].kind != "model")
    ]
    return report.table(HEADER, rows)


def _size(entry: Entry) -> str:
    return assets.readable(sum(file.size or 0 for file in entry.files))


def _sources(entry: Entry) -> str:
    wheels = [f"the wheel {wheel.replace('==', ' ')}" for wheel in entry.wheels]
    if not all(file.url for file in entry.files):
        return " and ".join(wheels)
    return ", or ".join([entry.publisher, *wheels])
