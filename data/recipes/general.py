"""The student after the general stage of TinyBERT: no task yet, only the inside of the encoder to learn from.

It sees the texts that the encoder was trained on, and none of `unlabelled`. The run writes checkpoints, goes on where
it was cut off, and logs its loss.
"""

import json
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from encoder import SEED, losses, unlabelled_texts
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import BertConfig, BertModel, BertTokenizerFast

from course_utils import data, training
from course_utils.methods.intermediate_kd import add_projection, layer_map, tinybert_losses

STEPS, BATCH, LEARNING_RATE, MAP, LONGEST = 1_500, 64, 2e-3, "uniform", 40


def text_loader(texts: list[str], tokenizer: BertTokenizerFast) -> DataLoader[Any]:
    """Batches of like length; of a long text only its beginning."""
    rows = Dataset.from_dict({"id": range(len(texts)), "text": texts})
    return data.make_loader(
        data.tokenize(rows, tokenizer, LONGEST), tokenizer, BATCH, shuffle=True, seed=SEED
    )


def general_loss(student: BertModel, teacher: BertModel) -> training.LossFunction:
    """The three losses inside, summed. The teacher is asked at each step: it sees most sentences once or twice."""
    layers = layer_map(student.config.num_hidden_layers, teacher.config.num_hidden_layers, MAP)

    def loss_fn(outputs: Any, batch: dict[str, Tensor]) -> Tensor:
        mask = batch["attention_mask"]
        with torch.no_grad():
            theirs = teacher(batch["input_ids"], mask, output_hidden_states=True).hidden_states
        inside = tinybert_losses(student, teacher, outputs.hidden_states, theirs, mask, layers)
        return torch.stack(list(inside.values())).sum()

    return loss_fn


def distil(corpora: Path, encoder: Path, shape: Path, out: Path, checkpoint: Path) -> dict[str, Any]:
    """Distil the encoder into a student of this shape, and write its body to `out`. Returns the facts for the card."""
    texts = unlabelled_texts(corpora)
    tokenizer = BertTokenizerFast.from_pretrained(encoder)
    teacher = BertModel.from_pretrained(encoder, dtype=torch.float32).eval()
    training.set_seed(SEED)
    student = add_projection(BertModel(BertConfig.from_pretrained(shape)), teacher.config.hidden_size)
    history = training.fit(
        student,
        text_loader(texts, tokenizer),
        steps=STEPS,
        learning_rate=LEARNING_RATE,
        loss_fn=general_loss(student, teacher),
        seed=SEED,
        checkpoint=checkpoint,
    )
    del student.projection
    student.config.output_hidden_states = False
    student.save_pretrained(out)
    curve = list(losses(history))
    (out / "loss.jsonl").write_text(
        "".join(json.dumps({"step": step, "loss": round(loss, 4)}) + "\n" for step, loss in curve),
        encoding="utf-8",
    )
    return {
        "texts": f"{len(texts):,}",
        "longest": LONGEST,
        "layers": student.config.num_hidden_layers,
        "hidden": student.config.hidden_size,
        "parameters": f"{student.num_parameters():,}",
        "map": MAP,
        "steps": f"{STEPS:,}",
        "batch": BATCH,
        "seed": SEED,
        "learning_rate": LEARNING_RATE,
        "first_loss": round(curve[0][1], 3),
        "last_loss": round(curve[-1][1], 3),
        "minutes": round(history.seconds / 60),
    }
