"""A GGUF file becomes a folder that `from_pretrained` reads: right, once, and whole or not at all."""

import copy
import errno
import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import hub_server
import pytest
import small_gguf
import torch
from hub_server import Hub, contents
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from course_utils import assets, models
from course_utils.assets import catalog, conversion, fetching, gguf
from course_utils.paths import ROOT

WHOLE = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
}
WHOLE |= {"chat_template.jinja", "README.md", conversion.FACTS}


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LlamaForCausalLM]:
    """A GGUF file, and the model in it."""
    folder = tmp_path_factory.mktemp("gguf")
    return folder / small_gguf.FILE, small_gguf.write(folder / small_gguf.FILE)


@pytest.fixture
def mirror(made: tuple[Path, LlamaForCausalLM], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A mirror that has the file, its catalogue, and the real track. Returns where the converted folder is to lie."""
    place = tmp_path / "mirror" / small_gguf.PLACE
    place.mkdir(parents=True)
    shutil.copy(made[0], place)
    small_gguf.write_catalog(tmp_path / "catalog.toml", made[0])
    monkeypatch.setattr(catalog, "CATALOG", tmp_path / "catalog.toml")
    monkeypatch.setattr(fetching, "BUILD", tmp_path / "build")
    monkeypatch.setattr(fetching, "_fetched", {})
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setenv("COURSE_MIRROR", str(tmp_path / "mirror"))
    return tmp_path / "build/cache/assets/small" / f"{small_gguf.REVISION[:12]}-converted"


def failure() -> tuple[str, str]:
    """Of the message of a fetch that fails: why, and what to do next."""
    with pytest.raises(assets.AssetError) as caught:
        assets.fetch("language_model")
    first, tried, why, next_step = str(caught.value).splitlines()
    assert first.startswith("Could not get 'language_model' for the real track") and tried == "Tried:"
    return why, next_step


def left(folder: Path) -> set[str]:
    """What lies where the folder would, but for the lock."""
    return (
        {path.name for path in folder.parent.iterdir()} - {f"{folder.name}.lock"}
        if folder.parent.exists()
        else set()
    )


# What it becomes


def test_the_folder_holds_the_model_of_the_file(mirror: Path, made: tuple[Path, LlamaForCausalLM]) -> None:
    folder = assets.fetch("language_model")
    assert folder == mirror and contents(folder) == WHOLE and left(folder) == {folder.name}
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", local_files_only=True)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert not hasattr(model.config, "quantization_config")
    assert model.config.eos_token_id == model.generation_config.eos_token_id == 2
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    expected = copy.deepcopy(made[1])
    for parameter in expected.parameters():
        parameter.data = parameter.data.bfloat16().float()
    tokens = torch.arange(20)[None]
    with torch.no_grad():
        torch.testing.assert_close(model(tokens).logits, expected(tokens).logits, rtol=0, atol=1e-5)


def test_its_tokenizer_is_the_one_that_the_file_tells_of(mirror: Path) -> None:
    tokenizer = models.load_tokenizer("language_model")
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|im_start|>",
        "<|im_end|>",
        "<|im_end|>",
    )
    assert tokenizer.model_max_length == small_gguf.LENGTH and len(tokenizer) == len(small_gguf.TOKENS)
    text = "The theft  42\n\n1 ,é<|im_end|>"
    assert tokenizer.tokenize(text)[:9] == ["T", "he", "Ġthe", "f", "t", "ĠĠ", "4", "2", "ĊĊ"]
    assert tokenizer.decode(tokenizer(text).input_ids) == text, (
        "nothing is put before it, nothing is cleaned up"
    )
    chat = tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False)
    assert chat == "<|im_start|>user\nhi<|im_end|>\n"


def test_the_card_says_where_it_came_from(mirror: Path) -> None:
    card = (assets.fetch("language_model") / "README.md").read_text(encoding="utf-8")
    (file,) = assets.entry("language_model").files
    for fact in (
        "org/small-gguf",
        small_gguf.REVISION,
        file.path,
        file.sha256,
        "license: apache-2.0",
        "4 bits",
    ):
        assert fact in card
    assert "mirror" in assets.summary()


def test_the_random_state_stays(mirror: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assets.fetch("language_model")
    assert torch.equal(torch.rand(2), expected)


def test_another_kind_of_tokenizer_is_refused(tmp_path: Path) -> None:
    small_gguf.write(tmp_path / "other.gguf", pre="llama-bpe")
    with pytest.raises(ValueError, match="tokenizer of the kind .*llama-bpe"):
        gguf.write([tmp_path / "other.gguf"], tmp_path / "out")


# Once


def test_it_is_made_once_and_then_needs_no_source(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assets.fetch("language_model")
    assert capsys.readouterr().out.count("Converting org/small-gguf@0123456789ab") == 1
    monkeypatch.delenv("COURSE_MIRROR")
    assert assets.at_hand("language_model")
    monkeypatch.setattr(
        conversion.sources, "lock", None
    )  # a class may share a folder that nobody can write to
    assert assets.fetch("language_model") == mirror
    assert capsys.readouterr().out == "" and "cache" in assets.summary()


@pytest.mark.parametrize("harm", ["changed", "missing", "no list", "other file", "older edition"])
def test_a_folder_that_is_not_whole_is_made_anew(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    assets.fetch("language_model")
    weights, facts = mirror / "model.safetensors", mirror / conversion.FACTS
    if harm == "changed":
        data = weights.read_bytes()
        weights.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    elif harm == "missing":
        (mirror / "tokenizer.json").unlink()
    elif harm == "no list":
        facts.write_text("{", encoding="utf-8")
    elif harm == "other file":
        facts.write_text(re.sub("[0-9a-f]{64}", "0" * 64, facts.read_text(), count=1), encoding="utf-8")
    else:
        monkeypatch.setattr(conversion, "EDITION", conversion.EDITION + 1)
    assert assets.fetch("language_model") == mirror
    assert capsys.readouterr().out.count("Converting") == 2
    assert contents(mirror) == WHOLE and conversion.is_whole(mirror, assets.entry("language_model"))


def fetch_elsewhere(tmp_path: Path, write: str, after: str = "") -> subprocess.Popen[str]:
    """Fetch in a process of its own, in which `write` stands for the seconds of reading a GGUF file."""
    code = (
        "import os, time; from pathlib import Path; from course_utils import assets;"
        "from course_utils.assets import catalog, conversion, fetching;"
        f"catalog.CATALOG = Path({str(tmp_path / 'catalog.toml')!r});"
        f"fetching.BUILD = Path({str(tmp_path / 'build')!r})\n"
        f"conversion.gguf.write = lambda sources, out: [(out / 'weights').write_bytes(b'half'), {write}]\n"
        f"{after}\nassets.fetch('language_model'); print('whole')"
    )
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_two_kernels_at_once_convert_once(mirror: Path, tmp_path: Path) -> None:
    both = [fetch_elsewhere(tmp_path, "time.sleep(0.5)") for _ in range(2)]
    shown = [process.communicate(timeout=60)[0] for process in both]
    assert all("whole" in text for text in shown)
    assert "".join(shown).count("Converting") == 1
    assert contents(mirror) == {"weights", "README.md", conversion.FACTS} and left(mirror) == {mirror.name}


@pytest.mark.parametrize(
    "write, after",
    [("os._exit(9)", ""), ("0", "conversion.os.replace = lambda *_: os._exit(9)")],
    ids=["while it writes", "before the name"],
)
def test_a_kill_leaves_nothing_that_is_taken_for_whole(
    mirror: Path, tmp_path: Path, write: str, after: str
) -> None:
    process = fetch_elsewhere(tmp_path, write, after)
    assert "whole" not in process.communicate(timeout=60)[0] and process.returncode == 9
    assert not mirror.exists() and left(mirror) == {f".{mirror.name}.part"}
    assert not conversion.is_whole(mirror, assets.entry("language_model"))
    assets.fetch("language_model")
    assert contents(mirror) == WHOLE and left(mirror) == {mirror.name}


# Not at all


def test_without_the_package_it_says_so_before_anything_is_fetched(
    hub: Hub, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.delenv("COURSE_MIRROR")
    monkeypatch.setattr(
        conversion.importlib.util, "find_spec", lambda name: None if name == "gguf" else real(name)
    )
    why, next_step = failure()
    assert "the package gguf is not installed" in why and "pip install gguf" in next_step
    assert not hub.asked and not left(mirror)


def test_without_room_it_says_so_before_anything_is_fetched(
    hub: Hub, mirror: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSE_MIRROR")
    monkeypatch.setattr(conversion.shutil, "disk_usage", lambda place: SimpleNamespace(free=900_000))
    why, next_step = failure()
    assert "has 1 MB free, and 1 MB are needed to unpack it" in why.replace("0.9", "1")
    assert "COURSE_BUILD to a folder with 1 MB free" in next_step
    assert not hub.asked and not left(mirror)


@pytest.mark.parametrize("where", ["weights", "card"])
def test_a_disk_that_fills_up_midway_leaves_nothing(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    from safetensors import SafetensorError

    def full(*_: object, **__: object) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "weights":
        monkeypatch.setattr(LlamaForCausalLM, "save_pretrained", full)
    else:
        monkeypatch.setattr(Path, "write_text", refused)
    why, next_step = failure()
    assert "is full, and 1 MB are needed" in why and "COURSE_BUILD to a folder with 1 MB free" in next_step
    assert not left(mirror)


def test_a_folder_that_cannot_be_written_is_one_message(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "build").write_text("a file stands in the way")
    why, next_step = failure()
    assert "cannot be written" in why and "COURSE_BUILD to a folder that you may write to" in next_step


@pytest.mark.parametrize(
    "error", [ValueError("odd"), KeyError("odd"), RuntimeError("odd"), ImportError("odd")]
)
def test_a_version_that_cannot_read_it_is_one_message(
    mirror: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(sources: Sequence[Path], out: Path) -> None:
        (out / "model.safetensors").write_bytes(b"half")
        raise error

    monkeypatch.setattr(gguf, "write", fails)
    why, next_step = failure()
    assert (
        f"{small_gguf.FILE} could not be read ({type(error).__name__}" in why
        and "requirements.txt" in next_step
    )
    assert not left(mirror)


def test_ctrl_c_leaves_nothing(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(sources: Sequence[Path], out: Path) -> None:
        (out / "model.safetensors").write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(gguf, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        assets.fetch("language_model")
    assert not left(mirror)


# From the Hub


@pytest.fixture
def served(
    hub: Hub, mirror: Path, made: tuple[Path, LlamaForCausalLM], monkeypatch: pytest.MonkeyPatch
) -> Hub:
    """The Hub on this machine has the file, and there is no mirror."""
    small_gguf.write_catalog(catalog.CATALOG, made[0])
    monkeypatch.setattr(hub_server, "WEIGHTS_PATH", small_gguf.URL)
    monkeypatch.setattr(hub_server, "WEIGHTS", made[0].read_bytes())
    monkeypatch.delenv("COURSE_MIRROR")
    return hub


def test_a_cut_download_goes_on_and_is_converted(served: Hub, mirror: Path) -> None:
    served.answers = [hub_server.cut(80_000)]
    assert assets.fetch("language_model") == mirror and contents(mirror) == WHOLE
    assert len(served.ranges) == 2 and served.ranges[1] is not None


@pytest.mark.parametrize(
    "trouble, reason",
    [(hub_server.other_bytes, "not the published file"), (hub_server.cut(30_000), "broke off")],
)
def test_what_did_not_arrive_whole_is_not_converted(
    served: Hub, mirror: Path, trouble: hub_server.Answer, reason: str
) -> None:
    served.answers = [trouble] * 3
    with pytest.raises(assets.AssetError, match=f"(?s)Hub: {small_gguf.FILE}: .*{reason}.*Next: connect"):
        assets.fetch("language_model")
    assert not mirror.exists() and mirror.name not in left(mirror)
