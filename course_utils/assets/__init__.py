"""Roles -> verified local folders: the catalogue and its tracks, and where the files can come from."""

from course_utils.assets.catalog import (
    TRACKS,
    AssetError,
    Entry,
    entry,
    later_roles,
    notebook_roles,
    notebooks,
    roles,
    stand_ins,
    track,
    track_reason,
)
from course_utils.assets.fetching import Fetched, at_hand, cache_of, fetch, readable, remote, summary

__all__ = [
    "TRACKS",
    "AssetError",
    "Entry",
    "Fetched",
    "at_hand",
    "cache_of",
    "entry",
    "fetch",
    "later_roles",
    "notebook_roles",
    "notebooks",
    "readable",
    "remote",
    "roles",
    "stand_ins",
    "summary",
    "track",
    "track_reason",
]
