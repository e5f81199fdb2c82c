"""What memory a model will need to train, before it trains: a step on fake tensors, with shapes and no content."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import psutil
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses import FakeTensorMode
from transformers import PreTrainedModel

from course_utils.measure import ledger
from course_utils.measure.fake_models import UNMASKED, ready

Prepare = Callable[[PreTrainedModel], nn.Module]


def free_memory() -> int:
    """The bytes that are free where this computer trains: on the GPU, or else in the machine's memory."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return psutil.virtual_memory().available


def training_needs(
    model: PreTrainedModel,
    methods: Mapping[str, Prepare],
    batch_size: int,
    length: int,
    free: int | None = None,
    answer_length: int | None = None,
) -> pd.DataFrame:
    """For each method what one AdamW step of this model takes at most, and the largest batch that fits.

    methods: name -> what freezes or adds what the method freezes or adds; it gets a model of the same architecture,
    without weights. length: tokens a row. free: bytes (default: `free_memory`). answer_length: of a language model, how
    many tokens at the end of a row become logits (default: all). Columns: trained (parameters), peak (MB) at
    `batch_size`, largest batch (0 where not even one row fits). The model itself counts, and stays as it is.

    It is an estimate: memory is taken to grow by the row, and what a kernel takes inside itself is not seen. Leave a
    fifth of the memory free. Raises ValueError for a model that it cannot follow, and a length that the model cannot
    read.
    """
    _refuse(model, length)
    free = free_memory() if free is None else free
    lines = {}
    for name, prepare in methods.items():
        step = fake_training_step(model, prepare, batch_size, length, answer_length)
        trained = sum(p.numel() for p in step.model.parameters() if p.requires_grad)
        peaks = {batch_size: float(step.peak.sum())}

        def peak(rows: int, prepare: Prepare = prepare, peaks: dict[int, float] = peaks) -> float:
            if rows not in peaks:
                peaks[rows] = float(
                    fake_training_step(model, prepare, rows, length, answer_length).peak.sum()
                )
            return peaks[rows]

        fits = _largest_batch(peak, batch_size, free)
        lines[name] = {"trained": trained, "peak (MB)": peaks[batch_size] / 1e6, "largest batch": fits}
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("method")


def _refuse(model: nn.Module, length: int) -> None:
    if not isinstance(model, PreTrainedModel) or model.config.is_encoder_decoder:
        raise ValueError(
            f"The needs of a {type(model).__name__} cannot be estimated. Give an encoder or a decoder as transformers "
            "loads it; what a method adds to it belongs into `methods`."
        )
    limit = getattr(model.config, "max_position_embeddings", None)
    if limit and length > limit:
        raise ValueError(f"This model reads at most {limit} tokens, and {length} were asked for.")


def _largest_batch(peak: Callable[[int], float], rows: int, free: float) -> int:
    """The largest batch that fits, on a line through the peaks of two batches, the first ones `rows` and twice that.

    With few rows the peak lies in the optimizer's step, which takes the same for any batch: a line through it promises
    too much. So where its answer does not fit, the next line goes through this batch and its half, or, of an answer
    below both batches, through it and the smaller one.
    """
    low, high = rows, 2 * rows
    found = _on_the_line(peak, low, high, free)
    while found > high and peak(found) > free:
        low, high = found // 2, found
        found = _on_the_line(peak, low, high, free)
    # Below both batches the line goes on downwards, and the peak does not: it stays at that of the optimizer's step.
    while 0 < found < low and peak(found) > free:
        low, high = found, low
        found = _on_the_line(peak, low, high, free)
    return found


def _on_the_line(peak: Callable[[int], float], low: int, high: int, free: float) -> int:
    per_row = (peak(high) - peak(low)) / (high - low)
    return max(0, int(low + (free - peak(low)) // per_row))


def fake_training_step(
    model: PreTrainedModel,
    prepare: Prepare,
    batch_size: int,
    length: int,
    answer_length: int | None = None,
) -> ledger.Ledger:
    """The ledger of one AdamW step of a model of this architecture, on fake tensors: the second step, in float32
    products. The arguments are those of `training_needs`; the model itself stays as it is."""
    kept = {} if answer_length is None else {"logits_to_keep": answer_length}

    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        logits = model(input_ids=tokens, **kept).logits.flatten(0, -2)
        return F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))

    # Methods look into weights and move them. On the meta device they may; of a fake tensor they would ask its content.
    with torch.device("meta"):
        # A copy of the configuration: the model's own would take the attention without a mask over.
        config = copy.deepcopy(model.config)
        twin = type(model)._from_config(config, attn_implementation=UNMASKED, dtype=model.dtype).train()
        prepared = prepare(twin)
    with FakeTensorMode():
        _as_fake_tensors(prepared)
        optimizer = ready(prepared, lambda parameters: torch.optim.AdamW(parameters, lr=1e-4))
        tokens = torch.zeros(batch_size, length, dtype=torch.long)
        try:
            return ledger.second_step(prepared, tokens, loss, optimizer, steps_before=0)
        except (RuntimeError, ValueError, TypeError, AttributeError) as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]  # an error may have no text
            raise ValueError(
                f"The needs of a {type(model).__name__} cannot be estimated: without content, or on token ids alone, "
                f"its step does not run ({said}). Measure a real step "
                "of few rows instead: measure.second_step(model, batch, loss, optimizer).peak."
            ) from error


def _as_fake_tensors(model: nn.Module) -> None:
    """Put a tensor of the same shape on the CPU in the place of each on the meta device. Shared ones stay shared."""
    made: dict[int, Tensor] = {}
    for module in model.modules():
        kinds: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
        for tensors in kinds:
            for name, tensor in tensors.items():
                if tensor is not None and id(tensor) not in made:
                    new = torch.empty(tensor.shape, dtype=tensor.dtype)
                    parameter = isinstance(tensor, nn.Parameter)
                    made[id(tensor)] = nn.Parameter(new, tensor.requires_grad) if parameter else new
                if tensor is not None:
                    tensors[name] = made[id(tensor)]
