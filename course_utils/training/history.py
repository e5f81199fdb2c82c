"""What a training run reports: its History, and the watch that fills it while the bar moves."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil
import torch
from torch import Tensor

from course_utils.training.progressbar import REFRESH_SECONDS, progress_bar

LOOK_SECONDS = 0.02


@dataclass
class History:
    """What one run of `fit` did.

    losses: one number a step. metrics: (step, value) for each evaluation. seconds: wall-clock time of the
    training steps, evaluations left out. peak_bytes: on CUDA the most memory that torch had allocated;
    elsewhere the growth of the process's resident memory since the start of the run, read before a backward pass
    and after the step, at most fifty times a second.
    """

    losses: list[float] = field(default_factory=list)
    metrics: list[tuple[int, float]] = field(default_factory=list)
    seconds: float = 0.0
    trainable_parameters: int = 0
    peak_bytes: int = 0

    @property
    def final(self) -> float:
        """The metric after the last step. Raises ValueError if there was no evaluation."""
        return self._evaluated()[-1][1]

    @property
    def best(self) -> float:
        """The highest metric of all evaluations. Raises ValueError if there was no evaluation."""
        return max(value for _, value in self._evaluated())

    def _evaluated(self) -> list[tuple[int, float]]:
        if not self.metrics:
            raise ValueError("This run was never evaluated. Give fit an eval_loader.")
        return self.metrics


class Watch:
    """The clock, the memory meter and the progress bar of one run, as a context manager.

    Losses are read from the device about twice a second, not at each step: on a GPU each reading waits for
    the device.
    """

    def __init__(self, history: History, steps: int, learning_rate: float, metric: str, shown: bool) -> None:
        self.history = history
        self.learning_rate = learning_rate
        self.metric = metric
        self._waiting: list[Tensor] = []
        self._latest_metric = ""
        self._bar = progress_bar(steps, "training", start=len(history.losses), shown=shown)
        self._process = psutil.Process()
        self._looking, self._looked_at = True, -math.inf
        self._cuda = torch.cuda.is_available()
        if self._cuda:
            torch.cuda.reset_peak_memory_stats()
        self._resident_before = self._process.memory_info().rss
        self._read_at = self._started = time.perf_counter()
        self._seconds_before = history.seconds

    def __enter__(self) -> "Watch":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.read()
        finally:
            self._bar.close()

    def before_backward(self, loss: Tensor) -> None:
        """Look at the memory, and refuse a loss that backward cannot use. Raises ValueError."""
        if loss.ndim:
            raise ValueError(
                f"loss_fn returned a tensor of shape {tuple(loss.shape)}. A loss is one number: "
                "end with .mean() or .sum()."
            )
        if not loss.requires_grad:
            raise ValueError(
                "The loss does not depend on any trainable parameter, so nothing can be learned from "
                "it. Look for a .detach(), a torch.no_grad() or an argmax between the logits and the loss."
            )
        # Asking the system is not free: next to the steps of a tiny model it would be felt.
        self._looking = time.perf_counter() - self._looked_at >= LOOK_SECONDS
        self._look_at_memory()

    def after_step(self, loss: Tensor) -> None:
        """Note the loss of a finished step."""
        self._look_at_memory()
        self._waiting.append(loss.detach())
        if time.perf_counter() - self._read_at >= REFRESH_SECONDS:
            self.read()

    def read(self) -> History:
        """Move the losses that wait into the history, redraw the bar, and return the history. Raises
        ValueError at a loss that is no number."""
        losses = torch.stack(self._waiting).tolist() if self._waiting else []
        self._waiting.clear()
        self._read_at = time.perf_counter()
        self.history.seconds = self._seconds_before + self._read_at - self._started
        for loss in losses:
            self.history.losses.append(loss)
            if not math.isfinite(loss):
                raise ValueError(
                    f"The loss became {loss} at step {len(self.history.losses)}: it is no longer a number, "
                    "and the weights trained with it are ruined. Load the model afresh. Usual causes: a "
                    f"learning rate that is too high (here {self.learning_rate:g}; try a tenth of it), a "
                    "log(0) or a division by 0 in loss_fn, or a batch in which every label is -100."
                )
        if losses:
            self._describe(sum(losses) / len(losses))
            self._bar.update(len(losses))
        return self.history

    @contextmanager
    def evaluation(self, step: int) -> Iterator[Callable[[float], None]]:
        """A block whose time does not count as training; call what it gives with the metric."""
        self.read()
        paused = time.perf_counter()

        def note(value: float) -> None:
            self.history.metrics.append((step, value))
            self._latest_metric = f", {self.metric} {value:.3f}"
            self._describe(self.history.losses[-1])

        yield note
        self._started += time.perf_counter() - paused

    def _describe(self, loss: float) -> None:
        self._bar.set_postfix_str(f"loss {loss:.3f}{self._latest_metric}", refresh=False)

    def _look_at_memory(self) -> None:
        if not self._looking:
            return
        self._looked_at = time.perf_counter()
        if self._cuda:
            seen = torch.cuda.max_memory_allocated()
        else:
            seen = self._process.memory_info().rss - self._resident_before
        self.history.peak_bytes = max(self.history.peak_bytes, seen)
