"""A published translator, T5 by its architecture, and students that are cut from its layers.

MADLAD-400 (Kudugunta et al., 2023) translates into the language whose tag stands before the source: "<2id> Good
morning." into Indonesian. Its input and its output table differ, and its file does not hold the first under the name
that transformers gives it: some versions put the output table into the encoder, and what comes out is no language. So
both tables are put in place here.
"""

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open
from tokenizers import AddedToken, Tokenizer
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn
from transformers import AutoModelForSeq2SeqLM, PreTrainedModel, PreTrainedTokenizerFast

from course_utils import assets, later, models

ROLE = "published_translator"
ROLES = (ROLE, "translation")
TAG = "<2id>"
ENOUGH_MEMORY = 14 * 10**9  # bytes of a GPU: the weights in half precision, and a beam of five
INPUT_TABLES = ("shared.weight", "encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


def ready(wanted: bool) -> bool:
    """Whether this session has the translator and its sentence pairs; where not, one line says why, and what to do.

    They are fetched and listed where they are wanted, on the real track with a large enough CUDA GPU, and only there.
    """
    lacks = later.lacking(ENOUGH_MEMORY)
    if not lacks and not wanted:
        lacks = "nobody has asked for it; write wanted=True in this cell, and run it again with those below"
    return later.ready(ROLES, lacks)


def tagged(sources: Sequence[str]) -> list[str]:
    """The sources as the translator reads them: the tag of the language to translate into, then the text."""
    return [f"{TAG} {source}" for source in sources]


def load(role: str = ROLE) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The translator, in half precision on a GPU and in float32 elsewhere, in eval mode; and its tokenizer.

    Raises `AssetError`, and ValueError where its tokenizer does not know the tag of Indonesian.
    """
    folder, device = assets.fetch(role), models.device()
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
    """The published tokenizer.json: the tag is one token, and the end token stands behind each text."""
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
