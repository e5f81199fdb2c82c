"""Pairs of sentences for encoder-decoder models: load, batch, translate many at once, BLEU.

A row of such a dataset has columns id, source and targets, a list of one or more correct translations.
"""

import json
from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedModel, PreTrainedTokenizerBase

from course_utils import assets
from course_utils.data import NO_LABEL, LengthBatches
from course_utils.metrics import load_metric

MAX_TOKENS = 80


def load_model(role: str) -> PreTrainedModel:
    """The role's trained encoder-decoder in float32 and eval mode. Raises `AssetError`."""
    folder = assets.fetch(role)
    model = AutoModelForSeq2SeqLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return model.eval()


def new_model(role: str, seed: int = 0) -> PreTrainedModel:
    """An encoder-decoder of the role's shape with random weights, which follow from `seed`.

    The global random state is left as it was. Raises `AssetError`.
    """
    config = AutoConfig.from_pretrained(assets.fetch(role), local_files_only=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForSeq2SeqLM.from_config(config, dtype=torch.float32)


def load_beams(role: str) -> dict[int, list[str]]:
    """What the role's model says to each source of its training data, by id: its beam, best first, as it ships."""
    lines = (assets.fetch(role) / "beams.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["beams"] for row in map(json.loads, lines)}


class Pairs(torch.utils.data.Dataset):
    """Source and target as token ids. A source with several targets shows one of them, drawn anew each time.

    The draw comes from torch's global random numbers, so it follows from the seed of `training.fit`.
    """

    def __init__(self, dataset: Dataset, tokenizer: PreTrainedTokenizerBase) -> None:
        self.ids = list(dataset["id"])
        self.sources = _encode(tokenizer, dataset["source"])
        counts = [len(targets) for targets in dataset["targets"]]
        flat = iter(_encode(tokenizer, [text for targets in dataset["targets"] for text in targets]))
        self.targets = [[next(flat) for _ in range(count)] for count in counts]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        targets = self.targets[index]
        choice = int(torch.randint(len(targets), ())) if len(targets) > 1 else 0
        return self.sources[index], targets[choice], self.ids[index]


def _encode(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[Tensor]:
    encoded = tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)
    return [torch.tensor(ids) for ids in encoded["input_ids"]]


def make_loader(
    dataset: Dataset,
    tokenizer: PreTrainedTokenizerBase,
    batch_size: int,
    *,
    start_token_id: int,
    shuffle: bool,
    seed: int = 0,
) -> DataLoader:
    """Batches of pairs: dicts of tensors, sources of like length together.

    input_ids and attention_mask have shape (batch, longest source); labels, with -100 for padding, and
    decoder_input_ids, the same one place to the right behind `start_token_id`, (batch, longest target); id
    (batch,).
    """
    pairs, pad = Pairs(dataset, tokenizer), tokenizer.pad_token_id

    def collate(batch: list[tuple[Tensor, Tensor, int]]) -> dict[str, Tensor]:
        sources, targets, ids = zip(*batch, strict=True)
        input_ids = pad_sequence(list(sources), True, pad)
        lengths = torch.tensor([len(source) for source in sources])
        labels = pad_sequence(list(targets), True, NO_LABEL)
        before = torch.cat([torch.full((len(batch), 1), start_token_id), labels[:, :-1]], dim=1)
        return {
            "input_ids": input_ids,
            "attention_mask": (torch.arange(input_ids.shape[1]) < lengths[:, None]).long(),
            "labels": labels,
            "decoder_input_ids": before.masked_fill(before == NO_LABEL, pad),
            "id": torch.tensor(ids),
        }

    sampler = LengthBatches([len(source) for source in pairs.sources], batch_size, shuffle, seed)
    return DataLoader(pairs, batch_sampler=sampler, collate_fn=collate, num_workers=0)


@torch.no_grad()
def translate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    num_beams: int = 1,
    all_beams: bool = False,
    batch_size: int = 100,
    max_source_tokens: int = MAX_TOKENS,
    max_new_tokens: int = 64,
) -> list[Any]:
    """What the model makes of each source, as plain text, in the order of the sources.

    num_beams 1 is greedy. With `all_beams` a list of the beam's `num_beams` translations each, best first.
    Beam scores are log-probabilities divided by the number of tokens (`length_penalty` 1). A longer source is cut.
    """
    model.eval()
    count = num_beams if all_beams else 1
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    found: dict[int, Any] = {}
    for first in range(0, len(order), batch_size):
        places = order[first : first + batch_size]
        batch = tokenizer([sources[i] for i in places], padding=True, truncation=True,
                          max_length=max_source_tokens, return_tensors="pt").to(model.device)  # fmt: skip
        tokens = model.generate(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], num_beams=num_beams,
            num_return_sequences=count, max_new_tokens=max_new_tokens, do_sample=False, length_penalty=1.0,
        )  # fmt: skip
        texts = [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]
        for n, place in enumerate(places):
            found[place] = texts[count * n : count * (n + 1)] if all_beams else texts[n]
    return [found[i] for i in range(len(sources))]


def bleu(translations: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """sacreBLEU of detokenised text against one or more references each, from 0 to 100."""
    metric = load_metric("sacrebleu")
    given = {"predictions": list(translations), "references": [list(texts) for texts in references]}
    return float(metric.compute(**given)["sacrebleu"])
