"""What torch's own allocator says that a piece of code took: a measurement that knows nothing of the ledger."""

import json
import os
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

import torch


def allocator_growth(run: Callable[[], Any], device: torch.device) -> int:
    """Bytes by which torch's own allocator went above its level at the start, at most, while `run` ran.

    On CUDA it is `torch.cuda.max_memory_allocated`, elsewhere the profiler's record of every allocation.
    """
    if device.type == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    with torch.profiler.profile(profile_memory=True) as profiler:
        run()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        profiler.export_chrome_trace(path)
        with open(path, encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
    sizes = [(event["ts"], event["args"]["Bytes"]) for event in events if event["name"] == "[memory]"]
    return _highest(size for _, size in sorted(sizes, key=lambda pair: pair[0]))


def _highest(changes: Iterable[int]) -> int:
    level = highest = 0
    for change in changes:
        level += change
        highest = max(highest, level)
    return highest
