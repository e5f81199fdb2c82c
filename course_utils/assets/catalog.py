"""The catalogue: which asset a role means on which track, parsed from catalog.toml.

Notebooks ask for roles ("teacher", "sentiment"), never for models or data sets. Nothing of Hugging Face is imported
here: `course_utils` asks for the track before it sets the environment that those libraries read.
"""

import difflib
import functools
import os
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_utils.assets.sources import File
from course_utils.paths import setting

CATALOG = Path(__file__).with_name("catalog.toml")
TRACKS = ("bundled", "real")


class AssetError(RuntimeError):
    """A model or a data set cannot be had: what was asked, what was tried, and what to do next."""

    def _render_traceback_(self) -> list[str]:
        """In a notebook, show the message alone: the frames below the cell tell a learner nothing."""
        return [f"AssetError: {self}"]


@dataclass(frozen=True)
class Entry:
    """What the catalogue says of a role on a track. The fields are explained at the top of catalog.toml."""

    role: str
    track: str
    name: str
    id: str
    kind: str
    revision: str
    licence: str
    publisher: str
    files: tuple[File, ...] = ()
    path: str | None = None
    mirror: str | None = None
    wheels: dict[str, str] = field(default_factory=dict)
    format: str | None = None
    room: int = 0
    tokenizer: str | None = None
    reader: str = ""
    splits: dict[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    language: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    without: str | None = None
    labelled: int | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    peft_learning_rates: dict[str, float] = field(default_factory=dict)
    head: tuple[str, ...] = ()

    @property
    def pinned_id(self) -> str:
        """The id with the first twelve characters of the revision, as in "org/name@0123456789ab"."""
        return f"{self.id}@{self.revision[:12]}"


@functools.cache
def _catalog(path: Path) -> dict[str, Any]:
    with path.open("rb") as handle:
        return tomllib.load(handle)


def _on_colab_gpu() -> bool:
    if "COLAB_RELEASE_TAG" not in os.environ:
        return False
    import torch

    return torch.cuda.is_available()


def track() -> str:
    """The session's track: COURSE_TRACK where it is set; else "real" on a Colab GPU, "bundled" elsewhere."""
    chosen = setting("COURSE_TRACK").lower()
    if not chosen:
        return "real" if _on_colab_gpu() else "bundled"
    if chosen not in TRACKS:
        raise AssetError(
            f"COURSE_TRACK is {chosen!r}, which is no track of this course.\n"
            f"Next: set it to one of {', '.join(TRACKS)}, or remove it, and restart the kernel."
        )
    return chosen


def track_reason() -> str:
    """Why this session has its track, in a few words for the first cell."""
    if setting("COURSE_TRACK"):
        return f"COURSE_TRACK={track()}"
    return "the default on a Colab GPU" if track() == "real" else "the default: no network needed"


def roles(on: str) -> list[str]:
    """All roles of a track, in the order of the catalogue."""
    return list(_catalog(CATALOG)[on])


def notebooks() -> list[str]:
    """The notebooks that the catalogue lists roles for, by name, in order."""
    return sorted(_catalog(CATALOG)["notebooks"])


def notebook_roles(notebook: str) -> list[str]:
    """The roles that a notebook ("02_logit_distillation") needs; empty where the catalogue lists none."""
    return list(_catalog(CATALOG)["notebooks"].get(notebook, []))


def later_roles(notebook: str) -> list[str]:
    """The roles that a section near the end of a notebook takes on the real track, where the machine suits them."""
    return list(_catalog(CATALOG).get("later", {}).get(notebook, []))


def stand_ins(roles: Sequence[str]) -> list[str]:
    """Those of `roles` that the real track has nothing published for: there the bundled asset stands in."""
    real, bundled = (_catalog(CATALOG)[on] for on in ("real", "bundled"))
    return [role for role in roles if track() == "real" and real.get(role, role) == bundled.get(role)]


def entry(role: str, on: str | None = None) -> Entry:
    """What the catalogue says of `role` on the track `on` (default: the session's), or `AssetError`."""
    on = on or track()
    catalog = _catalog(CATALOG)
    if role not in catalog[on]:
        hints = [f" Did you mean {near!r}?" for near in difflib.get_close_matches(role, catalog[on], n=1)]
        hints += [f" The {other} track has it." for other in TRACKS if role in catalog[other]]
        roles = ", ".join(sorted(catalog[on]))
        raise AssetError(f"The {on} track has no {role!r}.{''.join(hints)}\nNext: use one of {roles}.")
    return _parse(catalog, role, on)


def _parse(catalog: dict[str, Any], role: str, on: str) -> Entry:
    name = catalog[on][role]
    table = dict(catalog["assets"][name])
    if "like" in table:
        name = table.pop("like")  # the same files, so the same place in the cache
        table = {**catalog["assets"][name], **table}
    files = tuple(File(path, **facts) for path, facts in table.pop("files", {}).items())
    table["languages"], table["head"] = tuple(table.get("languages", ())), tuple(table.get("head", ()))
    return Entry(role=role, track=on, name=name, files=files, **table)
