"""Exercise on the training loop, with a model of two weights whose every step can be followed."""

import copy
from collections.abc import Iterator

import torch
from torch import Generator, Tensor, nn

from course_utils.checks.edits import edits
from course_utils.checks.first_steps.tensors import random_numbers
from course_utils.checks.tasks import RESULT, Arguments, Exercise, Function, Observations
from course_utils.methods import first_steps

TOLD = "the epochs that the loader was told"
MODES = "mode of the model while it trained"
GRADIENTS = "how often gradients were computed"
STEPS = "how often the optimizer stepped"
RATE = "learning rate at the end"
WEIGHTS = "the weights at the end"
LOSSES = "the losses"
MODE_AFTER = "mode of the model afterwards"


class TinyModel(nn.Module):
    """Two weights and a bias. Its outputs are halved in train mode: a dropout with no chance in it."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(weight.new_zeros(()))
        self.modes: set[str] = set()

    def forward(self, x: Tensor) -> Tensor:
        """(rows, 2) -> (rows,)."""
        self.modes.add("train" if self.training else "eval")
        return (x @ self.weight + self.bias) * (0.5 if self.training else 1.0)


class TinySampler:
    """What is told the number of each epoch. A loader itself has no `set_epoch`, as a DataLoader has none."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def set_epoch(self, epoch: int) -> None:
        """Before an epoch: its number."""
        self.told.append(epoch)


class TinyLoader:
    """Stands in for a loader whose batch_sampler shuffles by the epoch."""

    def __init__(self, batches: list[dict[str, Tensor]]) -> None:
        self.batches, self.batch_sampler = batches, TinySampler()

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        told = self.batch_sampler.told
        first = told[-1] % len(self.batches) if told else 0
        return (copy.deepcopy(batch) for batch in self.batches[first:] + self.batches[:first])


class Halving:
    """A schedule that halves the learning rate at every step."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def step(self) -> None:
        """After a step of the optimizer."""
        for group in self.optimizer.param_groups:
            group["lr"] *= 0.5


def squared_error(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    """The mean over the rows."""
    return (model(batch["x"]) - batch["y"]).square().mean()


def _cases(generator: Generator) -> list[Arguments]:
    found = []
    # In the first, one step tells most. Of the others, the second begins in train mode and the last has long gradients.
    for batches, epochs, train, scale in ((1, 1, False, 1.0), (3, 2, True, 0.3), (2, 3, False, 8.0)):
        rows = [
            {"x": random_numbers(generator, 4, 2) * scale, "y": random_numbers(generator, 4)}
            for _ in range(batches)
        ]
        found.append(
            {
                "model": TinyModel(random_numbers(generator, 2)).train(train),
                "loader": TinyLoader(rows),
                "loss_of": squared_error,
                "optimizer": "SGD with a learning rate of 0.5",
                "schedule": "the rate is halved at every step",
                "epochs": epochs,
            }
        )
    return found


def _observe(function: Function, arguments: Arguments) -> Observations:
    model = TinyModel(arguments["model"].weight.detach()).train(arguments["model"].training)
    loader = TinyLoader(arguments["loader"].batches)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    computed: list[Tensor] = []
    model.weight.register_hook(computed.append)
    steps: list[object] = []
    optimizer.register_step_post_hook(lambda *_: steps.append(None))
    losses = function(model, loader, arguments["loss_of"], optimizer, Halving(optimizer), arguments["epochs"])
    is_list = type(losses) is list and all(isinstance(loss, float) for loss in losses)
    return {
        TOLD: loader.batch_sampler.told,
        MODES: " and ".join(sorted(model.modes)),
        GRADIENTS: len(computed),
        STEPS: len(steps),
        # In float32: who clips by hand leaves out the 1e-6 that clip_grad_norm_ adds to the norm.
        WEIGHTS: torch.cat([model.weight.detach(), model.bias.detach()[None]]).float(),
        RATE: optimizer.param_groups[0]["lr"],
        RESULT: "a list of numbers" if is_list else losses,
        LOSSES: torch.tensor([float(loss) for loss in losses]) if is_list else None,
        MODE_AFTER: "train" if model.training else "eval",
    }


APPEND = "losses.append(loss.item())"
TELL = "        loader.batch_sampler.set_epoch(epoch)\n"
CLIP = "nn.utils.clip_grad_norm_(model.parameters(), 1.0)"
TRAIN = Exercise(
    reference=first_steps.train,
    cases=_cases,
    observe=_observe,
    mistakes=edits(
        first_steps.train,
        {"optimizer.zero_grad()": "pass"},
        "the gradients pile up: backward() adds to those of the batches before. Call optimizer.zero_grad() "
        "for each batch.",
        {
            "optimizer.zero_grad()": "pass",
            "set_epoch(epoch)": "set_epoch(epoch)\n        optimizer.zero_grad()",
        },
        "the gradients are set to zero once an epoch, so those of its batches pile up. It belongs into the "
        "inner loop: once for each batch.",
        {"optimizer.zero_grad()": "pass", CLIP: f"optimizer.zero_grad()\n            {CLIP}"},
        "the gradients are deleted between backward() and the step, so the weights never move. Call zero_grad() "
        "before backward(), or after the step.",
        {"loss.backward()": "pass"},
        "no gradient is computed: loss.backward() is missing.",
        {"optimizer.step()": "pass"},
        "the weights never move: optimizer.step() is missing. backward() computes gradients and changes nothing.",
        {"schedule.step()": "pass"},
        "the learning rate stays as it was: schedule.step() is missing, once for each batch.",
        {"schedule.step()": "pass", "    model.eval()": "        schedule.step()\n    model.eval()"},
        "the schedule makes one step an epoch. Here it counts batches: call it in the inner loop.",
        {"optimizer.step()": "pass", "schedule.step()": "schedule.step()\n            optimizer.step()"},
        "the schedule comes before the optimizer, so the first rate is never used. First the step, then the schedule.",
        {CLIP: "pass"},
        "the gradients are not clipped, or only after the step, and a long one throws the weights far away. "
        "Clip between backward() and step().",
        {"1.0)": "0.1)"},
        "the gradients are clipped to another norm. Here it is 1.",
        {CLIP: "nn.utils.clip_grad_value_(model.parameters(), 1.0)"},
        "each entry is clipped by itself, so the step points elsewhere. Shorten all gradients together: "
        "clip_grad_norm_.",
        {CLIP: "[nn.utils.clip_grad_norm_(p, 1.0) for p in model.parameters()]"},
        "each parameter is clipped by itself. The norm is that of all gradients together: pass model.parameters() "
        "once.",
        {APPEND: "losses.append(loss_of(model, batch).item())"},
        "that is the loss after the step, computed once more. Keep the one that the step was made from.",
        {TELL: "", f"{APPEND}\n": f"{APPEND}\n{TELL}"},
        "the loader is told the number of an epoch after its batches. It shuffles by it, so tell it before.",
        {"model.train()": "pass"},
        "a model that comes in eval mode trains without dropout. Call model.train() before the first batch.",
        {"model.train()": "model.eval()"},
        "the model trains in eval mode, without dropout. Call model.train() first.",
        {"model.eval()": "pass"},
        "the model is left in train mode. Call model.eval() after the last batch.",
        {"loader.batch_sampler.set_epoch(epoch)": "pass"},
        "every epoch has the same order of batches. Before each, call loader.batch_sampler.set_epoch(epoch).",
        {"range(epochs)": "range(1)"},
        "that is one time through the batches, however many epochs are asked for. Is `return` inside the loop?",
        {"set_epoch(epoch)": "set_epoch(epoch)\n        losses = []"},
        "only the losses of the last epoch come back. Begin the list once, before the first epoch.",
        {"loss.item()": "loss"},
        "the list holds tensors, and each keeps the graph of its step in memory. Take the number: loss.item().",
        {APPEND: "losses = loss.item()"},
        "only the last loss comes back. Append the loss of every batch to a list.",
        {f"{APPEND}\n": "pass\n", "    model.eval()": f"        {APPEND}\n    model.eval()"},
        "there should be one loss for each batch, not one for each epoch.",
    ),
    advice={
        TOLD: "the loader is told the number of each epoch once, from 0, before its batches.",
        MODES: "the model is in train mode at every step. Call model.train() before the first, and model.eval() "
        "after the last.",
        GRADIENTS: "backward() is called once for each batch.",
        STEPS: "the optimizer makes one step for each batch.",
        WEIGHTS: "the weights end elsewhere. For each batch, in this order: zero the gradients, loss, backward, clip, "
        "one step of the optimizer, one of the schedule.",
        LOSSES: "the list has one loss for each batch of each epoch, in order: that which the step was made from.",
        RATE: "the schedule makes one step for each batch.",
        "type": "return a list of plain numbers, one for each step.",
        "AttributeError": "the methods are optimizer.zero_grad(), loss.backward(), optimizer.step(), schedule.step(), "
        "and loader.batch_sampler.set_epoch(epoch).",
        "TypeError": "loss_of is called with the model and the batch: loss_of(model, batch). What is clipped are the "
        "model's parameters: clip_grad_norm_(model.parameters(), 1.0).",
        "RuntimeError": "if it speaks of a second time through the graph: compute the loss anew for each batch. If of "
        "a tensor that does not require grad: the loss needs its graph, so no torch.no_grad() around it.",
    },
)
