"""What a killed training run needs to go on as if nothing had happened.

Exact means exact: weights, optimizer, learning rate, random numbers and the place within the epoch all come
back, so a resumed run ends with the weights of a run that was never interrupted.
`training.fit(checkpoint=folder)` uses this.
"""

import copy
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import accelerate
import torch
from torch import Tensor

from course_utils.paths import can_be_written, whole_file
from course_utils.training.batches import Batches, random_state, restore_random_state
from course_utils.training.history import History
from course_utils.training.identity import checksums, differences, other_loss, other_start, unequal

SAVE_SECONDS = 20.0


class Checkpoint:
    """One file in `folder` that holds an unfinished run, rewritten about every 20 seconds and deleted at the
    end.

    `run` is the run's `identity`. A run goes on from the file only if its identity is the same, and if its
    next step has the batch and the loss that this step had before. Of several processes only the main one
    writes. Raises ValueError if `folder` is a file, or cannot be written.
    """

    def __init__(
        self,
        folder: str | Path,
        run: dict[str, Any],
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        scheduler: torch.optim.lr_scheduler.LRScheduler,
    ) -> None:
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ValueError(
                f"checkpoint={str(folder)!r} is a file. Give fit a folder: it makes one where there is none."
            )
        if not can_be_written(self.folder.absolute()):
            raise ValueError(f"The folder {folder} cannot be written. Give fit one that you may write to.")
        self.path = self.folder / "unfinished_run.pt"
        self.run = run
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler
        self.is_main = accelerate.PartialState().is_main_process
        self._saved_at = time.monotonic()
        self._taken: dict[str, Any] | None = None
        self._expected: dict[str, Any] | None = None
        self._replaced: dict[str, Tensor] = {}

    def due(self) -> bool:
        """Whether the last save is `SAVE_SECONDS` ago."""
        return time.monotonic() - self._saved_at >= SAVE_SECONDS

    def before_step(self, batches: Batches, read_progress: Callable[[], History]) -> None:
        """Take down the state before this step, if a save is due. `after_loss` writes it."""
        if not self.is_main or self.scheduler.last_epoch == 0 or not self.due():
            return
        parameters = dict(self.model.named_parameters())
        self._taken = {
            "run": self.run,
            # Until it is written, the forward pass may change buffers, but no parameter.
            "model": {n: v if n in parameters else v.clone() for n, v in self._changing().items()},
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "random": random_state(),
            "batches": batches.state(),
            "progress": copy.deepcopy(vars(read_progress())),
        }

    def after_loss(self, batch: dict[str, Tensor], loss: Tensor) -> None:
        """Compare the first step of a resumed run with what it was before; write what `before_step` took.

        Raises ValueError if the step differs. The model then has the weights again with which it came.
        """
        if not self.is_main or (self._taken is None and self._expected is None):
            return
        tensors = {name: value for name, value in batch.items() if isinstance(value, Tensor)}
        seen = {"batch": checksums(tensors), "loss": loss.item(), "device": loss.device.type}
        if self._expected is not None:
            self._compare(self._expected, seen)
            self._expected, self._replaced = None, {}
        if self._taken is not None:
            self._write({**self._taken, "seen": seen})
            self._taken, self._saved_at = None, time.monotonic()

    def resume(self, batches: Batches) -> dict[str, Any] | None:
        """Put everything back and return the saved progress, or None where there is no file.

        Raises ValueError if another run left the file, or if it is damaged. Warns if the weights that train
        had other values before the first step: the file's replace them.
        """
        if not self.path.exists():
            return None
        state = self._read()
        if found := differences(state["run"], self.run):
            self._refuse(found)
        if self.is_main and (names := other_start(state["run"], self.run)):
            warnings.warn(
                f"The run in {self.folder} started from other weights than those of this model ({names}). Its "
                "own replace them, and it goes on. If you meant another model, delete that folder first.",
                stacklevel=3,
            )
        self._replaced = {name: value.clone() for name, value in self._changing().items()}
        self.model.load_state_dict(state["model"], strict=False)
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        batches.restore(state["batches"])
        restore_random_state(state["random"])
        self._expected = {**state["seen"], "loss_fn": state["run"]["loss_fn"]}
        return state["progress"]

    def finish(self) -> None:
        """Delete the file: the run has ended, and the same call starts a new one."""
        if self.is_main:
            self.path.unlink(missing_ok=True)

    def _changing(self) -> dict[str, Tensor]:
        """What training may change: the model's state without the frozen parameters."""
        frozen = {name for name, parameter in self.model.named_parameters() if not parameter.requires_grad}
        return {name: value for name, value in self.model.state_dict().items() if name not in frozen}

    def _write(self, state: dict[str, Any]) -> None:
        try:
            with whole_file(self.path) as part:
                torch.save(state, part)
        except (OSError, RuntimeError) as error:  # torch tells of a full disk in words that do not name it
            why = getattr(error, "strerror", "most likely the disk is full") or error
            raise OSError(
                f"The run cannot be saved in {self.folder} ({why}), so it stopped. Make room there and make the same "
                "call again: it goes on from the last save, or starts afresh where there is none."
            ) from error

    def _read(self) -> dict[str, Any]:
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            why = "" if "seen" in state else "an older version of the course wrote it"
        except (OSError, EOFError, RuntimeError, UnpicklingError):
            why = "the file is damaged"
        if why:  # torch's own message would advise to run whatever code the file holds
            raise ValueError(
                f"{self.path} cannot be read, so the run cannot go on from it: {why}. Delete it to start afresh."
            )
        return state

    def _compare(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        """Raise ValueError if the step is not what it was; warn where that cannot be told."""
        step = self.scheduler.last_epoch + 1
        if before["batch"] != now["batch"]:
            found = [f"step {step} gets a batch of other rows"]
        elif before["device"] != now["device"]:
            warnings.warn(
                f"The run in {self.folder} was saved on {before['device']} and goes on on {now['device']}, which "
                "draws other random numbers. It ends with other weights than it would have without the break, "
                "and whether loss_fn is still the same was not checked.",
                stacklevel=4,
            )
            return
        elif other_loss(before["loss"], now["loss"]):
            values = unequal(before["loss_fn"], self.run["loss_fn"]) or ["something that loss_fn uses"]
            losses = f"{before['loss']:.6g} there, {now['loss']:.6g} here"
            found = [f"the loss of step {step}: {losses}, so loss_fn is another; look at {', '.join(values)}"]
        else:
            return
        self.model.load_state_dict(self._replaced, strict=False)
        self._refuse(found)

    def _refuse(self, found: list[str]) -> None:
        raise ValueError(
            f"The folder {self.folder} holds an unfinished run that is not this one ({'; '.join(found)}). "
            "Give this run a folder of its own, or delete that folder to start afresh."
        )
