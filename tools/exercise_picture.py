"""Make docs/exercise.png: an exercise of notebook 02, answered wrongly and then rightly, as the checker answers.

    python tools/exercise_picture.py

It needs Chromium. The words are the checker's own, so the picture is made again when they change.
"""

import contextlib
import html
import io
import subprocess
import sys
import tempfile
from pathlib import Path

import torch.nn.functional as F
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

ROOT = Path(__file__).resolve().parents[1]
sys.path += [str(ROOT), str(ROOT / "slides")]
from browser import find  # noqa: E402

from course_utils import checks  # noqa: E402

RIGHT = """@exercise("logit_kd.kd_loss")
def kd_loss(student_logits, teacher_logits, temperature):
    log_student = F.log_softmax(student_logits / temperature, dim=-1)
    teacher = F.softmax(teacher_logits.detach() / temperature, dim=-1)
    return F.kl_div(log_student, teacher, reduction="batchmean") * temperature**2"""
WRONG = RIGHT.removesuffix(" * temperature**2")
STYLE = """body { margin: 0; padding: 14px 18px; font: 14px/1.4 monospace; background: white; width: 964px }
.cell { border: 1px solid #cfcfcf; background: #f7f7f7; padding: 8px 12px; white-space: pre-wrap }
.out { padding: 8px 12px 16px; white-space: pre-wrap }"""


def answer(source: str) -> str:
    """A cell as HTML, with what the checker says of it below."""
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        exec(source, {"F": F, "exercise": checks.exercise})
    code = highlight(source, PythonLexer(), HtmlFormatter(nowrap=True, noclasses=True))
    return f'<div class="cell">{code.strip()}</div><div class="out">{html.escape(shown.getvalue().rstrip())}</div>'


def main() -> None:
    """Write the page, and photograph it."""
    page = f"<meta charset='utf-8'><style>{STYLE}</style>{answer(WRONG)}{answer(RIGHT)}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        path.write_text(page, encoding="utf-8")
        command = [
            find(),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1000,450",
        ]
        target = ROOT / "docs" / "exercise.png"
        subprocess.run([*command, f"--screenshot={target}", path.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()
