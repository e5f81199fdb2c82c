"""A reader's own model: a role of the course, a folder, or a name on the Hub, ready for a task or refused in one
sentence."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from course_utils import assets
from course_utils.assets import AssetError
from course_utils.models.classifiers import _label_names, _no_report_of_new_weights, _own_random_state

TASKS: dict[str, Any] = {
    "labels": AutoModelForSequenceClassification,
    "tags": AutoModelForTokenClassification,
    "answers": AutoModelForCausalLM,
}
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
UNKNOWN_LENGTH = 1_000_000  # transformers' sign for a tokenizer without a limit is 1e30


def load_own(
    source: str | Path, task: str = "labels", labels: Sequence[str] = (), seed: int = 0
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, list[str]]:
    """A model in float32, its tokenizer, and the names of the parts that are new (its head).

    source: a role of the course ("encoder"), a folder with config.json and safetensors, or a name on the Hub
    ("organisation/model"; not on the bundled track). task: "labels" for a text or a pair of texts, "tags" for words,
    "answers" for text to be written, which needs no `labels` and no head. The head's weights follow from `seed`. A
    tokenizer without a pad token gets its end token.

    Raises `AssetError`, in one sentence, where there is no such model, where its files are no safetensors or need code
    of their own, where its architecture has no such task, and where it does not fit into the memory that is free.
    """
    if task not in TASKS:
        raise AssetError(f"There is no task {task!r}. Choose one of {', '.join(TASKS)}.")
    place, local = _place(source)
    names = _label_names(labels) if labels else {}
    how = {"local_files_only": local, "trust_remote_code": False, **names}
    try:
        config = AutoConfig.from_pretrained(place, **how)
        _refuse_large(TASKS[task], config, source)
        tokenizer = AutoTokenizer.from_pretrained(
            _tokenizer_place(source, place), local_files_only=local, trust_remote_code=False
        )
        with _own_random_state(seed), _no_report_of_new_weights():
            model, found = TASKS[task].from_pretrained(
                place,
                dtype=torch.float32,
                use_safetensors=True,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **how,
            )
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        if "trust_remote_code" in str(error):
            reason = "it brings code of its own, and this course runs no code that comes with a model."
        raise AssetError(f"{_named(source)} cannot be loaded for {task}: {reason}") from None
    _refuse_other_weights(model, found, source)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        raise AssetError(
            f"The tokenizer of {_named(source)} has {len(tokenizer)} tokens and the model reads "
            f"{model.get_input_embeddings().num_embeddings}. They belong to different models."
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # A decoder with a classification head reads its last token that is no padding, by this number.
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer, [] if task == "answers" else _head(model, found["missing_keys"])


def longest_text(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """How many tokens the model reads at most, special ones included: the smaller limit of its own and its
    tokenizer's."""
    limits = [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)]
    return min([limit for limit in limits if limit and limit < UNKNOWN_LENGTH], default=UNKNOWN_LENGTH)


def _named(source: str | Path) -> str:
    return f"{Path(source).name!r}"


def _place(source: str | Path) -> tuple[str, bool]:
    """What from_pretrained takes, and whether it lies on this machine."""
    if str(source) in assets.roles(assets.track()):
        return str(assets.fetch(str(source))), True
    folder = Path(source).expanduser()
    if (folder / "config.json").is_file():
        return str(folder), True
    if (folder / "adapter_config.json").is_file():
        raise AssetError(f"The folder {folder} holds an adapter. Name the model that it belongs to.")
    if folder.exists():
        there = (
            ", ".join(sorted(path.name for path in folder.iterdir())[:10]) if folder.is_dir() else "a file"
        )
        raise AssetError(f"{folder} is no model: there is no config.json in it, but {there or 'nothing'}.")
    if HUB_NAME.fullmatch(str(source)) and assets.track() == "real":
        return str(source), False
    if HUB_NAME.fullmatch(str(source)):
        raise AssetError(
            f"There is no folder {source}, and the bundled track fetches nothing from the Hub. For that, set "
            "COURSE_TRACK=real and restart the kernel."
        )
    near = difflib.get_close_matches(str(source), assets.roles(assets.track()), n=1)
    hint = f" Did you mean the role {near[0]!r}?" if near else ""
    raise AssetError(
        f"There is no model {str(source)!r}: it is neither a role of this course, nor a folder, nor a name on the Hub "
        f"(organisation/model).{hint}"
    )


def _tokenizer_place(source: str | Path, place: str) -> str:
    role = str(source)
    if role in assets.roles(assets.track()) and assets.entry(role).tokenizer:
        return str(assets.fetch(str(assets.entry(role).tokenizer)))
    return place


def _refuse_large(kind: Any, config: Any, source: str | Path) -> None:
    """Count the parameters without making them, and compare with the memory that is free."""
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in kind.from_config(config).parameters())
    free = psutil.virtual_memory().available
    if 4 * count > free:
        raise AssetError(
            f"{_named(source)} has {count / 1e9:.1f} billion parameters: {4 * count / 1e9:.1f} GB in float32, "
            f"and {free / 1e9:.1f} GB are free. Take a smaller model, or a machine with more memory."
        )


def _refuse_other_weights(model: PreTrainedModel, found: dict[str, Any], source: str | Path) -> None:
    """Raise `AssetError` where the pretrained body would stay random: transformers only reports it."""
    body = {name for name, _ in model.named_parameters() if name.startswith(f"{model.base_model_prefix}.")}
    other = body & {key if isinstance(key, str) else key[0] for key in found["mismatched_keys"]}
    lost = body & set(found["missing_keys"])
    if other or 2 * len(lost) > len(body):
        name = min(other or lost)
        what = "has another shape than config.json says" if other else "and most other weights are missing"
        raise AssetError(
            f"{_named(source)} holds the weights of another model: {name} {what}, and would be random. Save the model "
            "again with save_pretrained, which writes both."
        )


def _head(model: PreTrainedModel, missing: Sequence[str]) -> list[str]:
    """The parts outside the pretrained body, and those inside it that were never trained: their weights were not in
    the folder, or it is a pooler whose bias is exactly 0."""
    body = model.base_model_prefix
    own = [name for name, part in model.named_children() if name != body and list(part.parameters())]
    new = [name.removeprefix(f"{body}.").split(".")[0] for name in missing]
    poolers = [
        path.split(".")[-1]
        for path, part in model.named_modules()
        if path.endswith("pooler") and _untrained(part)
    ]
    return list(dict.fromkeys([*own, *new, *poolers]))


def _untrained(part: nn.Module) -> bool:
    return any(not p.any() for name, p in part.named_parameters() if name.endswith("bias"))
