"""A small encoder, its language adapters and sentences, in the place of the published ones of notebook 09's section."""

from pathlib import Path

import pytest
import small_language_model as small
import small_world
import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertConfig, BertModel

from course_utils import assets, data, models
from course_utils.methods import madx
from course_utils.runs import transfer

WIDTH, LAYERS = 16, 2


def write_encoder(folder: Path) -> None:
    """As the published one: no pooler, and no head for masked words."""
    tokenizer = small_world.tokenizer()
    tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    tokenizer.add_tokens(["so", "bad", "okay", "good"])  # the words of the reviews
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, num_hidden_layers=LAYERS, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=128, initializer_range=0.3,
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def write_adapters(folder: Path) -> None:
    """One for each language, stored as those that ship."""
    folder.mkdir(parents=True)
    for seed, language in enumerate(transfer.LANGUAGES):
        torch.manual_seed(seed)
        state = madx.LanguageAdapter(WIDTH, LAYERS, 4).state_dict()
        stored = {name: (30 * tensor).to(torch.bfloat16) for name, tensor in state.items()}
        save_file(stored, folder / f"{language}.safetensors")


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """Let the section and its table find the small ones on the real track, and write below `folder`.

    Few steps, two seeds, and two learning rates a method. Returns the folder of the adapters.
    """
    small.stand_in(monkeypatch, folder, "09_madx", id="org/small")
    encoder, adapters = folder / "encoder", folder / "adapters"
    write_encoder(encoder)
    write_adapters(adapters)
    folders = {transfer.ENCODER: encoder, transfer.ADAPTERS: adapters}
    monkeypatch.setattr(assets, "fetch", folders.__getitem__)
    monkeypatch.setattr(models, "load_tokenizer", lambda role: AutoTokenizer.from_pretrained(encoder))
    monkeypatch.setattr(data, "load", lambda role, language: small.reviews())
    monkeypatch.setattr(transfer, "STEPS", 6)
    monkeypatch.setattr(transfer, "SEEDS", range(2))
    monkeypatch.setattr(transfer, "RATES", dict.fromkeys(transfer.RATES, (1e-9, 1e-2)))
    return adapters
