"""What test_processes.py runs, alone and under `accelerate launch`: `python two_processes.py FOLDER`.

Each process writes what it saw and what it ended with to FOLDER/process_N.pt.
"""

import sys
from pathlib import Path
from typing import Any

import accelerate
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import AutoConfig, AutoModelForSequenceClassification

from course_utils import data, models, results
from course_utils.data import LengthBatches
from course_utils.paths import DATA
from course_utils.training import checkpoints, fit, gold_loss

STATE = accelerate.Accelerator().state


def rows(count: int) -> list[dict[str, Tensor]]:
    """Sentences of one length whose label is their first token modulo three."""
    tokens = torch.randint(3, 90, (count, 7), generator=torch.Generator().manual_seed(1))
    mask = torch.ones(7, dtype=torch.long)
    return [
        {"input_ids": row, "attention_mask": mask, "labels": row[0] % 3, "id": torch.tensor(i)}
        for i, row in enumerate(tokens)
    ]


def loader(count: int) -> "DataLoader[Any]":
    """Batches of 8 in the course's own order; of 43 rows the short one has three."""
    sampler = LengthBatches([7] * count, 8, shuffle=True, seed=0)
    return DataLoader(rows(count), batch_sampler=sampler)  # type: ignore[arg-type]


def shuffled(count: int) -> "DataLoader[Any]":
    """Batches of 8 in torch's own order, drawn from the global generator; the last of 41 rows is alone."""
    return DataLoader(rows(count), batch_size=8, shuffle=True)  # type: ignore[arg-type]


def model(seed: int, dropout: float = 0.0) -> Any:
    """A BERT of one layer."""
    config = AutoConfig.from_pretrained(
        DATA / "models/student", num_labels=3, num_hidden_layers=1, vocab_size=100,
        hidden_dropout_prob=dropout, output_hidden_states=True,
    )  # fmt: skip
    torch.manual_seed(seed)
    return AutoModelForSequenceClassification.from_config(config)


def run(
    train_loader: "DataLoader[Any]",
    *,
    dropout: float = 0.0,
    headless: bool = False,
    progress: bool = False,
    checkpoint: Path | None = None,
) -> dict[str, Any]:
    """One small training run; with `headless` its loss leaves the model's head out."""
    network = model(STATE.process_index, dropout)  # a start of its own, which must not matter
    seen: list[list[int]] = []

    def loss_fn(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
        seen.append(batch["id"].tolist())
        return outputs.hidden_states[-1].pow(2).mean() if headless else gold_loss(outputs, batch)

    options: dict[str, Any] = {"loss_fn": loss_fn, "progress": progress, "checkpoint": checkpoint}
    done = fit(network, train_loader, loader(48), steps=12, learning_rate=2e-3, eval_every=5, **options)
    return {"losses": done.losses, "metrics": done.metrics, "seen": seen, "weights": network.state_dict()}


def encoder() -> dict[str, Any]:
    """Eight steps of the bundled encoder on the course's own batches, without dropout."""
    sentiment, tokenizer = (
        data.load("sentiment")["train"].select(range(256)),
        models.load_tokenizer("teacher"),
    )
    network = models.load_classifier("teacher", sentiment.features["label"].names)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    batches = data.make_loader(data.tokenize(sentiment, tokenizer), tokenizer, 32, shuffle=True)
    done = fit(network, batches, steps=8, learning_rate=5e-4, progress=False)
    return {"losses": done.losses, "metrics": done.metrics, "seen": [], "weights": network.state_dict()}


def resumed(folder: Path) -> dict[str, Any]:
    """A run whose last save is at its seventh step and that leaves its checkpoint; then the same call again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints.Checkpoint, "due", lambda self: self.scheduler.last_epoch <= 7)
        patch.setattr(checkpoints.Checkpoint, "finish", lambda self: None)
        run(shuffled(48), checkpoint=folder)
    STATE.wait_for_everyone()
    return run(shuffled(48), checkpoint=folder)


def runs(folder: Path) -> dict[str, dict[str, Any]]:
    """Every run of this file by its name, and one result row."""
    results.record(
        "00_test", "E06", "processes", model="student", data="toy", seed=0, trainable_parameters=1,
        metric="accuracy", value=0.5, seconds=1.0,
    )  # fmt: skip
    return {
        "even": run(loader(48), progress=True),
        "short batch": run(loader(43)),
        "one row left": run(shuffled(41)),
        "dropout": run(shuffled(43), dropout=0.1),
        "headless": run(loader(48), headless=True),
        "encoder": encoder(),
        "resumed": resumed(folder / "checkpoint"),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    target = Path(sys.argv[1])
    torch.save(runs(target), target / f"process_{STATE.process_index}.pt")
