"""The folder in which peft keeps an adapter: `adapter_config.json` and `adapter_model.safetensors`, written and read.

So an adapter of this course goes wherever one of peft's goes (transformers, vLLM), and one of peft's comes here.
"""

import copy
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from course_utils.methods.finding import fits
from course_utils.methods.replacing import Model, Wrapped, wrapped
from course_utils.methods.storing import adapter_state, load, own_parameters

CONFIG, TENSORS, PREFIX = "adapter_config.json", "adapter_model.safetensors", "base_model.model."
TASKS = {
    "ForCausalLM": "CAUSAL_LM",
    "ForConditionalGeneration": "SEQ_2_SEQ_LM",
    "ForSequenceClassification": "SEQ_CLS",
    "ForTokenClassification": "TOKEN_CLS",
}


def save_peft(model: nn.Module, folder: str | Path, kind: type[Wrapped], config: dict[str, Any]) -> None:
    """Write what trains as a folder that `peft.PeftModel.from_pretrained(base, folder)` loads: complete or not at all.

    config: what the method adds to peft's configuration. Raises ValueError, and writes nothing, where something else
    than layers of this kind and whole parts (the head) trains, and FileExistsError where the folder holds other files.
    """
    layers = wrapped(model, kind)
    tensors = {name: value.contiguous() for name, value in adapter_state(model).items()}
    own = {
        f"{path}.{name}"
        for path, layer in layers.items()
        for name, _ in layer.named_parameters(recurse=False)
    }
    if not layers or not own <= set(tensors) or any(layer.merged for layer in layers.values()):
        raise ValueError(
            f"Only {kind.__name__} layers that train and are not merged can be written in peft's format: this model "
            f"has {len(layers)} of them. Inject, train, save, and merge last."
        )
    heads = _whole_parts(model, set(tensors) - own)
    if any(path.endswith(".linear") for path in layers) or len(wrapped(model)) != len(layers):
        raise ValueError(
            "This model has two methods on its layers, and peft's format holds one. Save its state instead."
        )
    task = next((task for end, task in TASKS.items() if type(model).__name__.endswith(end)), None)
    config = {
        "base_model_name_or_path": getattr(getattr(model, "config", None), "name_or_path", None) or None,
        "task_type": task if heads or task in ("CAUSAL_LM", "SEQ_2_SEQ_LM") else None,
        "inference_mode": True,
        "modules_to_save": heads or None,
        **config,
    }
    write_folder(Path(folder), dict(_to_peft(name, value, layers) for name, value in tensors.items()), config)


def _to_peft(name: str, value: Tensor, layers: Mapping[str, Any]) -> tuple[str, Tensor]:
    """peft's matrices are modules of their own, and a vector of (IA)³ is a row for an input, a column for an output."""
    if name.endswith((".lora_A", ".lora_B")):
        name = f"{name}.weight"
    if name.endswith(".ia3_l"):
        value = value[None] if layers[name.removesuffix(".ia3_l")].on_input else value[:, None]
    return PREFIX + name, value


def shortest_names(model: nn.Module, paths: Iterable[str]) -> list[str]:
    """The shortest ends of paths that fit these parts of the model and no others: targets as peft wants them."""
    paths = set(paths)
    others = [path for path, _ in model.named_modules() if path not in paths]
    found = set()
    for path in paths:
        names = path.split(".")
        ends = [".".join(names[-length:]) for length in range(1, len(names) + 1)]
        found.add(next((end for end in ends if not any(fits(end, other) for other in others)), path))
    return sorted(found)


def _whole_parts(model: nn.Module, names: set[str]) -> list[str]:
    """The parts of the model whose parameters are these, each as high up as it goes."""
    parts = {
        path: {f"{path}.{name}" for name, _ in part.named_parameters()}
        for path, part in model.named_modules()
        if path
    }
    whole = [path for path, inside in parts.items() if inside and inside <= names]
    whole = [path for path in whole if path.rpartition(".")[0] not in whole]
    if left := names - {name for path in whole for name in parts[path]}:
        raise ValueError(
            f"{min(left)} trains too, and is neither of this method nor a whole part of the model, so peft's format "
            "has no place for it. Save the state instead."
        )
    return whole


def write_folder(folder: Path, tensors: dict[str, Tensor], config: dict[str, Any]) -> None:
    """Write both files of an adapter into a new folder beside it, and rename that: a reader never sees half of it."""
    ours = {CONFIG, TENSORS, "README.md"}
    if folder.exists() and {path.name for path in folder.iterdir()} - ours:
        raise FileExistsError(
            f"{folder} holds other files than those of an adapter. Name a folder that is new."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        save_file({name: value.cpu() for name, value in tensors.items()}, fresh / TENSORS, {"format": "pt"})
        (fresh / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        fresh.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def read_peft(
    folder: str | Path, peft_type: str, known: set[str]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The configuration and the tensors of a folder that peft (or `save_peft`) wrote, under this course's names.

    known: the settings of peft that the method understands. Raises FileNotFoundError where a file is missing, and
    ValueError where the adapter is of another kind, has a setting that the method does not have, or changed the base.
    """
    folder = Path(folder)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    if config.get("peft_type") != peft_type:
        raise ValueError(f"{folder} holds an adapter of the kind {config.get('peft_type')}, not {peft_type}.")
    unknown = sorted(
        name for name, value in config.items() if name not in known | _NEUTRAL and not _off(value)
    )
    if unknown:
        raise ValueError(
            f"{folder} uses peft's setting {unknown[0]} = {config[unknown[0]]!r}, which this course does not have. "
            "Load it with peft.PeftModel.from_pretrained."
        )
    if str(config.get("init_lora_weights")).startswith(_CHANGE_THE_BASE):
        raise ValueError(
            f"{folder} was begun with init_lora_weights = {config['init_lora_weights']!r}, which takes what LoRA "
            "starts from out of the base weights. On the plain base model these tensors compute something else. Load "
            "it with peft.PeftModel.from_pretrained, or let peft write it anew with "
            "save_pretrained(..., path_initial_model_for_weight_conversion=...)."
        )
    tensors = {
        name.removeprefix(PREFIX)
        .replace(".lora_A.weight", ".lora_A")
        .replace(".lora_B.weight", ".lora_B"): value
        for name, value in load_file(folder / TENSORS).items()
    }
    return config, tensors


def saved_parts(model: nn.Module, config: Mapping[str, Any]) -> list[str]:
    """The head of an adapter that peft wrote: of its `modules_to_save`, the names of those that this model has."""
    here = {path.split(".")[-1] for path, _ in model.named_modules()}
    names = [path.split(".")[-1] for path in config.get("modules_to_save") or []]
    return [name for name in names if name in here]


def load_peft(
    model: Model,
    tensors: Mapping[str, Tensor],
    kind: type[Wrapped],
    settings_of: Callable[[str], Mapping[str, Any]],
    inject: Callable[[Model], Any],
) -> Model:
    """Put what `read_peft` gave into the model, which gets its layers by `inject` where it has none. Returns it.

    settings_of: path of a layer -> its settings. Raises ValueError, and changes nothing, where something does not fit.
    """
    paths = sorted({name.rpartition(".")[0] for name in tensors if name.endswith((".lora_A", ".ia3_l"))})
    scalars = {f"{path}.{name}": torch.tensor(v) for path in paths for name, v in settings_of(path).items()}
    if not wrapped(model, kind):
        load_peft(
            inject(_without_numbers(model)), tensors, kind, settings_of, inject
        )  # raises where it does not fit
        inject(model)
    return load(model, {**tensors, **scalars}, kind.__name__, own_parameters(model, kind))


def _without_numbers(model: Model) -> Model:
    """A copy that has the shapes of the model's parameters and takes no memory for their numbers."""
    shapes = {
        id(p): nn.Parameter(torch.empty_like(p, device="meta"), requires_grad=p.requires_grad)
        for p in model.parameters()
    }
    return copy.deepcopy(model, shapes)


# Starts of LoRA after which the base is no longer the published one. A converted adapter says True instead.
_CHANGE_THE_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")

# Settings that tell where an adapter comes from or how it started, and change nothing of what it computes.
_NEUTRAL = {
    "auto_mapping", "base_model_name_or_path", "revision", "task_type", "inference_mode", "peft_version",
    "peft_type", "init_lora_weights", "init_ia3_weights", "fan_in_fan_out", "lora_dropout", "megatron_core",
    "qalora_group_size", "runtime_config", "loftq_config", "eva_config", "corda_config", "modules_to_save",
}  # fmt: skip


def _off(value: Any) -> bool:
    return value in (None, False, 0, "none", "") or value == {} or value == []
