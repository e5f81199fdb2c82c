"""The bundled track under a ban on every socket: nothing is even tried."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_notebook

from course_utils.paths import ROOT

# Python's own audit events: also a library that catches the error, or took hold of a socket early, is seen.
BAN = """
import os, sys, traceback

SENDS = ("socket.connect", "socket.sendto", "socket.sendmsg")
LOOKS_UP = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo")

def watch(event, arguments):
    if event not in SENDS + LOOKS_UP:
        return
    import _socket
    if event in SENDS and arguments[0].family == getattr(_socket, "AF_UNIX", None):
        return
    with open(os.environ["ATTEMPTS"], "a", encoding="utf-8") as file:
        file.write(f"{event} {arguments[1:]}\\n" + "".join(traceback.format_stack(limit=8)))
    raise OSError(f"{event}: the network is banned")

sys.addaudithook(watch)
"""

EVERY_ROLE = """
models.load_classifier("teacher", labels)
for role in assets.roles("bundled"):
    assert assets.fetch(role).is_dir()
    for language in assets.entry(role).languages:
        data.load(role, language)
    print("loaded", role)
"""
METRICS = """
from course_utils.training.metrics import METRICS, load_metric
given = {"seqeval": [["B-PER"]], "sacrebleu": ["a b c d"]}
for name in METRICS:
    predictions = given.get(name, [1])
    references = [predictions] if name == "sacrebleu" else predictions
    print("metric", name, load_metric(name).compute(predictions=predictions, references=references)[name])
"""
WRONG = """
@exercise("logit_kd.gold_loss")
def gold_loss(student_logits, labels):
    return student_logits.mean()
"""


def banned(folder: Path, *command: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run Python under the ban; what it did, and what it tried."""
    (folder / "sitecustomize.py").write_text(BAN, encoding="utf-8")
    attempts = folder / "attempts"
    attempts.touch()
    away = ("HF_", "HUGGINGFACE", "TRANSFORMERS_", "COURSE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(away)}
    environment |= {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]), "ATTEMPTS": str(attempts)}
    environment |= {"COURSE_BUILD": str(folder / "build"), "IPYTHONDIR": str(folder / "ipython")}
    environment |= {"HF_HOME": str(folder / "huggingface")}
    done = subprocess.run(
        [sys.executable, *command], env=environment, cwd=folder, capture_output=True, text=True, timeout=300
    )
    return done, attempts.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "attempt",
    [
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        "__import__('socket').socket().connect_ex(('192.0.2.1', 80))",
        "__import__('socket').socket(type=2).sendto(b'', ('192.0.2.1', 53))",
        "__import__('socket').gethostbyname('localhost')",
        "__import__('urllib.request').request.urlopen('http://localhost')",
    ],
)
def test_the_ban_notices_an_attempt_even_where_the_error_is_swallowed(attempt: str, tmp_path: Path) -> None:
    done, attempts = banned(tmp_path, "-c", f"try:\n    {attempt}\nexcept OSError:\n    print('swallowed')")
    assert done.stdout == "swallowed\n" and attempts[0].startswith("socket.")


def test_the_bundled_track_never_reaches_for_the_network(tmp_path: Path) -> None:
    cells = tiny_notebook.cells()
    notebook = tiny_notebook.write(tmp_path / "01_tiny.ipynb", [*cells, WRONG, METRICS, EVERY_ROLE])
    done, attempts = banned(tmp_path, str(Path(tiny_notebook.__file__)), str(notebook))
    assert attempts == []
    assert done.returncode == 0, done.stdout + done.stderr
    for sign in (
        "track: bundled",
        "not attempted",
        "not right yet",
        "losses [",
        "The loss of each step",
        "S08  ",
    ):
        assert sign in done.stdout, sign
    for sign in ("metric seqeval 1.0", "metric sacrebleu 100.0", "loaded translation", "loaded teacher"):
        assert sign in done.stdout, sign
    assert list((tmp_path / "build" / "results" / "bundled").iterdir())
