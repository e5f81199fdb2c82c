"""A run goes on from a checkpoint only if it is the same run; if not, `fit` says what differs."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification

from course_utils.methods import lora
from course_utils.training import checkpoints, fit, gold_loss

Loss = Callable[[Any, dict[str, Tensor]], Tensor]


class Killed(Exception):
    """Stands for the kill of a process."""


def adapted(seed: int = 0, lora_alpha: float = 4) -> nn.Module:
    """A frozen encoder with LoRA in its queries, and a head that trains."""
    config = BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    torch.manual_seed(seed)
    base = BertForSequenceClassification(config)
    torch.manual_seed(0)
    return lora.inject_lora(base, ["query"], 2, lora_alpha)


def loader(seed: int = 0, batch_size: int = 4, batches: int = 4) -> "DataLoader[Any]":
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(3, 50, (batches * batch_size, 6), generator=generator)
    mask = torch.ones(6, dtype=torch.long)
    rows = [{"input_ids": row, "attention_mask": mask, "labels": row[0] % 2} for row in tokens]
    return DataLoader(rows, batch_size)  # type: ignore[arg-type]


def softened(temperature: float = 1.0, kill: int = 0) -> Loss:
    """Cross-entropy at a temperature. The `kill`-th call raises `Killed`."""
    calls = 0

    def loss_fn(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == kill:
            raise Killed
        return nn.functional.cross_entropy(outputs.logits / temperature, batch["labels"])

    return loss_fn


class Softened:
    """The same as an object that is called."""

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def __call__(self, outputs: Any, batch: dict[str, Tensor]) -> Tensor:
        return nn.functional.cross_entropy(outputs.logits / self.temperature, batch["labels"])


def with_default(outputs: Any, batch: dict[str, Tensor], temperature: float = 1.0) -> Tensor:
    return nn.functional.cross_entropy(outputs.logits / temperature, batch["labels"])


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a run that was killed in its fifth step of six, and saved before its fourth."""
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0.0)
    with pytest.raises(Killed):
        again(tmp_path, loss_fn=softened(kill=5))
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 60.0)
    return tmp_path


def again(
    folder: Path, model: nn.Module | None = None, data: Any = None, loss_fn: Loss | None = None, **more: Any
) -> list[float]:
    """The losses of the run, with whatever is not the default of another one."""
    model, data = model or adapted(), loader() if data is None else data
    options = {"steps": 6, "learning_rate": 1e-2, "progress": False, "checkpoint": folder} | more
    return fit(model, data, loss_fn=loss_fn or softened(), **options).losses


def test_the_same_call_goes_on(killed: Path, recwarn: pytest.WarningsRecorder) -> None:
    assert again(killed) == again(killed / "another")
    assert not [warning for warning in recwarn if "started from other" in str(warning.message)]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: {"loss_fn": softened(3.0)}, r"the loss of step 4: .*temperature: 1\.0 there, 3\.0 here"),
        (lambda: {"loss_fn": Softened(3.0)}, r"the loss of step 4: .*temperature: 1\.0 there, 3\.0 here"),
        (
            lambda: {"loss_fn": functools.partial(with_default, temperature=3.0)},
            "temperature: 1.0 there, 3.0",
        ),
        (lambda: {"data": loader(seed=5)}, "step 4 gets a batch of other rows"),
        (
            lambda: {"data": loader(batch_size=8)},
            "rows in the data set: 16 there, 32 here; rows in a batch: 4",
        ),
        (lambda: {"data": loader(batch_size=2, batches=8)}, "rows in a batch: 4 there, 2 here"),
        (lambda: {"model": adapted(seed=5)}, r"the frozen weights are others \(bert.embeddings.word"),
        (lambda: {"model": adapted(lora_alpha=64)}, "scaling: 2.0 there, 32.0 here"),
        (lambda: {"steps": 7}, "steps: 6 there, 7 here"),
        (lambda: {"seed": 1}, "seed: 0 there, 1 here"),
        (lambda: {"metric": "macro_f1"}, "metric: accuracy there, macro_f1 here"),
        (lambda: {"model": adapted().requires_grad_(True)}, "other names or shapes"),
    ],
)
def test_another_run_is_refused_and_nothing_is_changed(
    killed: Path, other: Callable[[], dict[str, Any]], message: str
) -> None:
    given = {"model": adapted()} | other()
    before = {name: value.clone() for name, value in given["model"].state_dict().items()}
    saved = (killed / "unfinished_run.pt").read_bytes()
    with pytest.raises(ValueError, match=message) as refused:
        again(killed, **given)
    assert str(killed) in str(refused.value) and "delete that folder" in str(refused.value)
    after = given["model"].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert (killed / "unfinished_run.pt").read_bytes() == saved
    assert again(killed) == again(killed / "another")


def test_another_start_of_what_trains_is_told(killed: Path) -> None:
    """It cannot be refused: who did not seed an adapter has another one after the kill."""
    model = adapted()
    with torch.no_grad():
        model.get_parameter("classifier.weight").add_(1.0)
    with pytest.warns(UserWarning, match=r"started from other weights .*\(classifier.weight\)"):
        resumed = again(killed, model=model)
    assert resumed == again(killed / "another")


def test_on_another_device_the_run_goes_on_with_a_warning(killed: Path) -> None:
    path = killed / "unfinished_run.pt"
    state = torch.load(path, weights_only=True)
    state["seen"] |= {"device": "cuda", "loss": 100.0}
    torch.save(state, path)
    with pytest.warns(UserWarning, match="saved on cuda and goes on on cpu.*not checked"):
        assert len(again(killed)) == 6


def test_rounding_is_not_another_loss(killed: Path) -> None:
    """Another number of threads changes the last bits."""
    path = killed / "unfinished_run.pt"
    state = torch.load(path, weights_only=True)
    state["seen"]["loss"] *= 1 + 1e-5
    torch.save(state, path)
    assert len(again(killed)) == 6


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file", b"no archive at all"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "unfinished_run.pt").write_bytes(content)
    with pytest.raises(
        ValueError, match="unfinished_run.pt cannot be read.*damaged. Delete it to start afresh"
    ):
        again(tmp_path)


def test_a_checkpoint_of_an_older_version_is_named(killed: Path) -> None:
    path = killed / "unfinished_run.pt"
    state = torch.load(path, weights_only=True)
    del state["seen"]
    torch.save(state, path)
    with pytest.raises(ValueError, match="older version of the course"):
        again(killed)


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("notes")
    with pytest.raises(ValueError, match="is a file. Give fit a folder"):
        again(tmp_path / "run")
    assert (tmp_path / "run").read_text() == "notes"


def test_a_stream_without_a_length_can_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(loader().dataset)

    def stream() -> "DataLoader[Any]":
        return DataLoader(Stream(), batch_size=4)

    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0.0)
    with pytest.raises(Killed):
        again(tmp_path, data=stream(), loss_fn=softened(kill=5))
    assert again(tmp_path, data=stream()) == again(tmp_path / "another", data=stream())
    with pytest.raises(Killed):
        again(tmp_path, data=stream(), loss_fn=softened(kill=5))
    with pytest.raises(ValueError, match="rows in the data set"):
        again(tmp_path, data=loader())


def test_the_loss_of_the_check_is_no_extra_call(killed: Path) -> None:
    calls = 0

    def counted(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        return gold_loss(outputs, batch)

    again(killed, loss_fn=counted)
    assert calls == 3
