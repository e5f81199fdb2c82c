"""Kernels in this Python, whatever kernelspecs are installed.

A kernelspec is a file that says how a kernel is started. One called "python3" may lie in the reader's home or in the
system and name a Python that was deleted, or that lacks the course: https://github.com/jupyter/notebook/issues/3481.
"""

import os

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from traitlets import default

from course_utils.paths import ROOT


class ThisPython(KernelSpecManager):
    """Knows one kernel, "python3": ipykernel in the Python that runs this code."""

    @default("kernel_dirs")
    def _no_installed_kernelspecs(self) -> list[str]:
        return []


class ThisPythonsKernel(AsyncKernelManager):
    """A kernel that is started so."""

    @default("kernel_spec_manager")
    def _this_python(self) -> KernelSpecManager:
        return ThisPython(parent=self)


def search_path() -> str:
    """PYTHONPATH for a kernel in which the course can be imported, even where it was not installed."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
