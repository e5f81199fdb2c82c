"""The bundled translators: a cased BPE vocabulary, a Marian-shaped teacher, its beams, and a student's shape.

The teacher is trained on the English-Indonesian pairs of `corpora/paraphrases`, with one of a source's translations
drawn anew in each pass. The run writes checkpoints, goes on where it was cut off, and logs its loss.
"""

import json
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from transformers import MarianMTModel, PreTrainedTokenizerFast

from course_utils import training
from course_utils.data import pairs
from course_utils.models import translators
from course_utils.models.small_translators import config, train_tokenizer

VOCABULARY = 2000
STEPS, BATCH, LEARNING_RATE, SEED = 2_500, 32, 2e-3, 0
TEACHER = {"d_model": 128, "layers": 2, "heads": 4, "ffn": 512, "dropout": 0.1}
STUDENT = {"d_model": 80, "layers": 1, "heads": 4, "ffn": 320, "dropout": 0.0}
BEAMS, WHOLE_BEAMS = 5, 2_000  # of this many sources the whole beam is kept, of the others its best sentence
LOG_EVERY = 50


def read(path: Path) -> Dataset:
    """The pairs of one file, with columns id, source, targets."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    columns = {"id": "id", "source": "english", "targets": "indonesian"}
    return Dataset.from_dict({name: [row[key] for row in rows] for name, key in columns.items()})


def train_teacher(corpora: Path, out: Path, checkpoint: Path) -> dict[str, Any]:
    """Train tokenizer and teacher into `out`. Returns the facts for the card."""
    rows = read(corpora / "paraphrases" / "train.jsonl")
    texts = [*rows["source"], *(text for texts in rows["targets"] for text in texts)]
    tokenizer = train_tokenizer(texts, VOCABULARY)
    training.set_seed(SEED)
    model = MarianMTModel(config(TEACHER, tokenizer))
    start = model.config.decoder_start_token_id
    loader = pairs.make_loader(rows, tokenizer, BATCH, start_token_id=start, shuffle=True, seed=SEED)
    history = training.fit(
        model, loader, steps=STEPS, learning_rate=LEARNING_RATE, seed=SEED, checkpoint=checkpoint
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    ends = range(LOG_EVERY, STEPS + 1, LOG_EVERY)
    curve = [(end, sum(history.losses[end - LOG_EVERY : end]) / LOG_EVERY) for end in ends]
    lines = [json.dumps({"step": step, "loss": round(loss, 4)}) + "\n" for step, loss in curve]
    (out / "loss.jsonl").write_text("".join(lines), encoding="utf-8")
    return {
        "pairs": f"{len(rows):,}",
        "parameters": f"{model.num_parameters():,}",
        "vocabulary": f"{len(tokenizer):,}",
        "steps": f"{STEPS:,}",
        "batch": BATCH,
        "seed": SEED,
        "learning_rate": LEARNING_RATE,
        "last_loss": round(curve[-1][1], 3),
        "minutes": round(history.seconds / 60),
        **TEACHER,
    }


def write_beams(corpora: Path, out: Path) -> None:
    """What the teacher says to each train source, best first, in beams.jsonl."""
    rows = read(corpora / "paraphrases" / "train.jsonl")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out)
    teacher = MarianMTModel.from_pretrained(out, dtype=torch.float32)
    found = translators.translate(teacher, tokenizer, rows["source"], BEAMS, all_beams=True)
    rows = [
        {"id": id, "beams": beams if number < WHOLE_BEAMS else beams[:1]}
        for number, (id, beams) in enumerate(zip(rows["id"], found, strict=True))
    ]
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    (out / "beams.jsonl").write_text("".join(lines), encoding="utf-8", newline="\n")


def write_student(teacher: Path, out: Path) -> None:
    """The student's shape: a config.json, with the vocabulary of the teacher."""
    config(STUDENT, PreTrainedTokenizerFast.from_pretrained(teacher)).save_pretrained(out)
