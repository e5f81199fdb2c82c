"""Where things lie: the repository, what ships with it, and what a reader's own runs write."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
BUILD = Path(os.environ.get("COURSE_BUILD", ROOT / "build")).resolve()
