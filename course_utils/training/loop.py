"""The one training loop of the course, on accelerate: the same call on a CPU, a CUDA GPU and an Apple GPU.

`fit` trains, `evaluate` scores. What is learned is decided by `loss_fn`, which each method
brings.
"""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import accelerate
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import get_linear_schedule_with_warmup

from course_utils.training import launched
from course_utils.training.batches import Batches
from course_utils.training.checkpoints import Checkpoint
from course_utils.training.forward import Batch, eval_mode, forward, input_names, logits_of, to_device
from course_utils.training.history import History, Watch
from course_utils.training.identity import identity
from course_utils.training.metrics import load_metric

LossFunction = Callable[[Any, Batch], Tensor]


def set_seed(seed: int) -> None:
    """Seed the random numbers of Python, NumPy and torch (all devices). Raises ValueError for a seed that NumPy does
    not take."""
    if not 0 <= seed < 2**32:
        raise ValueError(f"The seed is {seed}. It must be a whole number from 0 to {2**32 - 1}.")
    accelerate.utils.set_seed(seed)


def gold_loss(outputs: Any, batch: Batch) -> Tensor:
    """Cross-entropy with the labels. logits (..., classes), labels (...); a label of -100 does not count.

    Raises ValueError for one class, and on a CPU for labels that are no classes (a GPU stops with its own message).
    """
    logits, labels = logits_of(outputs), batch["labels"]
    if logits.shape[-1] == 1:  # its cross-entropy is 0, whatever the label
        check_labels(labels, 1)
    try:
        return F.cross_entropy(logits.flatten(0, -2).float(), labels.flatten(), ignore_index=-100)
    except (IndexError, RuntimeError):
        check_labels(labels, logits.shape[-1])
        raise


def score_loss(outputs: Any, batch: Batch) -> Tensor:
    """Mean squared error with scores. logits (batch, 1), labels (batch,) or (batch, 1), real numbers.

    Raises ValueError for a model of several outputs.
    """
    scores = _scores(logits_of(outputs)).float()
    return F.mse_loss(
        scores, batch["labels"].float().view_as(scores)
    )  # (batch, 1) would be compared row by row


def _scores(logits: Tensor) -> Tensor:
    """(batch, 1) -> (batch,). Raises ValueError where there are several outputs."""
    if logits.shape[-1] != 1:
        raise ValueError(
            f"The model has {logits.shape[-1]} outputs, and a score is one number: load it with one label."
        )
    return logits.squeeze(-1)


def check_labels(labels: Tensor, classes: int) -> None:
    """Raises ValueError for labels that no model of so many classes can be right about. -100 is no label."""
    if classes == 1:
        raise ValueError(
            "The model has one output, so there are no classes to tell apart. Load it with num_labels set to the "
            "number of classes (2 for yes and no)."
        )
    if labels.is_floating_point():
        raise ValueError(f"The labels are {labels.dtype} numbers. Classes are whole numbers: labels.long().")
    wrong = labels[(labels != -100) & ((labels < 0) | (labels >= classes))]
    if wrong.numel():
        raise ValueError(
            f"A label is {int(wrong[0])}, and the model's {classes} classes are numbered from 0 to {classes - 1}. "
            "Number the labels from 0, drop rows whose label is withheld (-1), or load the model with more classes."
        )


def fit(
    model: nn.Module,
    train_loader: "DataLoader[Any]",
    eval_loader: "DataLoader[Any] | None" = None,
    *,
    steps: int,
    learning_rate: float,
    loss_fn: LossFunction = gold_loss,
    seed: int = 0,
    eval_every: int | None = None,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    max_grad_norm: float = 1.0,
    metric: str = "accuracy",
    checkpoint: str | Path | None = None,
    progress: bool = True,
) -> History:
    """Train those parameters of `model` that require gradients for `steps` batches. Leaves it in eval mode.

    AdamW (Loshchilov and Hutter, 2019) with a learning rate that rises over the first `warmup` share of the
    steps and then falls to zero, gradients clipped to a norm of `max_grad_norm`. `loss_fn(outputs, batch)`
    returns a scalar; the model is called without labels. With an `eval_loader` the metric is measured every
    `eval_every` steps and at the end.

    With `checkpoint` (a folder) a run that was killed goes on from there when the same call is made again,
    and ends with the weights of an uninterrupted run. A checkpoint of another run is refused
    (course_utils/training/identity.py says what is compared). Raises ValueError for a run that cannot start
    and a loss that is not a number. Warns where weights in half precision are trained.

    Under `accelerate launch` each of the n processes takes every n-th row of every batch; all make the same
    steps and return the same losses and metrics, those of one process. Only the first shows a bar and saves.
    With FSDP, `model` is split in place, and there are no checkpoints. See docs/scaling.md.
    """
    trainable = _trainable(model)
    _check_settings(trainable, steps, warmup, max_grad_norm, metric)
    set_seed(seed)
    accelerator = launched.new_accelerator(checkpoint is not None)
    launched.place(accelerator, model)
    optimizer: torch.optim.Optimizer = _adamw(trainable.values(), learning_rate, weight_decay)
    optimizer.zero_grad()  # what a backward pass before this call left would be added to the first gradient
    scheduler = get_linear_schedule_with_warmup(optimizer, int(warmup * steps), steps)
    batches = Batches(train_loader)
    history = History(trainable_parameters=sum(p.numel() for p in trainable.values()))
    saved: Checkpoint | None = None
    if checkpoint is not None:
        run = identity(
            model,
            train_loader,
            loss_fn,
            steps=steps,
            learning_rate=learning_rate,
            seed=seed,
            warmup=warmup,
            weight_decay=weight_decay,
            max_grad_norm=max_grad_norm,
            eval_every=eval_every,
            metric=metric,
        )
        saved = Checkpoint(checkpoint, run, model, optimizer, scheduler)
        history = History(**(saved.resume(batches) or vars(history)))

    names = input_names(model)
    objective = launched.Objective(model, lambda batch: loss_fn(forward(model, names, batch), batch))
    loss_of, optimizer = launched.prepare(accelerator, objective, optimizer)
    parameters = list(_trainable(model).values())
    with Watch(history, steps, learning_rate, metric, progress and accelerator.is_main_process) as watch:
        for step in range(len(history.losses) + 1, steps + 1):
            if saved is not None:
                saved.before_step(batches, watch.read)
            batch, weight = launched.own_rows(accelerator, next(batches))
            batch = to_device(batch, accelerator.device)
            loss = loss_of(batch)
            watch.before_backward(loss)
            if saved is not None:
                saved.after_loss(batch, loss)
            loss = launched.backward(accelerator, loss, weight, parameters, max_grad_norm)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            watch.after_step(loss)
            if eval_loader is not None and (step == steps or (eval_every and step % eval_every == 0)):
                with watch.evaluation(step) as note:
                    note(evaluate(model, eval_loader, metric))
    model.eval()
    if saved is not None:
        saved.finish()
    return history


def evaluate(model: nn.Module, loader: "DataLoader[Any]", metric: str = "accuracy") -> float:
    """The metric of the model's most likely classes over the loader's labelled rows, in eval mode and without
    gradients.

    "accuracy", "macro_f1", "f1" and "matthews" compare class ids, also of each token; "seqeval" compares whole
    entities, with the tag names in `model.config.id2label`; "spearman" compares scores with the model's one output.
    Labels of -100 do not count. The model goes back to the mode it was in. Raises ValueError if there is not one
    label, for labels that are none of the model's classes, and for outputs that are NaN: the largest of these would
    be a class like any other.
    """
    measure = load_metric(metric)
    names, device = input_names(model), next(model.parameters()).device
    config: Any = getattr(model, "config", None)
    id2label = config.id2label if metric == "seqeval" else None
    predictions: list[Any] = []
    references: list[Any] = []
    with eval_mode(model), torch.no_grad():
        for batch in loader:
            batch = to_device(batch, device)
            labels = batch["labels"].cpu()
            logits = logits_of(forward(model, names, batch)).cpu()
            _check_numbers(logits, labels)
            if metric == "spearman":
                predictions += _counted(_scores(logits), labels, None)
                references += _counted(labels, labels, None)
                continue
            check_labels(labels, logits.shape[-1])
            classes = logits.argmax(-1)
            predictions += _counted(classes, labels, id2label)
            references += _counted(labels, labels, id2label)
    if not references:
        raise ValueError(
            "There is no labelled row to evaluate on: this loader is empty, or every label is -100."
        )
    return float(measure.compute(predictions=predictions, references=references)[metric])


def _check_numbers(logits: Tensor, labels: Tensor) -> None:
    """Raises ValueError where the logits of a row, or of a token, whose label counts are NaN, or its label is."""
    if labels.isnan().any():
        raise ValueError("A label is NaN, so no score can be compared with it. Fill it in, or drop the row.")
    if logits.isnan().any(dim=-1)[labels != -100].any():
        raise ValueError(
            "The model's outputs are no numbers (NaN), so they say nothing of any class. Its weights hold NaN (was the "
            "learning rate too high?), or half precision overflowed (then load it with dtype=torch.float32)."
        )


def _counted(classes: Tensor, labels: Tensor, id2label: dict[int, str] | None) -> list[Any]:
    """The class ids whose label counts, in one list; with `id2label`, a list of tag names for each row."""
    if id2label is None:
        return classes[labels != -100].tolist()
    rows = zip(classes, labels, strict=True)
    return [[id2label[i] for i in row[row_labels != -100].tolist()] for row, row_labels in rows]


def _trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    trainable = {name: p for name, p in model.named_parameters() if p.requires_grad}
    if not trainable:
        raise ValueError(
            "No parameter of this model is trainable: each has requires_grad=False, so there is nothing to "
            "learn. Unfreeze some of them, or load the model afresh."
        )
    return trainable


def _check_settings(
    trainable: dict[str, nn.Parameter], steps: int, warmup: float, max_grad_norm: float, metric: str
) -> None:
    """Raises ValueError for a run that would fail, and warns of one that would learn little."""
    if steps < 1:
        raise ValueError(f"steps must be 1 or more, and it is {steps}.")
    if not 0 <= warmup <= 1:
        raise ValueError(
            f"warmup is {warmup:g}, and it is a share of the steps, from 0 to 1. The learning rate would not come "
            "near the one that was asked for. For a number of steps, divide it by `steps`."
        )
    if not max_grad_norm > 0:
        raise ValueError(
            f"max_grad_norm is {max_grad_norm:g}, and gradients clipped to that length teach the model nothing, or the "
            'opposite. To leave them as they are, give float("inf").'
        )
    load_metric(metric)  # refuses an unknown one now, not after the last step
    # bfloat16 tells a weight from another only where they differ by a 256th: most of AdamW's steps are smaller.
    if half := [name for name, p in trainable.items() if p.dtype in (torch.bfloat16, torch.float16)]:
        warnings.warn(
            f"{len(half)} of the parameters that train are in half precision ({half[0]}, for one). Small steps are "
            "rounded away there, and the model learns less than its learning rate says. Load it with "
            "dtype=torch.float32; what is frozen may stay in half precision.",
            stacklevel=3,
        )


def _adamw(
    parameters: Iterable[nn.Parameter], learning_rate: float, weight_decay: float
) -> torch.optim.AdamW:
    """AdamW that pulls only matrices towards zero: biases and LayerNorm weights are vectors, and are left
    alone."""
    matrices: list[nn.Parameter] = []
    vectors: list[nn.Parameter] = []
    for parameter in parameters:
        (matrices if parameter.ndim > 1 else vectors).append(parameter)
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, fused=True)
