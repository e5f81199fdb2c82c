"""A batch through a model: which columns it takes, in which precision, on which device, in eval mode."""

import contextlib
import functools
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from accelerate.utils import convert_to_fp32, extract_model_from_parallel
from torch import Tensor, nn

from course_utils import assets, session

Batch = dict[str, Tensor]


@functools.cache
def precision() -> str:
    """The precision of matrix products: "bf16" (and says so, once) or "no" for float32 throughout.

    bfloat16 only on the real track, and only where the hardware multiplies it itself: some devices accept it
    and emulate it, slower than float32 (a T4 is one).
    """
    if torch.cuda.is_available():
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        # torch has no public question for this in all the versions that the course admits.
        questions = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        native = any(getattr(torch.cpu, question, bool)() for question in questions)
    if not native or torch.backends.mps.is_available() or assets.track() != "real":
        return "no"
    if session.is_main_process():
        print(
            "Precision: bfloat16 for matrix products (this machine has units for it), float32 for all else."
        )
    return "bf16"


def autocast(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """A block whose matrix products run in the course's `precision()`."""
    # Not accelerate's mixed_precision: that is fixed for the whole process by whoever asks first, Trainer
    # included.
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision() == "bf16")


def input_names(model: nn.Module) -> frozenset[str]:
    """The columns of a batch that the model takes: never the labels (loss_fn has them) nor the id."""
    # The forward of a compiled or DataParallel model names no column.
    model = extract_model_from_parallel(model, keep_torch_compile=False)
    parameters = inspect.signature(model.forward).parameters
    names = set(parameters)
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
        # A wrapper such as a PeftModel hands on whatever it is given, and so does not say what it takes.
        base: Any = getattr(model, "get_base_model", lambda: None)()
        names |= set(inspect.signature(base.forward).parameters) if base else {"input_ids", "attention_mask"}
    return frozenset(names - {"labels", "id"})


def forward(model: nn.Module, names: frozenset[str], batch: Batch) -> Any:
    """The model's outputs for a batch on its device; in float32 where the products were in bfloat16 (`precision`).

    Raises ValueError for a batch without a column that the model takes.
    """
    inputs = {name: value for name, value in batch.items() if name in names}
    if not inputs:
        raise ValueError(
            f"The batch has the columns {', '.join(batch)}, and none of them is one that the model takes: "
            f"{', '.join(sorted(names))}. Rename the columns of the dataset."
        )
    if precision() == "no":
        return model(**inputs)
    with autocast(next(iter(inputs.values())).device):
        outputs = model(**inputs)
    return convert_to_fp32(outputs)


def logits_of(outputs: Any) -> Tensor:
    """The logits among a model's outputs. Raises ValueError where there are none."""
    logits = getattr(outputs, "logits", None)
    if logits is None:
        raise ValueError(
            f"The model returned {type(outputs).__name__}, which has no `logits`. The models with a head of "
            "transformers (AutoModelForSequenceClassification, say) return them; a model of your own can return "
            "types.SimpleNamespace(logits=...)."
        )
    return logits


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on `device`. What is no tensor, such as a column of texts, stays as it is.

    Raises ValueError for a batch that is no mapping.
    """
    if not isinstance(batch, Mapping):
        raise ValueError(
            f"A batch of this loader is a {type(batch).__name__}, and a dict of tensors belongs there, such as "
            '{"input_ids": ..., "attention_mask": ..., "labels": ...}: a collate_fn can make one.'
        )
    return {
        name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for name, value in batch.items()
    }


@contextlib.contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """A block in eval mode (no dropout); afterwards each part of the model is in the mode that it had."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
