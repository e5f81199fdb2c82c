"""One model trained by several processes, which `accelerate launch` starts: each takes its rows of every batch.

All of them begin with the main process's weights, average their gradients after each backward pass, and so
make the same step. This is what DistributedDataParallel does, one collective a step and without overlapping
it with the backward pass. It asks nothing of the loss: DDP wants to know before the backward pass which
parameters it will reach, and a method of this course may leave out the model's head, or part of its layers.
"""

from collections.abc import Iterable

import accelerate
import torch
from accelerate.utils import DistributedType, synchronize_rng_states
from torch import Tensor, nn

SPLIT_MODELS = {DistributedType.FSDP, DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM}


def refuse_split_models(accelerator: accelerate.Accelerator) -> None:
    """Raise ValueError for a launch that would split the model itself over the processes."""
    if accelerator.distributed_type in SPLIT_MODELS:
        raise ValueError(
            f"This was launched for {accelerator.distributed_type.value}, which splits a model over the "
            "processes. course_utils.training.fit keeps a whole copy on each. Launch it with `--multi_gpu`, or "
            "train with transformers.Trainer: docs/scaling.md shows how."
        )


def start_alike(model: nn.Module) -> None:
    """Give every process the main one's weights and buffers, whatever its own were."""
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            torch.distributed.broadcast(tensor, src=0)


def order_alike() -> None:
    """Give every process the main one's torch generator, from which a loader draws the order of its epoch.

    Dropout draws from it too, as often as a process has rows, so after a batch that cannot be split evenly
    the processes would go on with different orders.
    """
    if accelerate.PartialState().num_processes > 1:
        synchronize_rng_states(["torch"])


def own_rows(batch: dict[str, Tensor], process: int, processes: int) -> tuple[dict[str, Tensor], float]:
    """The rows of a batch that this process takes, and the weight of their mean in the mean of all rows.

    Process i of n takes rows i, i + n, i + 2n ... The weights of all n are 1 on average. A process without
    a row, in a batch of fewer than n, takes the first one with weight 0: each has to make its backward pass.
    """
    rows = len(next(iter(batch.values())))
    mine = len(range(process, rows, processes))
    take = slice(process, None, processes) if mine else slice(1)
    return {name: value[take] for name, value in batch.items()}, mine * processes / rows


def average(loss: Tensor, parameters: Iterable[nn.Parameter]) -> Tensor:
    """Replace each gradient by its mean over the processes; return the mean of the loss. One collective.

    A parameter that no process has a gradient for stays without one, so that AdamW leaves it alone. One that
    some have (an expert that only some rows were sent to) counts as zero for the others.
    """
    parameters = list(parameters)
    there = torch.tensor([float(p.grad is not None) for p in parameters], device=loss.device)
    gradients = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
    flat = torch.cat([loss.detach()[None], there, *gradients])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    mean, there, means = flat.split([1, len(parameters), flat.numel() - 1 - len(parameters)])
    pieces = means.split([p.numel() for p in parameters])
    for parameter, anyone, piece in zip(parameters, there.tolist(), pieces, strict=True):
        if anyone:
            parameter.grad = piece.view_as(parameter).to(parameter.dtype)
    return mean[0]
