"""What a model costs to train and to use: memory, operations, counted, and time, measured in turns."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course_utils.measure import ledger
from course_utils.training.forward import Batch, eval_mode, forward, input_names, logits_of, to_device


def count_flops(model: nn.Module, batch: Mapping[str, Tensor]) -> float:
    """Floating-point operations of one forward pass, a sentence: matrix products, of which each multiplication
    and each addition counts.

    Fused kernels hide from the counter: the attention of PyTorch runs in its plain form here, and gradients
    are on, since without them whole layers are fused. The model reads what it takes of the batch, in eval mode.
    """
    names, rows = input_names(model), to_device(dict(batch), next(model.parameters()).device)
    plain = sdpa_kernel(SDPBackend.MATH)
    with eval_mode(model), FlopCounterMode(display=False) as counter, plain, torch.enable_grad():
        forward(model, names, rows)
    return counter.get_total_flops() / len(batch["input_ids"])


def latency(model: nn.Module, batch: Batch, repeats: int = 20) -> float:
    """Milliseconds that the model takes for one batch, without gradients: the median of `repeats`, after
    three to warm up."""
    names, device = input_names(model), next(model.parameters()).device
    batch = to_device(batch, device)
    times = []
    with eval_mode(model), torch.no_grad():
        for _ in range(repeats + 3):
            start = time.perf_counter()
            # Reading one number back waits until the device has finished.
            logits_of(forward(model, names, batch)).flatten()[0].item()
            times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[3:])


def take_turns(
    models: Mapping[str, nn.Module], batch: dict[str, Tensor], rounds: int = 7
) -> dict[str, float]:
    """Milliseconds that each model takes for one batch: the median of the rounds.

    In a round each model has its turn (`latency`), so that none profits from a quiet moment.
    """
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            times[name].append(latency(model, batch, repeats=5))
    return {name: statistics.median(found) for name, found in times.items()}


def costs_of(
    built: Mapping[str, nn.Module],
    batch: dict[str, Tensor],
    base: nn.Module,
    head: Sequence[str],
    loss_fn: Callable[[Any, dict[str, Tensor]], Tensor],
) -> pd.DataFrame:
    """What each model costs to train and to use. Columns: training peak (MB), one sentence (ms), modular.

    The peak is that of one AdamW step on the first 16 rows of `batch`, booked by `Ledger`; for the time the
    models take turns at its first row. Modular ("yes", "no"): no parameter that `base` has outside its `head` is
    trained, so other tasks can share it. The models are changed by the step: give fresh ones.
    loss_fn: as in `training.fit`, from outputs and batch to a scalar.
    """

    def step_loss(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        return loss_fn(model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]), batch)

    one, few = ({name: value[:count] for name, value in batch.items()} for count in (1, 16))
    times = take_turns({name: model.eval() for name, model in built.items()}, one, rounds=5)
    pretrained = {name for name, _ in base.named_parameters() if not set(name.split(".")) & set(head)}
    lines = {}
    for method, model in built.items():
        trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        rows = to_device(few, next(model.parameters()).device)
        step = ledger.second_step(
            model.train(), rows, step_loss, torch.optim.AdamW(trained.values(), lr=1e-5)
        )
        lines[method] = {
            "training peak (MB)": step.peak.sum() / 1e6,
            "one sentence (ms)": times[method],
            "modular": "no" if pretrained & set(trained) else "yes",
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("method")
