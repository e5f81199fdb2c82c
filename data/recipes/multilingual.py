"""The language adapters of notebook 09 for the published multilingual encoder: one for each language of NusaX.

The encoder comes without a head for masked words. So a head is trained first, on the text of all languages, with the
encoder frozen. Then it is frozen too, and each language gets an adapter. A tenth of each language's texts is held out,
and result rows say what each adapter makes of it. What has its file is not made again, and a training that was cut off
goes on. Everything is stored as bfloat16.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import plain_texts
import torch
from datasets import Dataset
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.modeling_outputs import MaskedLMOutput

from course_utils import data, models, results, training
from course_utils.methods import madx
from course_utils.paths import whole_file
from course_utils.runs import transfer
from course_utils.runs.transfer import ENCODER, LANGUAGES

ROLES = (ENCODER, *plain_texts.ROLES)
NAME = "09_language_adapters"
"""What the rows bear as their notebook: results.load("09_language_adapters")."""

TOKENS, BATCH, MASKED, SEED = 48, 16, 0.2, 0
BOTTLENECK = 88  # so that all files together stay below 10 MB
STEPS = {"head": 240, "adapter": 180}
RATES = {"head": 2e-3, "adapter": 2e-3}
LOG_EVERY, MEASURED_BATCHES = 20, 8


def masked_loader(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, shuffle: bool = True
) -> DataLoader[Any]:
    """Batches of pieces of at most `TOKENS` tokens, masked anew every time that they are drawn.

    `asked` (batch, tokens) is True where a token is to be predicted; `labels` has these tokens, one after the other.
    """
    cut = tokenizer(texts, truncation=True, max_length=TOKENS, return_overflowing_tokens=True)["input_ids"]
    rows = Dataset.from_dict({"id": range(len(cut)), "labels": [-100] * len(cut), "input_ids": cut})
    loader = data.make_loader(rows, tokenizer, BATCH, shuffle=shuffle, seed=SEED)
    pad = loader.collate_fn
    special = torch.tensor(tokenizer.all_special_ids)

    def masked(rows: list[Any]) -> dict[str, Tensor]:
        batch = pad(rows)
        ids = batch["input_ids"]
        asked = (torch.rand(ids.shape) < MASKED) & ~torch.isin(ids, special)
        others = torch.randint(len(tokenizer), ids.shape)
        shown, _ = madx.mask_tokens(ids, asked, torch.rand(ids.shape), others, tokenizer.mask_token_id)
        return {**batch, "input_ids": shown, "asked": asked, "labels": ids[asked]}

    loader.collate_fn = masked
    return loader


class AskedWords(nn.Module):
    """A masked language model that scores the vocabulary at the asked places alone: a fifth of the products.

    forward: input_ids, attention_mask and asked, all (batch, tokens); logits (asked places, vocabulary).
    """

    def __init__(self, words: PreTrainedModel) -> None:
        super().__init__()
        self.words = words

    def forward(self, input_ids: Tensor, attention_mask: Tensor, asked: Tensor) -> MaskedLMOutput:
        words: Any = self.words
        hidden = words.base_model(input_ids, attention_mask).last_hidden_state
        return MaskedLMOutput(logits=words.cls(hidden[asked]))


def load_words(head: Path | None = None) -> PreTrainedModel:
    """The encoder with a head for masked words: a new one, or the stored one of `head`. There is no dropout, since the
    training is short. The weights that score the vocabulary are the embeddings."""
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    words = models.load_masked_words(ENCODER, SEED, **no_dropout)
    if head is not None:
        words.load_state_dict({name: t.float() for name, t in load_file(head).items()}, strict=False)
    return words


def start_head(texts: list[str], tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """The encoder, frozen, with a new head that trains. Its bias is the logarithm of how often each token occurs."""
    words: Any = load_words()
    for name, parameter in words.named_parameters():
        parameter.requires_grad_(name.startswith("cls."))
    flat = torch.tensor([token for row in tokenizer(texts)["input_ids"] for token in row])
    counts = torch.bincount(flat, minlength=words.config.vocab_size).float() + 0.1
    with torch.no_grad():
        words.cls.predictions.bias.copy_((counts / counts.sum()).log())
    return words


def train_head(texts: list[str], tokenizer: PreTrainedTokenizerBase, work: Path) -> None:
    """Train the head and write it, unless it is there."""

    def fresh() -> tuple[nn.Module, Callable[[], dict[str, Tensor]]]:
        words = start_head(texts, tokenizer)
        return words, lambda: {name: p for name, p in words.named_parameters() if p.requires_grad}

    _train("head", "head", texts, tokenizer, work, fresh)


def train_adapter(language: str, texts: list[str], tokenizer: PreTrainedTokenizerBase, work: Path) -> None:
    """Train a language's adapter on the stored head and write it, unless it is there."""

    def fresh() -> tuple[nn.Module, Callable[[], dict[str, Tensor]]]:
        words = madx.add_stacks(load_words(work / "head.safetensors"))
        training.set_seed(SEED)
        adapter = madx.LanguageAdapter(words.config.hidden_size, words.config.num_hidden_layers, BOTTLENECK)
        madx.train_only(madx.put_language(words, adapter), "language")
        return words, adapter.state_dict

    _train(language, "adapter", texts, tokenizer, work, fresh)


def _train(
    name: str, kind: str, texts: list[str], tokenizer: PreTrainedTokenizerBase, work: Path, fresh: Callable
) -> None:
    """Train what `fresh` returns, a masked language model and what reads the state to store, and write the file whole.

    A file that was made with the same settings stays.
    """
    path = work / f"{name}.safetensors"
    settings = {
        "steps": STEPS[kind],
        "rate": RATES[kind],
        "texts": len(texts),
        "tokens": TOKENS,
        "batch": BATCH,
    }
    settings |= {"bottleneck": BOTTLENECK, "masked": MASKED, "seed": SEED}
    if facts_of(path).get("settings") == settings:
        print(f"{name}: is there", flush=True)
        return
    words, state = fresh()
    history = training.fit(
        AskedWords(words),
        masked_loader(texts, tokenizer),
        steps=STEPS[kind],
        learning_rate=RATES[kind],
        seed=SEED,
        checkpoint=work / f"checkpoint-{name}",
    )
    ends = range(LOG_EVERY, len(history.losses) + 1, LOG_EVERY)
    losses = [round(sum(history.losses[end - LOG_EVERY : end]) / LOG_EVERY, 3) for end in ends]
    facts = {"settings": settings, "losses": losses, "seconds": round(history.seconds)}
    with whole_file(path) as part:
        stored = {key: value.detach().to(torch.bfloat16).contiguous() for key, value in state().items()}
        save_file(stored, part, metadata={"facts": json.dumps(facts)})
    print(f"{name}: loss {losses[0]} to {losses[-1]} in {history.seconds:.0f} s", flush=True)


def facts_of(path: Path) -> dict[str, Any]:
    """Settings, losses and seconds of a stored part; nothing where there is no such file."""
    if not path.exists():
        return {}
    with safe_open(path, "pt") as file:
        return json.loads((file.metadata() or {}).get("facts", "{}"))


@torch.no_grad()
def loss_of(words: PreTrainedModel, loader: DataLoader[Any]) -> float:
    """The mean loss in nats of the asked words of the first batches, masked alike each time."""
    training.set_seed(SEED)
    model, total, count = AskedWords(words).eval(), 0.0, 0
    for batch, _ in zip(loader, range(MEASURED_BATCHES), strict=False):
        logits = model(batch["input_ids"], batch["attention_mask"], batch["asked"]).logits
        total += nn.functional.cross_entropy(logits, batch["labels"], reduction="sum").item()
        count += len(batch["labels"])
    return total / count


def measured(held: dict[str, list[str]], tokenizer: PreTrainedTokenizerBase, work: Path) -> Iterator[Any]:
    """A row for each adapter, and for none, in the held-out text of each language; made anew where there is one."""
    words: Any = madx.add_stacks(load_words(work / "head.safetensors"))
    adapters = {name: transfer.read_language(work / f"{name}.safetensors") for name in LANGUAGES}
    for name, adapter in {"none": None, **adapters}.items():
        madx.put_language(words, adapter)
        for language in LANGUAGES:
            training.set_seed(SEED)
            facts = facts_of(work / f"{'head' if adapter is None else name}.safetensors")
            yield results.record(
                NAME,
                "E21",
                name,
                model=ENCODER,
                data=f"held-out text, {language}",
                seed=SEED,
                trainable_parameters=sum(p.numel() for p in (adapter or words.cls).parameters()),
                metric="loss",
                value=loss_of(words, masked_loader(held[language], tokenizer)),
                seconds=facts["seconds"],
                steps=facts["settings"]["steps"],
            )


def train(work: Path) -> dict[str, Any]:
    """Train the head and the adapters that have no file in `work`, measure them, and return the facts for the card."""
    tokenizer = models.load_tokenizer(ENCODER)
    parts = {language: plain_texts.split(plain_texts.texts_of(language)) for language in LANGUAGES}
    train_head([text for learn, _ in parts.values() for text in learn], tokenizer, work)
    for language, (learn, _) in parts.items():
        train_adapter(language, learn, tokenizer, work)
    rows = list(measured({language: held for language, (_, held) in parts.items()}, tokenizer, work))
    loss = {(row["method"], row["data"].split(", ")[1]): row["value"] for row in rows}
    facts = {name: facts_of(work / f"{name}.safetensors") for name in ("head", *LANGUAGES)}
    lines = [
        {"part": name, "step": LOG_EVERY * number, "loss": value}
        for name, one in facts.items()
        for number, value in enumerate(one["losses"], start=1)
    ]
    with whole_file(work / "loss.jsonl") as part:
        part.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return {
        "texts": ", ".join(f"{name} {len(learn):,}" for name, (learn, _) in parts.items()),
        "losses": ", ".join(f"{g} {loss['none', g]:.2f} to {loss[g, g]:.2f}" for g in LANGUAGES),
        "bottleneck": BOTTLENECK,
        "head_steps": f"{STEPS['head']:,}",
        "steps": f"{STEPS['adapter']:,}",
        "batch": BATCH,
        "tokens": TOKENS,
        "seed": SEED,
        "learning_rate": RATES["adapter"],
        "masked": f"{MASKED:.0%}",
        "minutes": round(sum(one["seconds"] for one in facts.values()) / 60),
    }
