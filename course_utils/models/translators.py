"""Encoder-decoder models that translate: the course's own, and a published one with students cut from its layers.

The published one, MADLAD-400 (Kudugunta et al., 2023), is T5 by its architecture and translates into the language whose
tag stands before the source: "<2id> Good morning." into Indonesian. Its input and its output table differ, and its file
does not hold the first under the name that transformers gives it: some versions put the output table into the encoder,
and what comes out is no language. So both tables are put in place here.
"""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from tokenizers import AddedToken, Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from course_utils import assets
from course_utils.assets import large_models
from course_utils.data import pairs
from course_utils.models.classifiers import device as fastest_device
from course_utils.models.classifiers import from_config
from course_utils.training.forward import eval_mode

ROLE = "published_translator"
ROLES = (ROLE, "translation")
TAG = "<2id>"
ENOUGH_MEMORY = 14 * 10**9  # bytes of a GPU: the weights in half precision, and a beam of five
INPUT_TABLES = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


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
    return from_config(AutoModelForSeq2SeqLM, config, seed)


def load_beams(role: str) -> dict[int, list[str]]:
    """What the role's model says to each source of its training data, by id: its beam, best first, as it ships."""
    lines = (assets.fetch(role) / "beams.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["beams"] for row in map(json.loads, lines)}


@torch.no_grad()
def translate(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[str],
    num_beams: int = 1,
    all_beams: bool = False,
    batch_size: int = 100,
    max_source_tokens: int = pairs.MAX_TOKENS,
    max_new_tokens: int = 64,
) -> list[Any]:
    """What the model makes of each source, as plain text, in the order of the sources.

    num_beams 1 is greedy. With `all_beams` a list of the beam's `num_beams` translations each, best first.
    Beam scores are log-probabilities divided by the number of tokens (`length_penalty` 1). A longer source is cut.
    Raises ValueError for a model without an encoder: it would repeat the source before it writes.
    """
    if not model.config.is_encoder_decoder:
        raise ValueError(
            f"A {type(model).__name__} has no encoder to read the source with. Load a model with "
            "AutoModelForSeq2SeqLM, or ask this one with language_models.write."
        )
    count = num_beams if all_beams else 1
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    found: dict[int, Any] = {}
    for first in range(0, len(order), batch_size):
        places = order[first : first + batch_size]
        batch = tokenizer([sources[i] for i in places], padding=True, truncation=True,
                          max_length=max_source_tokens, return_tensors="pt").to(model.device)  # fmt: skip
        with eval_mode(model):
            tokens = model.generate(
                input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], num_beams=num_beams,
                num_return_sequences=count, max_new_tokens=max_new_tokens, do_sample=False, length_penalty=1.0,
            )  # fmt: skip
        texts = [text.strip() for text in tokenizer.batch_decode(tokens, skip_special_tokens=True)]
        for n, place in enumerate(places):
            found[place] = texts[count * n : count * (n + 1)] if all_beams else texts[n]
    return [found[i] for i in range(len(sources))]


def ready(wanted: bool) -> bool:
    """Whether this session has the translator and its sentence pairs; where not, one line says why, and what to do.

    They are fetched and listed where they are wanted, on the real track with a large enough CUDA GPU, and only there.
    """
    lacks = large_models.lacking(ENOUGH_MEMORY)
    if not lacks and not wanted:
        lacks = "nobody has asked for it; write wanted=True in this cell, and run it again with those below"
    return large_models.ready(ROLES, lacks)


def tagged(sources: Sequence[str]) -> list[str]:
    """The sources as the translator reads them: the tag of the language to translate into, then the text."""
    return [f"{TAG} {source}" for source in sources]


def load_published(role: str = ROLE) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The translator, in half precision on a GPU and in float32 elsewhere, in eval mode; and its tokenizer.

    Raises `AssetError`, and ValueError where its tokenizer does not know the tag of Indonesian.
    """
    folder, device = assets.fetch(role), fastest_device()
    dtype = torch.float32
    if device.type == "cuda":  # a T4 would emulate bfloat16
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        dtype = torch.bfloat16 if native else torch.float16
    model = AutoModelForSeq2SeqLM.from_pretrained(
        folder, dtype=dtype, local_files_only=True, use_safetensors=True
    )
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        table = next(file.get_tensor(name) for name in INPUT_TABLES if name in file.keys())  # noqa: SIM118
        _put_tables(model, table.to(dtype), file.get_tensor("lm_head.weight").to(dtype))
    return model.to(device).eval(), _tokenizer(folder, model)


def _put_tables(model: PreTrainedModel, table: Tensor, head: Tensor) -> None:
    """Give encoder and decoder one input table, and the output a table of its own: both (vocabulary, width)."""
    model.shared.weight = nn.Parameter(table)
    model.encoder.embed_tokens.weight = model.decoder.embed_tokens.weight = model.shared.weight
    model.lm_head.weight = nn.Parameter(head)


def _tokenizer(folder: Path, model: PreTrainedModel) -> PreTrainedTokenizerFast:
    """The published tokenizer.json: the tag is one token, and the end token follows each text."""
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    if backend.token_to_id(TAG) is None:
        raise ValueError(f"The tokenizer in {folder} has no token {TAG}, so this is another model.")
    backend.add_tokens([AddedToken(TAG, normalized=False)])  # whole, before anything else is cut into pieces
    pad, end = (backend.id_to_token(getattr(model.config, f"{name}_token_id")) for name in ("pad", "eos"))
    backend.post_processor = TemplateProcessing(
        single=f"$A {end}", special_tokens=[(end, model.config.eos_token_id)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token=pad, eos_token=end, clean_up_tokenization_spaces=False
    )


def cut(teacher: PreTrainedModel, layers: int) -> PreTrainedModel:
    """A student in float32 on the CPU: `layers` of the teacher's on each side, evenly spread, the first and last too.

    It keeps the teacher's two tables, and they are frozen: the few sentences that it learns from do not hold most of
    their words. Raises ValueError unless `layers` is from 2 to the number that the teacher has.
    """
    config = copy.deepcopy(teacher.config)
    if not 2 <= layers <= min(config.num_layers, config.num_decoder_layers):
        raise ValueError(f"layers must be from 2 to the teacher's {config.num_layers}, and it is {layers}.")
    steps = {
        side: (number - 1) / (layers - 1)
        for side, number in (("encoder", config.num_layers), ("decoder", config.num_decoder_layers))
    }
    config.num_layers = config.num_decoder_layers = layers
    with torch.random.fork_rng(devices=[]):  # its random weights are all replaced
        student = type(teacher)._from_config(config, dtype=torch.float32)
    _put_tables(
        student, *(part.weight.detach().float().cpu().clone() for part in (teacher.shared, teacher.lm_head))
    )
    given = teacher.state_dict()
    kept = {}
    for name in student.state_dict():
        side, *rest = name.split(".")
        if rest[0] == "block":
            rest[1] = str(round(int(rest[1]) * steps[side]))
        kept[name] = given[".".join([side, *rest])]
    student.load_state_dict(kept)
    for part in (student.shared, student.lm_head):
        part.requires_grad_(False)
    return student.eval()
