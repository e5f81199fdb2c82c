"""Seeds and threads of a run."""

import os

import pytest
import torch

from course_utils import session


def test_seed_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_SEED", raising=False)
    assert session.seed() == 0
    monkeypatch.setenv("COURSE_SEED", "3")
    assert session.seed() == 3
    monkeypatch.setenv("COURSE_SEED", "three")
    with pytest.raises(ValueError, match="whole number"):
        session.seed()


def test_torch_takes_no_more_threads_than_there_are_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(session, "cpus", lambda: 1)
    try:
        assert session.set_threads() == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_only_the_bundled_track_is_held_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.delenv(name, raising=False)
    session.prepare_environment("real")
    assert "HF_HUB_OFFLINE" not in os.environ and os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"
    session.prepare_environment("bundled")
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["HF_DATASETS_OFFLINE"] == "1"


@pytest.mark.parametrize(
    ("environment", "main"),
    [
        ({}, True),
        ({"RANK": "3"}, True),
        ({"RANK": "3", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}, True),
        ({"RANK": "3", "WORLD_SIZE": "8"}, True),
        ({"RANK": "3", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}, False),
        ({"RANK": "0", "WORLD_SIZE": "8", "LOCAL_RANK": "0"}, True),
    ],
)
def test_a_member_of_a_job_array_records_its_own_rows(
    environment: dict[str, str], main: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert session.is_main_process() == main
