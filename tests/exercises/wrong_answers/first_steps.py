"""Answers to the exercises of notebook 00 as a reader might write them.

WRONG: for each exercise, what gets advice from `checks/first_steps`, since none of its mistakes fits: replacements in
the reference, and a piece of the advice. RIGHT: other ways to be right.
"""

import numpy as np
import torch
import torch.nn.functional as F


def accuracy_by_loop(predicted, labels):
    right = 0
    for guess, label in zip(predicted.tolist(), labels.tolist(), strict=True):
        right += guess == label
    return right / len(labels)


def accuracy_as_tensor(predicted, labels):
    return (predicted == labels).sum() / len(labels)


def accuracy_in_numpys_float32(predicted, labels):
    return (predicted == labels).float().numpy().mean()


def accuracy_from_errors(predicted, labels):
    return 1 - len((predicted - labels).nonzero()) / predicted.numel()


def mean_row_by_row(vectors, attention_mask):
    rows = [row[mask == 1].mean(dim=0) for row, mask in zip(vectors, attention_mask, strict=True)]
    return torch.stack(rows)


def mean_by_product(vectors, attention_mask):
    weights = attention_mask.to(vectors.dtype) / attention_mask.sum(dim=1, keepdim=True)
    return torch.einsum("bl,bls->bs", weights.to(vectors.dtype), vectors)


def mean_of_filled(vectors, attention_mask):
    return vectors.masked_fill(attention_mask[..., None] == 0, 0).sum(-2) / attention_mask.sum(-1, True)


def slope_in_two_halves(function, x, step):
    right = (function(x + step) - function(x)) / step
    left = (function(x) - function(x - step)) / step
    return (left + right) / 2


def slope_without_gradient(function, x, step):
    with torch.no_grad():
        return (function(x + step) - function(x - step)) / (2 * step)


def slope_by_numpy(function, x, step):
    right, left = function(x.detach() + step), function(x.detach() - step)
    return torch.tensor((right.numpy() - left.numpy()) / (2 * step))


def slope_per_width(function, x, step):
    width = (x + step) - (x - step)
    return torch.sub(function(x + step), function(x - step)) / width


def entropy_by_gather(logits, labels):
    return -logits.log_softmax(-1).gather(1, labels[:, None]).mean()


def entropy_by_logsumexp(logits, labels):
    right = (logits * F.one_hot(labels, logits.shape[-1])).sum(dim=-1)
    return (torch.logsumexp(logits, dim=-1) - right).mean()


def entropy_row_by_row(logits, labels):
    rows = [F.cross_entropy(row, label) for row, label in zip(logits, labels, strict=True)]
    return sum(rows) / len(rows)


def train_zeroing_afterwards(model, loader, loss_of, optimizer, schedule, epochs):
    losses, epoch = [], 0
    model.train(True)
    while epoch < epochs:
        loader.batch_sampler.set_epoch(epoch)
        for batch in iter(loader):
            loss = loss_of(model, batch)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(model.parameters()), max_norm=1)
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
            schedule.step()
            losses += [float(loss.detach())]
        epoch += 1
    model.train(False)
    return losses


def train_clipping_by_hand(model, loader, loss_of, optimizer, schedule, epochs):
    def step(batch):
        model.train().zero_grad()
        loss = loss_of(model, batch)
        loss.backward()
        gradients = [p.grad for p in model.parameters()]
        norm = torch.stack([gradient.norm() for gradient in gradients]).norm().item()
        for gradient in gradients:
            gradient.mul_(min(1.0, 1 / norm))
        optimizer.step()
        schedule.step()
        return loss.detach().tolist()

    def epoch(number):
        loader.batch_sampler.set_epoch(number)
        return [step(batch) for batch in loader]

    losses = [loss for number in range(epochs) for loss in epoch(number)]
    model.eval()
    return losses


def train_by_a_generator(model, loader, loss_of, optimizer, schedule, epochs):
    def batches():
        for epoch in range(epochs):
            loader.batch_sampler.set_epoch(epoch)
            yield from loader

    losses = []
    for batch in batches():
        model.train()
        losses.append(loss_of(model, batch))
        optimizer.zero_grad()
        losses[-1].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    model.eval()
    return torch.stack(losses).tolist()


def train_with_numpys_numbers(model, loader, loss_of, optimizer, schedule, epochs):
    return list(np.array(train_by_a_generator(model, loader, loss_of, optimizer, schedule, epochs)))


MEAN = "(vectors * mask).sum(dim=1) / mask.sum(dim=1)"
SLOPE = "(function(x + step) - function(x - step)) / (2 * step)"
LOG_SOFTMAX = "F.log_softmax(logits, dim=-1)"

WRONG = {
    "first_steps.accuracy": {
        "mean of booleans": {".float()": ""},
        "of two lists": {"(predicted == labels)": "(predicted.tolist() == labels.tolist())"},
        "return one number": {"mean().item()": "mean(dim=0, keepdim=True)"},
        "in place": {"return": "labels -= predicted\n    return"},
        "Two things.": {"==": "!=", ".item()": ".item() * 100"},
    },
    "first_steps.masked_mean": {
        "the mask has two": {".unsqueeze(-1)": ""},
        "pass dtype=x.dtype": {MEAN: f"torch.zeros(len(vectors), vectors.shape[2]).copy_({MEAN})"},
        "in place": {"return (vectors * mask)": "vectors *= mask\n    return vectors"},
        "one vector for each sentence": {MEAN: "vectors[attention_mask == 1].mean()"},
        "no gradient can flow back": {MEAN: f"({MEAN}).detach()"},
        "Two things.": {" / mask.sum(dim=1)": "", "attention_mask": "(1 - attention_mask)"},
    },
    "first_steps.slope": {
        "x asks for none here": {SLOPE: "torch.autograd.grad(function(x).sum(), x)[0]"},
        "call it with a tensor": {"function(x + step)": "function + step"},
        "in place": {"return": "x += step\n    return"},
        "Two things.": {" / (2 * step)": "", "(function": "(-function", "- function": "+ function"},
    },
    "first_steps.cross_entropy": {
        "one number is asked for": {".mean()": ""},
        "no gradient can flow back": {".mean()": ".mean().detach()"},
        "F.one_hot(labels, logits.shape[-1])": {
            "log_probabilities[torch.arange(len(labels)), labels]": "(log_probabilities * F.one_hot(labels)).sum(-1)"
        },
        "hides the log of 0": {LOG_SOFTMAX: "torch.log(F.softmax(logits, dim=-1) + 1e-9)"},
        "minus infinity": {LOG_SOFTMAX: "torch.log(logits.exp() / logits.exp().sum(dim=-1, keepdim=True))"},
        "Two things.": {".mean()": ".sum()", "-log": "log"},
    },
    "first_steps.train": {
        "the methods are": {"zero_grad()": "zero_gradient()"},
        "called with the model and the batch": {"loss_of(model, batch)": "loss_of(batch)"},
        "from 0, before its batches": {"set_epoch(epoch)": "set_epoch(epoch + 1)"},
        "once for each batch": {
            "loss.backward()": "loss.backward(retain_graph=True)\n            loss.backward()"
        },
        "a second time through": {"loss.backward()": "loss.backward()\n            loss.backward()"},
        "makes one step for each batch": {
            "optimizer.step()": "optimizer.step()\n            optimizer.step()"
        },
        "list of plain numbers": {"return losses": "return tuple(losses)"},
        "end elsewhere": {"model.parameters(), 1.0": "[model.weight], 1.0"},
        "Two things.": {"model.eval()": "pass", "schedule.step()": "pass"},
    },
}

RIGHT = {
    "first_steps.accuracy": [
        accuracy_by_loop,
        accuracy_as_tensor,
        accuracy_in_numpys_float32,
        accuracy_from_errors,
    ],
    "first_steps.masked_mean": [mean_row_by_row, mean_by_product, mean_of_filled],
    "first_steps.slope": [slope_in_two_halves, slope_per_width, slope_without_gradient, slope_by_numpy],
    "first_steps.cross_entropy": [
        entropy_by_gather,
        entropy_by_logsumexp,
        entropy_row_by_row,
        F.cross_entropy,
    ],
    "first_steps.train": [
        train_zeroing_afterwards,
        train_clipping_by_hand,
        train_by_a_generator,
        train_with_numpys_numbers,
    ],
}
