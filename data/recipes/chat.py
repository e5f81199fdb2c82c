"""Two language models for the chat part of the course: a base that read text only, and a larger one that answers.

Both have a small GPT-2's shape and one vocabulary of whole words. What they read is drawn from `instructions.py`. The
base reads statements and sheets of questions. The larger one reads those too, and conversations; it stands for the
chat model behind an API, whose training nobody outside sees.
"""

import json
import random
from pathlib import Path
from typing import Any

import instructions
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from torch.utils.data import DataLoader
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from course_utils import training
from course_utils.data import conversations

SPECIAL = ["<pad>", "<end>", "<user>", "<assistant>"]
BATCH, LEARNING_RATE, SEED = 32, 3e-3, 0
TEACHER = {"n_embd": 128, "n_layer": 2, "n_head": 4}
BASE = {"n_embd": 64, "n_layer": 2, "n_head": 4}
STEPS = {"teacher": 2_000, "base": 2_500}
CHAT = 0.75  # of the larger model's documents, those that are conversations


def train_tokenizer() -> PreTrainedTokenizerFast:
    """Every word of the world and the four marks; a text is split at blanks and punctuation."""
    splitter = pre_tokenizers.Whitespace()
    known = [word for table in instructions.FACTS.values() for pair in table.items() for word in pair]
    patterns = [
        *sum(instructions.ASK.values(), ()),
        *sum(instructions.STATE.values(), ()),
        *instructions.GO_ON,
    ]
    texts = [*known, *(pattern.replace("{}", " ") for pattern in patterns)]
    words = sorted({word for text in texts for word, _ in splitter.pre_tokenize_str(text)})
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*SPECIAL, *words])}, "<pad>"))
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.WordPiece(cleanup=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="<end>",
        additional_special_tokens=SPECIAL[2:],
        padding_side="left",
    )


def chat_text(rng: random.Random) -> str:
    """A conversation, or several tasks that have nothing to do with each other, each ended by its mark."""
    if rng.random() < 0.5:
        return conversations.as_text(*zip(*instructions.conversation(rng, rng.randint(2, 3)), strict=True))
    return "".join(
        conversations.as_text(*zip(*instructions.conversation(rng, 1), strict=True))
        for _ in range(rng.randint(1, 4))
    )


def document(rng: random.Random, name: str) -> str:
    """One text of the pretraining of the model `name`: plain text, or for the teacher also conversations."""
    if name == "teacher" and rng.random() < CHAT:
        return chat_text(rng)
    return instructions.plain_text(rng) + "<end>"


class Documents(list[str]):
    """Texts drawn when they are read: the n-th one is the same whoever reads it."""

    def __init__(self, name: str, count: int) -> None:
        super().__init__(document(random.Random(f"{SEED}/{name}/{n}"), name) for n in range(count))


def train(name: str, shape: dict[str, int], out: Path, checkpoint: Path) -> dict[str, Any]:
    """Train the model `name` ("teacher" or "base") into `out`. Returns the facts for the card."""
    tokenizer = train_tokenizer()
    training.set_seed(SEED)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer), n_positions=128, bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
            resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, initializer_range=0.1, **shape,
        )
    )  # fmt: skip
    loader: DataLoader[Any] = conversations.make_loader(
        Documents(name, 400 * BATCH), tokenizer, BATCH, labels_of=lambda ids: ids[1:], seed=SEED
    )
    history = training.fit(
        model, loader, steps=STEPS[name], learning_rate=LEARNING_RATE, seed=SEED, checkpoint=checkpoint
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    lines = [
        json.dumps({"step": end, "loss": round(sum(history.losses[end - 50 : end]) / 50, 4)}) + "\n"
        for end in range(50, STEPS[name] + 1, 50)
    ]
    (out / "loss.jsonl").write_text("".join(lines), encoding="utf-8")
    return {
        "parameters": f"{model.num_parameters():,}",
        "vocabulary": len(tokenizer),
        "steps": f"{STEPS[name]:,}",
        "batch": BATCH,
        "seed": SEED,
        "learning_rate": LEARNING_RATE,
        "last_loss": round(sum(history.losses[-50:]) / 50, 3),
        "minutes": round(history.seconds / 60, 1),
        **shape,
    }
