"""The bundled tokenizer and encoder: WordPiece, and a small BERT trained to fill in masked words.

Everything is learned from the unlabelled text that ships. The run writes checkpoints, goes on where it was cut off,
and logs its loss.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas
import torch
import torch.nn.functional as F
from datasets import Dataset
from grammar import LANGUAGES
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import BertConfig, BertForMaskedLM, BertTokenizerFast
from transformers.modeling_outputs import MaskedLMOutput

from course_utils import data, training
from course_utils.training.history import History

READ = ("unlabelled_long", "unlabelled_news")  # never `unlabelled`: students are distilled on those
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = 4096
STEPS, BATCH, LEARNING_RATE, MASKED, SEED = 28_000, 32, 1e-3, 0.2, 0
ENCODER = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512}
STUDENT = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
# BERT's 0.02 suits a width of 768. At a width of 64 it starts the attention so flat that hundreds of steps are lost.
STUDENT_INITIALIZER_RANGE = 0.1
LOG_EVERY = 100


def unlabelled_texts(corpora: Path) -> list[str]:
    """The texts that the encoder reads, of every language that it knows."""
    paths = [
        path
        for name in READ
        for path in sorted((corpora / name).glob("*.csv"))
        if path.stem in LANGUAGES  # a language that is added later stays unseen
    ]
    return [text for path in paths for text in pandas.read_csv(path)["text"]]


def train_tokenizer(texts: list[str]) -> BertTokenizerFast:
    """A lower-casing WordPiece vocabulary over all three languages."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=128)


class MaskedOnly(BertForMaskedLM):
    """BERT's masked language model that scores the vocabulary at the masked places only.

    The other places teach nothing, and scoring them would cost as much as the encoder itself.
    """

    def forward(self, input_ids: Tensor, attention_mask: Tensor, targets: Tensor) -> MaskedLMOutput:  # type: ignore[override]
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return MaskedLMOutput(logits=self.cls(hidden[targets != data.NO_LABEL]))


def masked_loss(outputs: MaskedLMOutput, batch: dict[str, Tensor]) -> Tensor:
    """Cross-entropy of the tokens that were asked for: logits (asked, vocabulary)."""
    return F.cross_entropy(outputs.logits, batch["targets"][batch["targets"] != data.NO_LABEL])


def mask_tokens(batch: dict[str, Tensor], mask_id: int, vocabulary: int) -> dict[str, Tensor]:
    """Of every fifth token ask what it was; show [MASK] for 80 % of those, a random token for 10 % (Devlin et al.
    2019, section 3.1)."""
    ids = batch["input_ids"]
    asked = (torch.rand(ids.shape) < MASKED) & (ids >= len(SPECIAL))
    draw = torch.rand(ids.shape)
    shown = torch.where(asked & (draw < 0.8), mask_id, ids)
    random_ids = torch.randint(len(SPECIAL), vocabulary, ids.shape)
    shown = torch.where(asked & (draw >= 0.9), random_ids, shown)
    return {**batch, "input_ids": shown, "targets": torch.where(asked, ids, data.NO_LABEL)}


def masked_loader(texts: list[str], tokenizer: BertTokenizerFast) -> DataLoader[Any]:
    """Batches of like length, masked anew every time that they are drawn."""
    rows = Dataset.from_dict({"id": range(len(texts)), "text": texts})
    loader = data.make_loader(data.tokenize(rows, tokenizer), tokenizer, BATCH, shuffle=True, seed=SEED)
    pad = loader.collate_fn
    loader.collate_fn = lambda rows: mask_tokens(pad(rows), tokenizer.mask_token_id, len(tokenizer))
    return loader


def config(shape: dict[str, int], tokenizer: BertTokenizerFast, **more: float) -> BertConfig:
    """A BERT of this shape for this tokenizer, without dropout."""
    return BertConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        max_position_embeddings=128,
        hidden_dropout_prob=0.0,  # the runs are short: dropout costs accuracy here
        attention_probs_dropout_prob=0.0,
        **shape,
        **more,
    )


def losses(history: History) -> Iterator[tuple[int, float]]:
    """The mean loss of every `LOG_EVERY` steps."""
    for end in range(LOG_EVERY, len(history.losses) + 1, LOG_EVERY):
        yield end, sum(history.losses[end - LOG_EVERY : end]) / LOG_EVERY


def pretrain(corpora: Path, out: Path, checkpoint: Path) -> dict[str, Any]:
    """Train tokenizer and encoder into `out`. Returns the facts for the card."""
    texts = unlabelled_texts(corpora)
    tokenizer = train_tokenizer(texts)
    training.set_seed(SEED)
    model = MaskedOnly(config(ENCODER, tokenizer))
    loader = masked_loader(texts, tokenizer)
    history = training.fit(
        model,
        loader,
        steps=STEPS,
        learning_rate=LEARNING_RATE,
        loss_fn=masked_loss,
        warmup=0.03,
        seed=SEED,
        checkpoint=checkpoint,
    )
    # The body alone, with the masked-word head: later notebooks continue the pretraining from here.
    plain = BertForMaskedLM(model.config)
    plain.load_state_dict(model.state_dict())
    plain.save_pretrained(out)
    tokenizer.save_pretrained(out)
    curve = list(losses(history))
    (out / "loss.jsonl").write_text(
        "".join(json.dumps({"step": step, "loss": round(loss, 4)}) + "\n" for step, loss in curve),
        encoding="utf-8",
    )
    return {
        "texts": f"{len(texts):,}",
        "vocabulary": f"{len(tokenizer):,}",
        "parameters": f"{sum(p.numel() for p in model.bert.parameters()):,}",
        "layers": ENCODER["num_hidden_layers"],
        "hidden": ENCODER["hidden_size"],
        "steps": f"{STEPS:,}",
        "batch": BATCH,
        "seed": SEED,
        "learning_rate": LEARNING_RATE,
        "masked": f"{MASKED:.0%}",
        "last_loss": round(curve[-1][1], 3),
        "minutes": round(history.seconds / 60),
    }


def write_student(encoder: Path, out: Path) -> None:
    """The student's shape: a config.json, with the vocabulary of the encoder beside it."""
    tokenizer = BertTokenizerFast.from_pretrained(encoder)
    config(STUDENT, tokenizer, initializer_range=STUDENT_INITIALIZER_RANGE).save_pretrained(out)
