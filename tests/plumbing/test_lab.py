"""The command that opens JupyterLab: what it hands to the server. A browser tries it in tests/notebooks/."""

import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from course_utils import __main__, session
from course_utils.commands import lab
from course_utils.paths import ROOT


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What JupyterLab would be started with: the options, and the environment then."""
    seen: dict[str, Any] = {}

    class LabApp:
        @staticmethod
        def launch_instance(options: list[str]) -> None:
            seen.update(options=options, environment=dict(os.environ))

    jupyterlab = ModuleType("jupyterlab.labapp")
    jupyterlab.LabApp = LabApp  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", jupyterlab)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return seen


def test_the_first_notebook_opens_in_the_whole_repository(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["course_utils", "lab", "--no-browser", "--port", "9999"])
    assert __main__.main() == 0
    options = dict(option.split("=", 1) for option in started["options"] if "=" in option)
    assert options["--ServerApp.root_dir"] == str(ROOT)
    assert (ROOT / options["--LabApp.default_url"].removeprefix("/lab/tree/")).is_file()
    assert not Path(options["--LabApp.workspaces_dir"]).is_relative_to(Path.home() / ".jupyter")
    assert started["options"][-3:] == ["--no-browser", "--port", "9999"]
    assert str(ROOT) in started["environment"]["PYTHONPATH"].split(os.pathsep)


def test_a_kernel_chooses_its_track_itself(started: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The command has imported the course, which is held offline on the bundled track. A kernel may want the other."""
    session.prepare_environment("bundled")
    lab.open_lab()
    assert not set(session.OFFLINE) & started["environment"].keys()


def test_the_readers_own_settings_come_after_the_courses(
    started: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.environ["JUPYTER_CONFIG_PATH"] = "mine"
    lab.open_lab()
    course, mine = started["environment"]["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert mine == "mine"
    settings = [json.loads(path.read_text(encoding="utf-8")) for path in Path(course).rglob("*.json")]
    assert len(settings) == 2 and all(settings)


def test_without_jupyterlab_one_line_tells_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "jupyterlab.labapp", None)
    assert lab.open_lab() == 1
    told = capsys.readouterr().out
    assert "not installed in this Python" in told and "pip install -r requirements.txt" in told
    assert len(told.splitlines()) == 1


def test_only_lab_hands_options_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["course_utils", "doctor", "--fast"])
    with pytest.raises(SystemExit):
        __main__.main()
    assert "unrecognized arguments: --fast" in capsys.readouterr().err
