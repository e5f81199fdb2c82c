"""Batches without end, and the random numbers that their order depends on: both can be saved and found again."""

import random
from typing import Any

import accelerate
import numpy as np
import torch
from accelerate.utils import synchronize_rng_states
from torch import Tensor
from torch.utils.data import DataLoader


def random_state() -> dict[str, Any]:
    """The state of every generator that a training step may draw from, as plain values and tensors."""
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)  # type: ignore[misc]
    return {
        "python": random.getstate(),
        # A plain list: torch reads back only tensors and plain values from a checkpoint (weights_only=True).
        "numpy": (str(name), [int(key) for key in keys], int(position), int(has_gauss), float(cached)),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Put back what `random_state` returned."""
    name, keys, position, has_gauss, cached = state["numpy"]
    random.setstate(state["python"])
    np.random.set_state((name, np.array(keys, dtype=np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
    if state["mps"] is not None and torch.backends.mps.is_available():
        torch.mps.set_rng_state(state["mps"])


class Batches:
    """Batches without end: the loader's epochs, one after the other, from a place that can be saved and found
    again.

    A loader whose batch_sampler has `set_epoch` is told the epoch. Raises ValueError if the loader yields no
    batch, or is no DataLoader.
    """

    def __init__(self, loader: "DataLoader[Any]") -> None:
        if not isinstance(loader, DataLoader):
            raise ValueError(
                f"train_loader is a {type(loader).__name__}, and a torch DataLoader belongs there: data.make_loader "
                "returns one. For batches that are made already: DataLoader(batches, batch_size=None, shuffle=True)."
            )
        self.loader = loader
        self.epoch = 0
        self.taken = 0
        self._start_epoch()

    def _start_epoch(self) -> None:
        set_epoch = getattr(self.loader.batch_sampler, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(self.epoch)
        # The processes of one launch must draw one order, and dropout may have drawn from their generators
        # unlike often.
        if accelerate.PartialState().num_processes > 1:
            synchronize_rng_states(["torch"])
        generator = self.loader.generator
        # The loader draws the epoch's order from these, so they are what leads back to the same order.
        self._order = (random_state(), None if generator is None else generator.get_state())
        self._iterator = iter(self.loader)

    def __next__(self) -> dict[str, Tensor]:
        batch = next(self._iterator, None)
        if batch is None and self.taken:
            self.epoch, self.taken = self.epoch + 1, 0
            self._start_epoch()
            batch = next(self._iterator, None)
        if batch is None:
            raise ValueError(
                "The training loader gave no batch: the dataset behind it is empty, or smaller than a batch "
                "with drop_last=True. Look at len(train_loader.dataset)."
            )
        self.taken += 1
        return batch

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "taken": self.taken, "order": self._order}

    def restore(self, state: dict[str, Any]) -> None:
        """Go to the place that `state` names. Leaves the random generators at the start of that epoch."""
        self.epoch, self.taken = state["epoch"], state["taken"]
        drawn_from, generator_state = state["order"]
        restore_random_state(drawn_from)
        if generator_state is not None and self.loader.generator is not None:
            self.loader.generator.set_state(generator_state)
        self._start_epoch()
        for _ in range(self.taken):
            next(self._iterator)
