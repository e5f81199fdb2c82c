"""First steps: the pieces of a sentence classifier, each in a line or two, and the loop that trains it.

Sources: the documentation of PyTorch (`torch.nn.functional.cross_entropy`); for the central difference, Press et al.,
"Numerical Recipes" (3rd edition, 2007), section 5.7; for the mean over the tokens that are not padding, Reimers and
Gurevych (2019), "Sentence-BERT", section 3; for the clipping, Pascanu, Mikolov and Bengio (2013), section 3.2.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.methods.validation import Given, checked


def _one_label_a_prediction(given: Given) -> None:
    predicted, labels = given["predicted"], given["labels"]
    if predicted.shape != labels.shape or not labels.numel():
        raise ValueError(
            f"predicted has the shape {tuple(predicted.shape)} and labels has the shape {tuple(labels.shape)}. There "
            "must be one label for each prediction, and at least one. Of logits, (rows, classes), take argmax(dim=-1)."
        )


@checked(_one_label_a_prediction)
def accuracy(predicted: Tensor, labels: Tensor) -> float:
    """The share of entries in which `predicted` equals `labels`, from 0 to 1.

    predicted, labels: (rows,), whole numbers: the class that was guessed, and the right one. Raises ValueError where
    the shapes differ.
    """
    return (predicted == labels).float().mean().item()


def masked_mean(vectors: Tensor, attention_mask: Tensor) -> Tensor:
    """The mean of each sentence's vectors, over its real tokens only.

    vectors: (batch, length, size); attention_mask: (batch, length), 1 for a token and 0 for padding; each
    sentence has at least one token. Returns (batch, size), in the dtype of the vectors.
    """
    mask = attention_mask.unsqueeze(-1).to(vectors.dtype)  # (batch, length, 1)
    return (vectors * mask).sum(dim=1) / mask.sum(dim=1)


def slope(function: Callable[[Tensor], Tensor], x: Tensor, step: float) -> Tensor:
    """How steeply `function` rises at `x`, from its values one step to the right and one to the left.

    x: a tensor of any shape; function: gives a tensor of the same shape, entry by entry; step: above 0.
    The error shrinks with the square of the step (central difference).
    """
    return (function(x + step) - function(x - step)) / (2 * step)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Minus the log-probability of the right class, averaged over the batch.

    logits: (batch, classes); labels: (batch,), whole numbers from 0 to classes - 1. Returns a scalar.
    """
    log_probabilities = F.log_softmax(logits, dim=-1)
    return -log_probabilities[torch.arange(len(labels)), labels].mean()


def train(
    model: nn.Module,
    loader: Any,
    loss_of: Callable[[nn.Module, dict[str, Tensor]], Tensor],
    optimizer: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    epochs: int,
) -> list[float]:
    """The training loop: `epochs` times through the loader, with one step of the optimizer for each batch.

    loader: a DataLoader whose batch_sampler is told the number of each epoch, so that it shuffles anew. loss_of: from
    the model and a batch to a scalar. Gradients are clipped to a norm of 1 in all; after each step the schedule sets
    the next learning rate. The model trains in train mode, and is left in eval mode. Returns the loss of every step.
    """
    losses = []
    model.train()
    for epoch in range(epochs):
        loader.batch_sampler.set_epoch(epoch)
        for batch in loader:
            optimizer.zero_grad()
            loss = loss_of(model, batch)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
    model.eval()
    return losses
