"""Open JupyterLab on the course.

The server's root is the repository, so that a notebook's links to docs/ and data/ open. Two files in
`jupyterlab/labconfig/` keep JupyterLab from asking a newcomer about its news and about builds. They hold for this
server alone, which is told of them by JUPYTER_CONFIG_PATH; what the reader chooses in the settings menu counts more.
https://jupyterlab.readthedocs.io/en/stable/user/directories.html#overrides-json
"""

import os
from collections.abc import Sequence
from pathlib import Path

from course_utils import assets, session
from course_utils.paths import BUILD, ROOT

SETTINGS = Path(__file__).with_name("jupyterlab")
FIRST = "notebooks/00_start_here.ipynb"


def open_lab(arguments: Sequence[str] = (), root: Path = ROOT) -> int:
    """Serve `root`, and open its first notebook in a browser, until Ctrl-C. Returns the exit status.

    arguments: JupyterLab's own, for example "--no-browser".
    """
    try:
        from jupyterlab.labapp import LabApp

        from course_utils.commands.kernels import search_path
    except ImportError as error:
        print(
            f"JupyterLab cannot be started: {error.name} is not installed in this Python. Install what the course "
            "needs with `python -m pip install -r requirements.txt`, then make this call again."
        )
        return 1
    if assets.track() == "bundled":
        # Set for this process when it imported the course. A kernel does so itself, by its own track.
        for name in session.OFFLINE:
            os.environ.pop(name, None)
    settings = filter(None, [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH", "")])
    os.environ |= {"JUPYTER_CONFIG_PATH": os.pathsep.join(settings), "PYTHONPATH": search_path()}
    LabApp.launch_instance(
        [
            f"--ServerApp.root_dir={root}",
            "--ServerApp.kernel_spec_manager_class=course_utils.commands.kernels.ThisPython",
            f"--LabApp.default_url=/lab/tree/{FIRST}",
            # Not the reader's own, which belong to servers with other roots.
            f"--LabApp.workspaces_dir={BUILD / 'jupyterlab' / 'workspaces'}",
            *arguments,
        ]
    )
    return 0
