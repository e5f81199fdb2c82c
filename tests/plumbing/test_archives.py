"""Files that their publisher has in a zip archive alone: GLUE's."""

import hashlib
import io
import random
import zipfile
from collections.abc import Mapping
from pathlib import Path

import hub_server
import pytest
import small_world
from hub_server import Hub, contents

from course_utils import assets
from course_utils.assets import catalog

REVISION = "1.0.0"
URL = "/glue/data/TASK.zip"
FILES = {"train.tsv": random.Random(0).randbytes(60_000), "dev.tsv": random.Random(1).randbytes(20_000)}
WHOLE = set(FILES)


def archive(files: Mapping[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as opened:
        for name, data in files.items():
            opened.writestr(f"TASK/{name}", data)
        opened.writestr("TASK/test.tsv", random.Random(2).randbytes(100_000))
    return body.getvalue()


@pytest.fixture
def folder(hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The Hub on this machine has the archive, and a catalogue two files of it. Returns the cache's folder."""
    monkeypatch.setattr(hub_server, "WEIGHTS_PATH", URL)
    monkeypatch.setattr(hub_server, "WEIGHTS", archive(FILES))
    rows = [
        f'"{name}" = {{ size = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}", '
        f'url = "https://huggingface.co{URL}", member = "TASK/{name}" }}'
        for name, data in FILES.items()
    ]
    head = (
        '[notebooks]\n[bundled]\n[real]\ntask = "task"\n[assets.task]\nid = "GLUE (TASK)"\nkind = "dataset"\n'
        f'revision = "{REVISION}"\nlicence = "its own"\npublisher = "an example"\nmirror = "datasets/task"\n'
        "[assets.task.files]\n"
    )
    small_world.put(tmp_path / "zip.toml", head + "\n".join(rows))
    monkeypatch.setattr(catalog, "CATALOG", tmp_path / "zip.toml")
    return tmp_path / "build/cache/assets/task" / REVISION


def test_an_archive_comes_once_and_leaves_its_files_alone(hub: Hub, folder: Path) -> None:
    assert assets.fetch("task") == folder
    assert contents(folder) == WHOLE and (folder / "dev.tsv").read_bytes() == FILES["dev.tsv"]
    assert hub.asked == {URL: 1}


def test_a_cut_archive_goes_on(hub: Hub, folder: Path) -> None:
    hub.answers = [hub_server.cut(100_000)]
    assets.fetch("task")
    assert contents(folder) == WHOLE and hub.ranges[1] is not None


@pytest.mark.parametrize(
    "body, reason",
    [
        (b"<html>Welcome!</html>", "no zip archive; does this network want a log-in first?"),
        (archive({**FILES, "train.tsv": b"other bytes"}), "train.tsv has 11 bytes instead of 60,000"),
        (archive({**FILES, "dev.tsv": FILES["dev.tsv"][::-1]}), "dev.tsv differs from the expected file"),
        (archive({"train.tsv": FILES["train.tsv"]}), "no item named 'TASK/dev.tsv'"),
    ],
    ids=["log-in page", "another file", "other bytes", "lacks a file"],
)
def test_an_archive_of_something_else_is_refused_and_gone(
    hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch, body: bytes, reason: str
) -> None:
    monkeypatch.setattr(hub_server, "WEIGHTS", body)
    with pytest.raises(assets.AssetError, match="(?s)Next: connect to the network") as caught:
        assets.fetch("task")
    assert "publisher: TASK.zip: what arrived is" in str(caught.value) and reason in str(caught.value)
    assert "TASK.zip" not in " ".join(contents(folder)), "neither the archive nor a part of it stays"


def test_a_part_that_makes_no_archive_is_fetched_from_the_start(hub: Hub, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / ".TASK.zip.part").write_bytes(b"x" * 500)
    assets.fetch("task")
    assert contents(folder) == WHOLE
