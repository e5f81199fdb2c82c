"""Seeds and threads of a run."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from course_utils import assets, paths, session
from course_utils.assets import download


def test_seed_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_SEED", raising=False)
    assert session.seed() == 0
    monkeypatch.setenv("COURSE_SEED", "3")
    assert session.seed() == 3
    for empty in ("", " ", '""'):
        monkeypatch.setenv("COURSE_SEED", empty)
        assert session.seed() == 0
    for wrong in ("three", "0x1", "1.0", "-1", "4294967296"):
        monkeypatch.setenv("COURSE_SEED", wrong)
        with pytest.raises(ValueError, match="COURSE_SEED is .*whole number"):
            session.seed()


@pytest.mark.parametrize("quote", ['"', "'", "", " "])
def test_quotes_and_blanks_around_a_setting_do_not_count(monkeypatch: pytest.MonkeyPatch, quote: str) -> None:
    for name, value in (("COURSE_TRACK", "Real"), ("COURSE_SEED", "2"), ("HF_ENDPOINT", "http://hub.local/")):
        monkeypatch.setenv(name, f"{quote}{value}{quote}")
    assert (assets.track(), session.seed(), download.hub()) == ("real", 2, "http://hub.local")
    monkeypatch.setenv("COURSE_TRACK", '"real')
    with pytest.raises(assets.AssetError, match="COURSE_TRACK is '\"real', which is no track"):
        assets.track()


def test_a_tilde_means_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Shells leave it as it is inside quotes, and settings files of editors and Docker always."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    for value in ("~/my course", '"~/my course"'):
        monkeypatch.setenv("COURSE_MIRROR", value)
        assert paths.folder_setting("COURSE_MIRROR") == tmp_path / "my course"
    monkeypatch.setenv("COURSE_MIRROR", "")
    assert paths.folder_setting("COURSE_MIRROR") is None


def test_torch_takes_no_more_threads_than_there_are_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(session, "cpus", lambda: 1)
    try:
        assert session.set_threads() == torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


V2, V1 = "sys/fs/cgroup", "sys/fs/cgroup/cpu"
QUOTAS = {
    "version 2, in a container": ({f"{V2}/cpu.max": "100000 100000"}, 1),
    "version 2, no limit": ({f"{V2}/cpu.max": "max 100000"}, 64),
    "version 2, three halves are two": ({f"{V2}/cpu.max": "150000 100000"}, 2),
    "version 2, in a group of its own": (
        {"proc/self/cgroup": "0::/user.slice/one.service\n", f"{V2}/user.slice/one.service/cpu.max": "200000 100000"},
        2,
    ),
    "version 2, the outer group has less": (
        {
            "proc/self/cgroup": "0::/outer/inner\n",
            f"{V2}/outer/inner/cpu.max": "800000 100000",
            f"{V2}/outer/cpu.max": "300000 100000",
        },
        3,
    ),
    "version 1, in a container": (
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/docker/1f0c\n1:name=systemd:/docker/1f0c\n",
            f"{V1}/cpu.cfs_quota_us": "100000",
            f"{V1}/cpu.cfs_period_us": "100000",
        },
        1,
    ),
    "version 1, in a group of its own": (
        {
            "proc/self/cgroup": "4:cpu,cpuacct:/job/7\n0::/\n",
            f"{V2}/cpu,cpuacct/job/7/cpu.cfs_quota_us": "400000\n",
            f"{V2}/cpu,cpuacct/job/7/cpu.cfs_period_us": "100000\n",
        },
        4,
    ),
    "version 1, no limit": ({f"{V1}/cpu.cfs_quota_us": "-1", f"{V1}/cpu.cfs_period_us": "100000"}, 64),
    "nothing to read": ({"proc/self/cgroup": "what nobody expects\n"}, 64),
}  # fmt: skip


@pytest.mark.parametrize("files, expected", QUOTAS.values(), ids=QUOTAS)
def test_a_containers_quota_of_cpus_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: dict[str, str], expected: int
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(session, "Path", lambda name: tmp_path / name.lstrip("/"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    assert session.cpus() == expected


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


@pytest.mark.parametrize(
    ("reader", "spins"),
    [
        ({}, None),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"GOMP_SPINCOUNT": session.SPINS_BESIDE, "OMP_NUM_THREADS": "1"}, session.SPINS_BESIDE),
        ({"GOMP_SPINCOUNT": "7", session.CHOSEN_SPINS: "7", "OMP_NUM_THREADS": "1"}, session.SPINS_ALONE),
        ({"OMP_WAIT_POLICY": "PASSIVE"}, "0"),
    ],
)
def test_threads_wait_as_the_reader_says_or_else_as_the_course(
    reader: dict[str, str], spins: str | None
) -> None:
    """libgomp is asked itself: it prints what it read when torch loads it. A parent's choice is made anew."""
    ours = ("OMP_", "GOMP_", session.CHOSEN_SPINS)
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    code = "import course_utils, torch; print(course_utils.session.waiting())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=quiet | reader | {"OMP_DISPLAY_ENV": "VERBOSE"},
        capture_output=True,
        text=True,
        check=True,
    )
    if not done.stdout.strip():
        pytest.skip("this torch does not run on libgomp")
    chosen = [spins] if spins else [session.SPINS_ALONE, session.SPINS_BESIDE]
    read = [count for count in chosen if f"GOMP_SPINCOUNT = '{count}'" in done.stderr]
    assert len(read) == 1
    said = reader.get("OMP_WAIT_POLICY") or f"spins {read[0]} times"
    by_reader = bool(reader) and session.CHOSEN_SPINS not in reader
    assert (
        said in done.stdout and ("set by you" in done.stdout or "OMP_WAIT_POLICY" in done.stdout) == by_reader
    )


@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is Linux's")
@pytest.mark.parametrize(
    ("busy", "asked", "spins"),
    [
        ([0.0, 0.0, 90.0], "", session.SPINS_ALONE),
        ([10.0, 10.0, 0.0], "", session.SPINS_ALONE),
        ([0.0, 100.0, 0.0], "", session.SPINS_BESIDE),
        ([0.0, 100.0, 0.0], "1", session.SPINS_ALONE),
        ([50.0, 50.0, 0.0], "2,1", session.SPINS_BESIDE),
    ],
)
def test_threads_sleep_sooner_beside_other_programs(
    busy: list[float], asked: str, spins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of three cores this process may use the first two. A fifth of a core in all disturbs little."""
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr(session, "cpus", lambda: 2)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval, percpu: busy)
    assert session.spins() == spins
