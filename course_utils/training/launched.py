"""One model trained by the processes that `accelerate launch` started: what `fit` adds to accelerate's own.

accelerate averages the gradients (DistributedDataParallel) or splits the model as well (FSDP2). `fit` adds
how a batch is shared: accelerate's own loaders leave out rows that cannot be shared evenly.
"""

import warnings
from collections.abc import Callable, Sequence

import accelerate
from accelerate.utils import DistributedDataParallelKwargs, DistributedType
from torch import Tensor, nn
from torch.optim import Optimizer

from course_utils.training.forward import Batch

ALONE, FSDP = DistributedType.NO, DistributedType.FSDP
REFUSED = {DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM, DistributedType.XLA}


class Objective(nn.Module):
    """The loss of a model for a batch, as a module that holds the model.

    DDP looks through what its module returns for the parameters that will get a gradient. Here that is the
    loss itself, so it finds those that the loss leaves out: a head, or an expert to which no row was sent.
    """

    def __init__(self, model: nn.Module, loss_of: Callable[[Batch], Tensor]) -> None:
        super().__init__()
        self.model, self.loss_of = model, loss_of

    def forward(self, batch: Batch) -> Tensor:
        """The loss of this batch, as `loss_of` returns it."""
        return self.loss_of(batch)


def new_accelerator(checkpoints: bool) -> accelerate.Accelerator:
    """accelerate's view of this launch. Raises ValueError for one under which `fit` cannot train, or cannot
    write the `checkpoints` that it is asked for."""
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    accelerator = accelerate.Accelerator(kwargs_handlers=[unused])
    refuse(accelerator, checkpoints)
    return accelerator


def refuse(accelerator: accelerate.Accelerator, checkpoints: bool) -> None:
    """Raise ValueError for a launch under which `fit` cannot train, or cannot write checkpoints."""
    kind, accumulated = accelerator.distributed_type, accelerator.gradient_accumulation_steps
    if kind in REFUSED:
        raise ValueError(
            f"This was launched for {kind.value}. course_utils.training.fit trains with DDP or FSDP: launch it "
            "with `--multi_gpu` or with `--use_fsdp --fsdp_version 2`, or train with transformers.Trainer. "
            "docs/scaling.md shows how."
        )
    if kind == FSDP and not accelerator.is_fsdp2:
        raise ValueError(
            "This was launched for the first version of FSDP, in which trained and frozen weights cannot share "
            "a layer. Add `--fsdp_version 2` to the command, or `fsdp_version: 2` to its configuration file."
        )
    if kind == FSDP and checkpoints:
        raise ValueError(
            "With FSDP no process has the whole model, so course_utils.training.fit cannot write a checkpoint. "
            "Leave `checkpoint` out, and save the model at the end: docs/scaling.md shows how."
        )
    if accumulated != 1:
        raise ValueError(
            f"This was launched with {accumulated} gradient accumulation steps, and course_utils.training.fit "
            "makes a step for every batch. Launch it with 1, and choose the batch size in the loader."
        )


def place(accelerator: accelerate.Accelerator, model: nn.Module) -> None:
    """Put the model in training mode on this process's device. FSDP puts each slice where it belongs by itself."""
    if accelerator.distributed_type != FSDP:
        model.to(accelerator.device)
    model.train()


def prepare(
    accelerator: accelerate.Accelerator, objective: Objective, optimizer: Optimizer
) -> tuple[nn.Module, Optimizer]:
    """Let accelerate prepare the model and its optimizer for this launch; alone, both stay what they are.

    With DDP every process then has the main one's weights. With FSDP the model is split in place: its
    parameters become DTensors.
    """
    if accelerator.distributed_type == ALONE:
        return objective, optimizer
    if accelerator.distributed_type == FSDP:
        _, optimizer = accelerator.prepare(objective.model, optimizer)
        return objective, optimizer
    # torch says so, once, where it looked for unused parameters and found none.
    warnings.filterwarnings("ignore", message="find_unused_parameters=True was specified")
    return accelerator.prepare(objective, optimizer)


def own_rows(accelerator: accelerate.Accelerator, batch: Batch) -> tuple[Batch, float]:
    """The rows of a batch that this process takes, and the weight of their mean in the mean of all rows.

    Process i of n takes rows i, i + n, i + 2n ... The weights of all n are 1 on average. A process without
    a row, in a batch of fewer than n, takes the first one with weight 0: each has to make its backward pass.
    `logits_to_keep` lists positions, not rows: each process takes all of it.
    """
    process, processes = accelerator.process_index, accelerator.num_processes
    if processes == 1:
        return batch, 1.0
    rows = len(next(iter(batch.values())))
    mine = len(range(process, rows, processes))
    take = slice(process, None, processes) if mine else slice(1)
    own = {name: value if name == "logits_to_keep" else value[take] for name, value in batch.items()}
    return own, mine * processes / rows


def backward(
    accelerator: accelerate.Accelerator,
    loss: Tensor,
    weight: float,
    parameters: Sequence[nn.Parameter],
    max_grad_norm: float,
) -> Tensor:
    """The clipped gradients of all processes' mean loss, left in the parameters. Returns that mean."""
    if accelerator.distributed_type == ALONE:
        loss.backward()
        clip(parameters, max_grad_norm)
        return loss
    loss = loss * weight
    accelerator.backward(loss)
    accelerator.clip_grad_norm_(parameters, max_grad_norm)
    return accelerator.reduce(loss.detach(), reduction="mean")


def clip(parameters: Sequence[nn.Parameter], max_norm: float) -> None:
    """`nn.utils.clip_grad_norm_`, which on a CPU does not write gradients that are short enough already."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients, foreach=True)
    # It would multiply them by 1. On a GPU, reading the norm would wait for the device.
    if norm.device.type != "cpu" or not max_norm / (norm + 1e-6) >= 1:
        nn.utils.clip_grads_with_norm_(parameters, max_norm, norm, foreach=True)
