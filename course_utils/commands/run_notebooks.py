"""Run notebooks headless, top to bottom, and say what each run took, and what broke."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from course_utils.commands.kernels import ThisPythonsKernel, search_path
from course_utils.paths import BUILD, ROOT, whole_file

NOTEBOOKS = ROOT / "notebooks"
CELL_TIMEOUT = 900
"""Seconds that one cell may take: far above a notebook's budget, far below a hang that eats an evening."""


@dataclass(frozen=True)
class Run:
    """One notebook, run once. `error` is empty when every cell ran; `peak_bytes` is 0 when not measured."""

    notebook: str
    executed: nbformat.NotebookNode
    seconds: float
    peak_bytes: int
    error: str = ""


def find(folder: Path = NOTEBOOKS, only: list[str] | None = None) -> list[Path]:
    """Notebooks of `folder` in reading order, `NN_topic.ipynb`. `only` keeps names that start so ("02").

    Raises `SystemExit` with a message when nothing is left to run.
    """
    names = [path for path in sorted(folder.glob("*.ipynb")) if re.match(r"\d\d_", path.name)]
    chosen = [path for path in names if not only or any(path.name.startswith(start) for start in only)]
    if not chosen:
        there = ", ".join(path.stem for path in names) or "none at all"
        raise SystemExit(
            f"No notebook to run in {folder} for {only or 'the whole course'}. There are: {there}."
        )
    return chosen


def code_cells(notebook: nbformat.NotebookNode) -> int:
    """Code cells that have something to run."""
    return sum(_has_code(cell) for cell in notebook.cells)


def _has_code(cell: nbformat.NotebookNode) -> bool:
    return cell.cell_type == "code" and bool(cell.source.strip())


class _PeakMemory(threading.Thread):
    """Samples the resident memory of a process ten times a second. `peak` is in bytes."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process, self.peak, self.over = psutil.Process(pid), 0, threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            try:
                self.peak = max(self.peak, self.process.memory_info().rss)
            except psutil.Error:  # the kernel is gone
                return


class _Client(NotebookClient):
    """Without nbclient's stand-in for output widgets: it writes on the channel on which the reply to the cell is
    awaited, and now and then that reply is never seen (nbclient's issue 312). So what `interact` prints is stored like
    any other output.
    """

    def on_comm_open_jupyter_widget(self, msg: dict[str, Any]) -> None:
        """No object for any widget."""


def _default_signals(**_: Any) -> None:
    """Ctrl-C and a kill end the whole run. nbclient would take them for the death of one kernel, and go on."""
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows, or not the main thread
            asyncio.get_running_loop().remove_signal_handler(number)


def run(
    path: Path,
    *,
    build: Path = BUILD,
    environment: dict[str, str] | None = None,
    on_cell: Callable[[], object] | None = None,
    timeout: int = CELL_TIMEOUT,
    go_on: bool = False,
    cells: int | None = None,
) -> Run:
    """Run one notebook in a fresh kernel, in its own folder; the file itself is not changed.

    `environment` is added to this process's; results go to `build`. `on_cell` is called after
    each code cell. A notebook that fails does not raise: later cells stay empty and `Run.error` tells. With `go_on` a
    cell that raises is passed over, and the next one runs. `cells`: run only the first so many code cells.
    """
    notebook = nbformat.read(path, as_version=4)
    if cells is not None:
        notebook.cells = [cell for cell in notebook.cells if _has_code(cell)][:cells]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    at: dict[str, Any] = {"index": 0, "memory": None}

    def cell_starts(cell: nbformat.NotebookNode, cell_index: int) -> None:
        at["index"] = cell_index
        if at["memory"] is None and client.km is not None:
            sampler = _PeakMemory(getattr(client.km.provisioner, "pid"))  # noqa: B009 (local kernels have it)
            sampler.start()
            at["memory"] = sampler

    client = _Client(
        notebook,
        timeout=timeout,
        allow_errors=go_on,
        kernel_name="python3",
        kernel_manager_class=ThisPythonsKernel,
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # it would warn that it talks over local TCP
        on_notebook_start=_default_signals,
        on_cell_start=cell_starts,
        on_cell_executed=lambda **_: on_cell() if on_cell else None,
    )
    error = ""
    began = time.perf_counter()
    try:
        client.execute(cwd=str(path.parent), env=_environment(build, environment))
    except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError) as failure:
        error = _explain(failure, notebook.cells[at["index"]], at["index"], timeout)
    seconds = time.perf_counter() - began
    if at["memory"] is not None:
        at["memory"].over.set()
        at["memory"].join()
    peak = at["memory"].peak if at["memory"] else 0
    return Run(path.stem, notebook, seconds, peak, error)


def _environment(build: Path, more: dict[str, str] | None) -> dict[str, str]:
    """The kernel's environment. It neither shows nor changes what the reader has solved."""
    ours = {"PYTHONPATH": search_path(), "COURSE_BUILD": str(build), "COURSE_PROGRESS": "off"}
    return {**os.environ, **ours, **(more or {})}


def _explain(failure: Exception, cell: nbformat.NotebookNode, index: int, timeout: int) -> str:
    """Which cell failed and why, in a few lines."""
    first = next((line for line in cell.source.splitlines() if line.strip()), "(empty)")
    if isinstance(failure, CellExecutionError):
        why = re.sub(r"\x1b\[[0-9;]*m", "", f"{failure.ename}: {failure.evalue}")
    elif isinstance(failure, CellTimeoutError):
        why = f"it ran for more than {timeout} seconds and was stopped"
    else:
        why = f"the kernel died, often for want of memory ({type(failure).__name__}: {failure})"
    return f"cell {index} (it begins: {first.strip()})\n{why.strip()[:1500]}"


def store(result: Run, path: Path) -> None:
    """Write the outputs of a whole run back into the notebook, in one step. Refuses a run that failed."""
    if result.error:
        raise ValueError(f"{path.name} did not run through, so its outputs are not stored.")
    result.executed.metadata.pop("widgets", None)  # the state of widgets without their kernel is only weight
    with whole_file(path) as part:
        nbformat.write(result.executed, part)


def run_all(paths: list[Path], **options: Any) -> list[Run]:
    """Run notebooks one after the other with a progress bar over their cells. `options` go to `run`."""
    from tqdm import tqdm

    cells = {path: code_cells(nbformat.read(path, as_version=4)) for path in paths}
    live = sys.stderr.isatty()
    runs = []
    with tqdm(total=sum(cells.values()), unit="cell", mininterval=0.1 if live else 20, ascii=not live) as bar:
        for done, path in enumerate(paths):
            bar.set_description(path.stem)
            result = run(path, on_cell=bar.update, **options)
            runs.append(result)
            bar.n = sum(cells[p] for p in paths[: done + 1])
            bar.refresh()
            if result.error:
                tqdm.write(f"\n{path.stem} FAILED in {result.error}\n", file=sys.stderr)
    return runs
