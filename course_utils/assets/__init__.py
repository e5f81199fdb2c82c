"""Roles -> verified local folders: the catalogue and its tracks, and where the files can come from."""

from course_utils.assets.catalog import (
    CATALOG,
    TRACKS,
    AssetError,
    Entry,
    entry,
    later_roles,
    notebook_roles,
    stand_ins,
    track,
    track_reason,
)
from course_utils.assets.fetching import Fetched, cache_of, fetch, readable, remote, summary

__all__ = [
    "CATALOG",
    "TRACKS",
    "AssetError",
    "Entry",
    "Fetched",
    "cache_of",
    "entry",
    "fetch",
    "later_roles",
    "notebook_roles",
    "readable",
    "remote",
    "stand_ins",
    "summary",
    "track",
    "track_reason",
]
