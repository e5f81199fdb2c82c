"""The language adapters of notebook 09: one for each language of the news, trained to fill in masked words.

The encoder is frozen. The run writes checkpoints, goes on where it was cut off, and logs its loss.
"""

import json
from pathlib import Path
from typing import Any

import pandas
import torch
from datasets import Dataset
from grammar import NEWS_LANGUAGES
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import AutoModelForMaskedLM, AutoTokenizer, PreTrainedTokenizerBase

from course_utils import data, training
from course_utils.methods import madx

STEPS, BATCH, LEARNING_RATE, SEED = 1_000, 32, 1e-2, 0
MASKED = 0.2
LOG_EVERY = 50


def masked_loader(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> DataLoader[Any]:
    """Batches of like length, masked anew every time that they are drawn."""
    rows = Dataset.from_dict({"id": range(len(texts)), "text": texts})
    loader = data.make_loader(data.tokenize(rows, tokenizer), tokenizer, BATCH, shuffle=True, seed=SEED)
    pad = loader.collate_fn
    special = torch.tensor(tokenizer.all_special_ids)

    def masked(rows: list[Any]) -> dict[str, Tensor]:
        batch = pad(rows)
        ids = batch["input_ids"]
        asked = (torch.rand(ids.shape) < MASKED) & ~torch.isin(ids, special)
        others = torch.randint(len(special), len(tokenizer), ids.shape)
        shown, labels = madx.mask_tokens(ids, asked, torch.rand(ids.shape), others, tokenizer.mask_token_id)
        return {**batch, "input_ids": shown, "labels": labels}

    loader.collate_fn = masked
    return loader


def train(corpora: Path, encoder: Path, out: Path, checkpoint: Path) -> dict[str, Any]:
    """Train the adapters of all languages, one after the other, and write them to `out`. Returns the facts for the
    card."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    out.mkdir(parents=True, exist_ok=True)
    curve, seconds, texts, last = [], 0.0, {}, {}
    for language in NEWS_LANGUAGES:
        model = madx.add_stacks(AutoModelForMaskedLM.from_pretrained(encoder, dtype=torch.float32))
        width = model.config.hidden_size
        training.set_seed(SEED)
        adapter = madx.LanguageAdapter(width, model.config.num_hidden_layers, width // 2)
        madx.train_only(madx.put_language(model, adapter), "language")
        news = list(pandas.read_csv(corpora / "unlabelled_news" / f"{language}.csv")["text"])
        history = training.fit(
            model,
            masked_loader(news, tokenizer),
            steps=STEPS,
            learning_rate=LEARNING_RATE,
            seed=SEED,
            checkpoint=checkpoint / language,
        )
        save_file(adapter.state_dict(), out / f"{language}.safetensors")
        for end in range(LOG_EVERY, STEPS + 1, LOG_EVERY):
            loss = sum(history.losses[end - LOG_EVERY : end]) / LOG_EVERY
            curve.append({"language": language, "step": end, "loss": round(loss, 4)})
        texts[language], last[language] = len(news), curve[-1]["loss"]
        seconds += history.seconds
    (out / "loss.jsonl").write_text("".join(json.dumps(row) + "\n" for row in curve), encoding="utf-8")
    return {
        "texts": ", ".join(f"{name} {count:,}" for name, count in texts.items()),
        "losses": ", ".join(f"{name} {loss:.3f}" for name, loss in last.items()),
        "parameters": f"{sum(p.numel() for p in adapter.parameters()):,}",
        "bottleneck": width // 2,
        "steps": f"{STEPS:,}",
        "batch": BATCH,
        "seed": SEED,
        "learning_rate": LEARNING_RATE,
        "masked": f"{MASKED:.0%}",
        "minutes": round(seconds / 60),
    }
