"""Tokenizers and models of a role, loaded from verified local folders or made at random; counts and devices."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging as transformers_logging

from course_utils import assets


def load_tokenizer(role: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a role. A role without one of its own (the student) has its teacher's."""
    folder = assets.fetch(assets.entry(role).tokenizer or role)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def load_classifier(role: str, labels: Sequence[str], seed: int = 0) -> PreTrainedModel:
    """The role's pretrained encoder in float32 with a new classification head of `len(labels)` outputs.

    The head's weights follow from `seed`; the global random state is left as it was. Raises `AssetError`.
    """
    return _with_new_head(AutoModelForSequenceClassification, role, seed, **_label_names(labels))


def load_tagger(role: str, labels: Sequence[str], seed: int = 0) -> PreTrainedModel:
    """`load_classifier` for a label on each token, as NER needs it: logits of shape (batch, tokens, labels)."""
    return _with_new_head(AutoModelForTokenClassification, role, seed, **_label_names(labels))


def load_masked_words(role: str, seed: int = 0, **config: Any) -> PreTrainedModel:
    """The role's encoder in float32 with a head for masked words, new where its folder has none: then as
    `load_classifier`. The head scores the vocabulary by the encoder's embeddings.

    config: settings that replace those of config.json.
    """
    return _with_new_head(AutoModelForMaskedLM, role, seed, **config)


def _with_new_head(kind: Any, role: str, seed: int, **config: Any) -> PreTrainedModel:
    folder = assets.fetch(role)
    with _own_random_state(seed), _no_report_of_new_weights():
        return kind.from_pretrained(
            folder,
            dtype=torch.float32,  # transformers 5 would take the checkpoint's
            local_files_only=True,
            use_safetensors=True,
            **config,
        )


def new_classifier(
    role: str, labels: Sequence[str], tokenizer: PreTrainedTokenizerBase, seed: int = 0, **shape: int
) -> PreTrainedModel:
    """A classifier with random weights: the role's config.json, with the tokenizer's vocabulary.

    shape: settings that replace those of config.json, such as `hidden_size=96`. The weights follow from
    `seed`; the global random state is left as it was. Raises `AssetError`.
    """
    config = AutoConfig.from_pretrained(
        assets.fetch(role),
        local_files_only=True,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        **_label_names(labels),
        **shape,
    )
    return from_config(AutoModelForSequenceClassification, config, seed)


def from_config(kind: Any, config: PreTrainedConfig, seed: int) -> PreTrainedModel:
    """A model with random float32 weights that follow from `seed`; the global random state is left as it was.

    kind: one of transformers' Auto classes, such as AutoModelForCausalLM.
    """
    with _own_random_state(seed):
        return kind.from_config(config, dtype=torch.float32)


def load_language_model(role: str) -> PreTrainedModel:
    """The role's causal language model in float32 and eval mode. Raises `AssetError`."""
    model = AutoModelForCausalLM.from_pretrained(
        assets.fetch(role), dtype=torch.float32, local_files_only=True, use_safetensors=True
    )
    return model.eval()


def _label_names(labels: Sequence[str]) -> dict[str, dict]:
    """Both directions of the label names; the number of outputs follows from them. Raises ValueError for one text, no
    name, or a name that is there twice."""
    if isinstance(labels, str) or not labels or len(set(labels)) < len(labels):
        raise ValueError(
            f"labels is {labels!r}. A list of the classes' names belongs there, each once, in the order of their "
            'numbers: rows.features["label"].names has it.'
        )
    return {"id2label": dict(enumerate(labels)), "label2id": {name: i for i, name in enumerate(labels)}}


@contextmanager
def _own_random_state(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@contextmanager
def _no_report_of_new_weights() -> Iterator[None]:
    """Hide the bar and the report that the head is new, which is meant here. Other warnings still show."""
    logger = logging.getLogger("transformers.modeling_utils")
    bar = transformers_logging.is_progress_bar_enabled()

    def keep(record: logging.LogRecord) -> bool:
        return not any(text in record.getMessage() for text in ("LOAD REPORT", "tied weights mapping"))

    logger.addFilter(keep)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        logger.removeFilter(keep)
        if bar:
            transformers_logging.enable_progress_bar()


def count(model: torch.nn.Module, trainable: bool = False) -> int:
    """How many parameters a model has, or how many of them are trained. A shared tensor counts once."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trainable)


def device() -> torch.device:
    """The fastest device of this machine that torch can use: CUDA, MPS, or the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
