"""What a killed training run needs to go on as if nothing had happened.

Exact means exact: weights, optimizer, learning rate, random numbers and the place within the epoch all come
back, so a resumed run ends with the weights of a run that was never interrupted.
`training.fit(checkpoint=folder)` uses this.
"""

import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from course_utils.paths import whole_file
from course_utils.training import processes

SAVE_SECONDS = 20.0


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
    batch.
    """

    def __init__(self, loader: "DataLoader[Any]") -> None:
        self.loader = loader
        self.epoch = 0
        self.taken = 0
        self._start_epoch()

    def _start_epoch(self) -> None:
        set_epoch = getattr(self.loader.batch_sampler, "set_epoch", None)
        if set_epoch is not None:
            set_epoch(self.epoch)
        processes.order_alike()
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


class Checkpoint:
    """One file in `folder` that holds an unfinished run, rewritten about every 20 seconds and deleted at the
    end.

    `identity` says which run it is: plain values that must be equal for the run to go on from this file.
    """

    def __init__(
        self,
        folder: str | Path,
        identity: dict[str, Any],
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        self.path = Path(folder) / "unfinished_run.pt"
        self.identity = identity
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self._saved_at = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self._saved_at >= SAVE_SECONDS

    def save(self, batches: Batches, progress: dict[str, Any]) -> None:
        """Write the run's state: to a file beside the old one first, so that a kill never leaves half a
        file."""
        frozen = {name for name, parameter in self.model.named_parameters() if not parameter.requires_grad}
        state = {
            "identity": self.identity,
            "model": {name: value for name, value in self.model.state_dict().items() if name not in frozen},
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "random": random_state(),
            "batches": batches.state(),
            "progress": progress,
        }
        with whole_file(self.path) as part:
            torch.save(state, part)
        self._saved_at = time.monotonic()

    def resume(self, batches: Batches) -> dict[str, Any] | None:
        """Put everything back and return the saved progress, or None where there is no file.

        Raises ValueError if the file was left by another run.
        """
        if not self.path.exists():
            return None
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        self._refuse_another_run(state["identity"])
        self.model.load_state_dict(state["model"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        batches.restore(state["batches"])
        restore_random_state(state["random"])
        return state["progress"]

    def _refuse_another_run(self, saved: dict[str, Any]) -> None:
        names = [name for name in {**saved, **self.identity} if saved.get(name) != self.identity.get(name)]
        if not names:
            return
        differences = "; ".join(
            "the trainable parameters have other names or shapes"
            if name == "trainable"
            else f"{name}: {saved.get(name)} there, {self.identity.get(name)} here"
            for name in names
        )
        raise ValueError(
            f"The folder {self.path.parent} holds an unfinished run that is not this one ({differences}). "
            "Give this run a folder of its own, or delete that folder to start afresh."
        )

    def finish(self) -> None:
        """Delete the file: the run has ended, and the same call starts a new one."""
        self.path.unlink(missing_ok=True)
