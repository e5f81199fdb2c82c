"""What a model costs to use: operations, counted, and time, measured in turns."""

import statistics
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from course_utils import training


def count_flops(model: nn.Module, batch: Mapping[str, Tensor]) -> float:
    """Floating-point operations of one forward pass, a sentence: matrix products, of which each multiplication
    and each addition counts.

    Fused kernels hide from the counter: the attention of PyTorch runs in its plain form here, and gradients
    are on, since without them whole layers are fused. The model must be in eval mode.
    """
    device = next(model.parameters()).device
    names = ("input_ids", "attention_mask")
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
        model(**{name: batch[name].to(device) for name in names})
    return counter.get_total_flops() / len(batch["input_ids"])


def take_turns(
    models: Mapping[str, nn.Module], batch: dict[str, Tensor], rounds: int = 7
) -> dict[str, float]:
    """Milliseconds that each model takes for one batch: the median of the rounds.

    In a round each model has its turn (`training.latency`), so that none profits from a quiet moment.
    """
    times: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            times[name].append(training.latency(model, batch, repeats=5))
    return {name: statistics.median(found) for name, found in times.items()}
