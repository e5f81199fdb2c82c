"""The training loop, on tiny random models: it learns, it repeats itself, it resumes exactly, it says what is
wrong."""

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForSequenceClassification, BertForTokenClassification

from course_utils import assets, training
from course_utils.measure import latency
from course_utils.training import checkpoints, evaluate, fit, gold_loss, history

SIZES: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    training.precision.cache_clear()
    yield
    torch.set_num_threads(threads)
    training.precision.cache_clear()


def tiny_model(seed: int = 0, dropout: float = 0.1) -> BertForSequenceClassification:
    torch.manual_seed(seed)
    config = BertConfig(**SIZES, num_labels=3, hidden_dropout_prob=dropout)
    return BertForSequenceClassification(config)


def rows(count: int = 48) -> list[dict[str, Tensor]]:
    """Sentences whose label is their first token modulo three: learnable from the embedding of one
    position."""
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(3, 50, (count, 7), generator=generator)
    mask = torch.ones(7, dtype=torch.long)
    return [
        {"input_ids": row, "attention_mask": mask, "labels": row[0] % 3, "id": torch.tensor(i)}
        for i, row in enumerate(tokens)
    ]


def loader(count: int = 48, shuffle: bool = True) -> "DataLoader[Any]":
    return DataLoader(rows(count), batch_size=8, shuffle=shuffle)  # type: ignore[arg-type]


def weights(model: nn.Module) -> dict[str, Tensor]:
    return copy.deepcopy(model.state_dict())


def assert_equal_weights(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    different = [name for name in left if not torch.equal(left[name], right[name])]
    assert not different, different


def test_fit_learns_and_reports() -> None:
    model = tiny_model(dropout=0.0)
    run = fit(
        model, loader(), loader(shuffle=False), steps=120, learning_rate=2e-2, eval_every=50, progress=False
    )
    assert [step for step, _ in run.metrics] == [50, 100, 120]
    assert run.final == run.metrics[-1][1] == evaluate(model, loader())
    assert run.final > 0.9 and run.best >= run.final
    assert len(run.losses) == 120 and run.losses[-1] < run.losses[0] / 2
    assert run.trainable_parameters == sum(p.numel() for p in model.parameters())
    assert run.seconds > 0
    assert not model.training


def test_the_peak_is_the_most_memory_over_that_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = itertools.chain([100, 250, 400], itertools.repeat(300))
    process = SimpleNamespace(memory_info=lambda: SimpleNamespace(rss=next(seen)))
    monkeypatch.setattr(history.psutil, "Process", lambda: process)
    monkeypatch.setattr(history, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(history.torch.cuda, "is_available", lambda: False)
    assert fit(tiny_model(), loader(), steps=4, learning_rate=2e-2, progress=False).peak_bytes == 300


def test_the_same_seed_gives_the_same_weights_and_another_seed_does_not() -> None:
    models = [tiny_model(), tiny_model(), tiny_model()]
    for model, seed in zip(models, [3, 3, 4], strict=True):
        fit(model, loader(), steps=9, learning_rate=1e-2, seed=seed, progress=False)
    first, second, third = (weights(model) for model in models)
    assert_equal_weights(first, second)
    assert not torch.equal(first["classifier.weight"], third["classifier.weight"])


def test_the_loop_does_what_a_bare_loop_does() -> None:
    model, twin = tiny_model(), tiny_model()
    fit(
        model,
        loader(),
        steps=5,
        learning_rate=1e-2,
        warmup=0.4,
        weight_decay=0.1,
        max_grad_norm=0.5,
        progress=False,
    )
    training.set_seed(0)
    decayed = [p for p in twin.parameters() if p.ndim > 1]
    others = [p for p in twin.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-2, fused=True)
    twin.train()
    for batch, rate in zip(loader(), [0.0, 0.5, 1.0, 2 / 3, 1 / 3], strict=False):
        for group in optimizer.param_groups:
            group["lr"] = 1e-2 * rate
        twin(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=batch["labels"]
        ).loss.backward()
        nn.utils.clip_grad_norm_(twin.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad()
    for (name, ours), theirs in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, msg=name)


def test_gradients_that_were_there_before_do_not_count() -> None:
    """As an own backward() leaves them, or a run that the reader stopped between backward and step."""
    clean, used = tiny_model(), tiny_model()
    for parameter in used.parameters():
        parameter.grad = torch.ones_like(parameter)
    for model in (clean, used):
        fit(model, loader(), steps=2, learning_rate=1e-2, progress=False)
    assert_equal_weights(weights(used), weights(clean))


def test_frozen_parameters_do_not_move() -> None:
    model = tiny_model()
    model.bert.requires_grad_(False)
    before = weights(model)
    run = fit(model, loader(), steps=4, learning_rate=1e-2, progress=False)
    after = weights(model)
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"classifier.weight", "classifier.bias"}
    assert run.trainable_parameters == 16 * 3 + 3


def test_a_loss_function_gets_outputs_and_labels_and_a_peft_model_trains() -> None:
    seen: set[str] = set()

    def loss_fn(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
        seen.update(batch)
        assert outputs.loss is None  # the model was called without labels
        return (outputs.logits**2).mean()

    model = get_peft_model(tiny_model(), LoraConfig(r=2, target_modules=["query"]))
    run = fit(model, loader(), steps=3, learning_rate=1e-2, loss_fn=loss_fn, progress=False)
    assert seen == {"input_ids", "attention_mask", "labels", "id"}
    assert run.trainable_parameters == 2 * 2 * 16


def test_gold_loss_leaves_out_rows_without_a_label() -> None:
    class Outputs:
        logits = torch.randn(4, 5, 3)

    labels = torch.randint(0, 3, (4, 5))
    labels[0] = -100
    expected = nn.functional.cross_entropy(Outputs.logits[1:].reshape(-1, 3), labels[1:].reshape(-1))
    torch.testing.assert_close(gold_loss(Outputs, {"labels": labels}), expected)


class Killed(Exception):
    """Stands for the kill of a process."""


@pytest.mark.parametrize(("saved_at", "killed_at"), [(2, 5), (9, 11), (12, 14)])
def test_a_killed_run_goes_on_exactly(
    saved_at: int, killed_at: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Six batches an epoch: the three cases stop within the first epoch, within the second, and between
    two."""
    calls = 0

    def run(kill: int | None, folder: Path | None) -> tuple[dict[str, Tensor], history.History]:
        def loss_fn(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
            nonlocal calls
            calls += 1
            if calls == kill:
                raise Killed
            return gold_loss(outputs, batch)

        model = tiny_model()
        given: dict[str, Any] = {"loss_fn": loss_fn, "checkpoint": folder, "progress": False}
        done = fit(
            model, loader(), loader(shuffle=False), steps=15, learning_rate=1e-2, eval_every=4, **given
        )
        return weights(model), done

    expected, whole = run(None, None)
    calls = 0
    monkeypatch.setattr(checkpoints.Checkpoint, "due", lambda self: calls == saved_at)
    with pytest.raises(Killed):
        run(killed_at, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["unfinished_run.pt"]
    calls = 0
    got, resumed = run(None, tmp_path)
    assert calls == 15 - saved_at
    assert_equal_weights(got, expected)
    assert resumed.losses == whole.losses and resumed.metrics == whole.metrics
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_last_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0.0)
    real_save, count = torch.save, 0

    def save_half(state: Any, path: Path) -> None:
        nonlocal count
        count += 1
        if count == 2:
            Path(path).write_bytes(b"half")
            raise OSError("no space left on device")
        real_save(state, path)

    monkeypatch.setattr(torch, "save", save_half)
    with pytest.raises(OSError, match="no space"):
        fit(tiny_model(), loader(), steps=4, learning_rate=1e-2, checkpoint=tmp_path, progress=False)
    assert [path.name for path in tmp_path.iterdir()] == ["unfinished_run.pt"]
    assert torch.load(tmp_path / "unfinished_run.pt", weights_only=True)["batches"]["taken"] == 1


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("unexpected pos 128")]
)
def test_a_full_disk_is_told_with_what_to_do(
    error: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_room(state: Any, path: Path) -> None:
        raise error

    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(torch, "save", no_room)
    with pytest.raises(
        OSError, match="(No space|disk is full).*Make room there and make the same call again"
    ):
        fit(tiny_model(), loader(), steps=4, learning_rate=1e-2, checkpoint=tmp_path, progress=False)


def test_a_folder_that_cannot_be_written_is_refused_before_the_first_step(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # as the superuser, tests may write anywhere
    with pytest.raises(ValueError, match="cannot be written"):
        fit(tiny_model(), loader(), steps=1, learning_rate=1e-2, checkpoint=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_a_run_whose_batches_hold_texts_can_be_saved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoints, "SAVE_SECONDS", 0.0)
    with_texts: DataLoader[Any] = DataLoader([{**row, "text": "soup"} for row in rows()], batch_size=8)  # type: ignore[arg-type]
    ended = fit(tiny_model(), with_texts, steps=3, learning_rate=1e-2, checkpoint=tmp_path, progress=False)
    assert len(ended.losses) == 3


def test_the_loader_is_told_the_epoch() -> None:
    class Batches:
        epochs: list[int] = []

        def set_epoch(self, epoch: int) -> None:
            self.epochs.append(epoch)

        def __iter__(self) -> Iterator[list[int]]:
            return iter([[0, 1], [2, 3]])

        def __len__(self) -> int:
            return 2

    sampler = Batches()
    data: DataLoader[Any] = DataLoader(rows(4), batch_sampler=sampler)  # type: ignore[arg-type]
    fit(tiny_model(), data, steps=5, learning_rate=1e-2, progress=False)
    assert sampler.epochs == [0, 1, 2]


def test_a_loss_that_is_no_number_stops_the_run() -> None:
    calls = 0

    def loss_fn(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
        nonlocal calls
        calls += 1
        return outputs.logits.sum() * (float("nan") if calls == 3 else 1.0)

    with pytest.raises(ValueError, match="became nan at step 3.*learning rate.*0.01"):
        fit(tiny_model(), loader(), steps=4, learning_rate=1e-2, loss_fn=loss_fn, progress=False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda outputs: outputs.logits.sum(-1), "loss is one number"),
        (lambda outputs: outputs.logits.detach().sum(), "does not depend on any trainable parameter"),
    ],
)
def test_a_loss_that_backward_cannot_use_is_explained(wrong: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(
            tiny_model(), loader(), steps=1, learning_rate=1e-2, loss_fn=lambda o, _: wrong(o), progress=False
        )


def test_a_run_that_cannot_start_says_why() -> None:
    with pytest.raises(ValueError, match="gave no batch"):
        fit(tiny_model(), DataLoader([], batch_size=2), steps=1, learning_rate=1e-2)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="steps must be 1 or more"):
        fit(tiny_model(), loader(), steps=0, learning_rate=1e-2)
    with pytest.raises(ValueError, match="No parameter of this model is trainable"):
        fit(tiny_model().requires_grad_(False), loader(), steps=1, learning_rate=1e-2)
    with pytest.raises(ValueError, match="never evaluated"):
        _ = history.History().final
    model = tiny_model()
    with pytest.raises(ValueError, match="no metric called 'acuracy'"):
        fit(model, loader(), loader(), steps=1, learning_rate=1e-2, metric="acuracy")
    with pytest.raises(ValueError, match="The seed is -1"):
        fit(model, loader(), steps=1, learning_rate=1e-2, seed=-1)
    for warmup in (100, -0.1, float("nan")):
        with pytest.raises(ValueError, match="a share of the steps, from 0 to 1"):
            fit(model, loader(), steps=1, learning_rate=1e-2, warmup=warmup)
    for norm in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=r'To leave them as they are, give float\("inf"\)'):
            fit(model, loader(), steps=1, learning_rate=1e-2, max_grad_norm=norm)
    assert all(map(torch.equal, model.parameters(), tiny_model().parameters()))  # nothing was trained


def test_batches_and_outputs_of_another_form_are_named() -> None:
    pairs: DataLoader[Any] = DataLoader([(torch.arange(3), torch.tensor(0))] * 2, batch_size=2)  # type: ignore[arg-type]
    for run in (
        lambda: fit(tiny_model(), pairs, steps=1, learning_rate=1e-2),
        lambda: evaluate(tiny_model(), pairs),
    ):
        with pytest.raises(ValueError, match="batch of this loader is a list.*dict of tensors"):
            run()

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(50, 3)

        def forward(self, input_ids: Tensor) -> Tensor:
            return self.table(input_ids).mean(dim=1)

    for run in (
        lambda: fit(Plain(), loader(), steps=1, learning_rate=1e-2),
        lambda: evaluate(Plain(), loader()),
    ):
        with pytest.raises(ValueError, match="returned Tensor, which has no `logits`"):
            run()


def test_a_model_whose_outputs_are_nan_gets_no_score() -> None:
    """The largest of three NaN is the first: such a model would seem to answer one class, and be right by chance."""
    model = tiny_model()
    with torch.no_grad():
        model.classifier.weight.fill_(torch.nan)
    with pytest.raises(ValueError, match="no numbers"):
        evaluate(model, loader())
    scores = [{**row, "labels": torch.tensor(torch.nan if i else 1.0)} for i, row in enumerate(rows())]
    with pytest.raises(ValueError, match="label is NaN"):
        evaluate(tiny_model(), DataLoader(scores, batch_size=8), "spearman")  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_training_weights_in_half_precision_is_warned_of(dtype: torch.dtype) -> None:
    """At this rate AdamW's steps are below what bfloat16 tells apart: most weights never move."""
    with pytest.warns(UserWarning, match="half precision"):
        fit(tiny_model().to(dtype), loader(), steps=2, learning_rate=1e-6, progress=False)


def test_evaluate_counts_labelled_rows_only_and_restores_each_mode() -> None:
    model = tiny_model()
    model.train()
    model.bert.embeddings.eval()
    data = rows(20)
    with torch.no_grad():
        twin = copy.deepcopy(model).eval()
        predicted = [
            int(twin(row["input_ids"][None], row["attention_mask"][None]).logits.argmax()) for row in data
        ]
    for row, label in zip(data[:10], predicted, strict=False):
        row["labels"] = torch.tensor(label)
    for row in data[10:15]:
        row["labels"] = torch.tensor(-100)
    for row, label in zip(data[15:], predicted[15:], strict=True):
        row["labels"] = torch.tensor((label + 1) % 3)
    assert evaluate(model, DataLoader(data, batch_size=8)) == pytest.approx(10 / 15)  # type: ignore[arg-type]
    assert model.training and not model.bert.embeddings.training
    unlabelled = [{**row, "labels": torch.tensor(-100)} for row in data]
    with pytest.raises(ValueError, match="no labelled row"):
        evaluate(model, DataLoader(unlabelled, batch_size=8))  # type: ignore[arg-type]


def test_evaluate_scores_entities() -> None:
    torch.manual_seed(0)
    tags = {0: "O", 1: "B-PER", 2: "I-PER"}
    model = BertForTokenClassification(
        BertConfig(**SIZES, id2label=tags, label2id={t: i for i, t in tags.items()})
    )
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([0.0, 1.0, 0.0]))  # every token is a one-word person
    row = {"input_ids": torch.arange(5), "attention_mask": torch.ones(5, dtype=torch.long)}
    row["labels"] = torch.tensor([-100, 1, 0, 1, 2])
    data: DataLoader[Any] = DataLoader([row], batch_size=1)  # type: ignore[arg-type]
    # Predicted: persons at 1, 2, 3, 4. True: 1, and 3 to 4. One of four is right, one of two is found.
    assert evaluate(model, data, "seqeval") == pytest.approx(2 * 0.25 * 0.5 / 0.75)
    assert evaluate(model, data) == pytest.approx(0.5)


@pytest.mark.parametrize("wrap", [torch.compile, nn.DataParallel])
def test_a_compiled_or_parallel_model_gets_every_column_that_it_takes(wrap: Any) -> None:
    """Without token_type_ids BERT reads both sentences of a pair as the first."""
    names = training.input_names(tiny_model())
    assert "token_type_ids" in names and training.input_names(wrap(tiny_model())) == names


def test_latency_is_a_time_in_milliseconds() -> None:
    batch = next(iter(loader()))
    small, large = tiny_model(), BertForSequenceClassification(BertConfig(vocab_size=50, num_hidden_layers=2))
    assert 0 < latency(small, batch, repeats=5) < latency(large, batch, repeats=5) < 10_000


def test_bfloat16_is_for_the_real_track_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    monkeypatch.setattr(assets, "track", lambda: "bundled")
    assert training.precision() == "no"
    training.precision.cache_clear()
    monkeypatch.setattr(assets, "track", lambda: "real")
    assert [training.precision() for _ in range(2)] == ["bf16", "bf16"]
    assert capsys.readouterr().out.count("bfloat16") == 1

    def loss_fn(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
        assert outputs.logits.dtype == torch.float32
        return gold_loss(outputs, batch)

    model = tiny_model()
    run = fit(model, loader(), steps=3, learning_rate=1e-2, loss_fn=loss_fn, progress=False)
    assert len(run.losses) == 3 and model.classifier.weight.dtype == torch.float32
    training.precision.cache_clear()
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False, raising=False)
    assert training.precision() == "no"


def test_the_bar_ends_with_the_loss_and_the_metric(capsys: pytest.CaptureFixture[str]) -> None:
    fit(tiny_model(), loader(), loader(), steps=3, learning_rate=1e-2)
    last = capsys.readouterr().err.rstrip().rsplit("\r", 1)[-1]
    assert "100%" in last and "3/3" in last and "loss " in last and "accuracy 0." in last


def test_in_a_notebook_the_bar_is_one_short_output() -> None:
    import nbformat
    from nbclient import NotebookClient

    code = (
        "from course_utils.training.progressbar import progress_bar\n"
        "import time\n"
        "with progress_bar(300, 'training') as bar:\n"
        "    for i in range(300):\n"
        "        time.sleep(0.004)\n"
        "        bar.set_postfix_str(f'loss {i}', refresh=False)\n"
        "        bar.update(1)\n"
    )
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(book, timeout=60, kernel_name="python3").execute()
    (output,) = book.cells[0].outputs
    assert output.output_type == "display_data"
    assert "100%" in output.data["text/plain"] and "300/300" in output.data["text/plain"]
    assert len(output.data["text/plain"]) < 120 and set(output.data) == {"text/plain"}
