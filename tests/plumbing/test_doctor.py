"""The doctor's screen: it fits, it ends although no network answers, and it tells what to do."""

import json
import time
from types import SimpleNamespace

import pytest

from course_utils.commands import doctor
from course_utils.paths import DATA


def test_the_screen_fits_and_says_that_the_course_can_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 24, "more than one screen"
    for name, _ in doctor.CHECKS:
        assert any(name in line for line in lines)


def test_a_hub_that_never_answers_costs_no_more_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "HUB_SECONDS", 0.2)
    monkeypatch.setattr("requests.head", lambda *_, **__: time.sleep(3))
    began = time.monotonic()
    finding = doctor.hub()
    assert time.monotonic() - began < 2
    assert "sent nothing for 0.2 seconds" in finding.text and "not needed" in finding.text


def test_a_missing_package_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.version

    def without_peft(name: str) -> str:
        if name == "peft":
            raise doctor.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", without_peft)
    finding = doctor.packages()
    assert (finding.state, finding.text) == ("bad", "missing: peft")
    assert "pip install -r requirements.txt" in finding.advice


@pytest.mark.parametrize("track, state", [("bundled", "ok"), ("real", "note")])
def test_the_real_track_needs_more_memory(monkeypatch: pytest.MonkeyPatch, track: str, state: str) -> None:
    monkeypatch.setenv("COURSE_TRACK", track)
    free = SimpleNamespace(available=3 * 2**30, total=8 * 2**30)
    monkeypatch.setattr("psutil.virtual_memory", lambda: free)
    assert doctor.memory().state == state
    assert ("takes up to 8 GiB" in doctor.memory().advice) == (track == "real")


def test_no_notebook_took_more_memory_than_the_doctor_asks_for() -> None:
    for track, needed in doctor.MEMORY_NEEDED.items():
        runs = json.loads((DATA / "results" / track / "runs.json").read_text(encoding="utf-8"))
        assert all(run.get("peak_mib", 0) < needed * 1024 for run in runs.values())


def test_a_check_that_breaks_is_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> doctor.Finding:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(doctor, "CHECKS", [("Device", broken)])
    assert doctor.main() == 1
    assert "no such thing" in capsys.readouterr().out
