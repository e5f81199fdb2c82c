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
from course_utils.assets.learning_rates import (
    rates,
    sweep_factor,
    sweep_file,
    swept,
    swept_rows,
    tried_rates,
)

__all__ = [
    "TRACKS",
    "AssetError",
    "Entry",
    "Fetched",
    "at_hand",
    "cache_of",
    "entry",
    "sweep_factor",
    "fetch",
    "later_roles",
    "notebook_roles",
    "notebooks",
    "rates",
    "readable",
    "remote",
    "roles",
    "stand_ins",
    "summary",
    "sweep_file",
    "swept",
    "swept_rows",
    "track",
    "track_reason",
    "tried_rates",
]
