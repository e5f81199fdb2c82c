"""A notebook in small, with the parts of a real one; and a way to run it in a plain process, without a kernel.

`python tiny_notebook.py FILE` runs the cells of FILE in IPython, and ends with status 1 at the first that fails.
"""

import json
import sys
from pathlib import Path

NAME = "02_logit_distillation"
IMPORTS = """
import torch
from course_utils import assets, data, models, paths, plots, results, session, training
from course_utils.checks import exercise
"""
DATA = """
rows = data.load("sentiment")["train"].select(range(48))
labels = rows.features["label"].names
tokenizer = models.load_tokenizer("teacher")
tokens = data.tokenize(rows, tokenizer)
loader = data.make_loader(tokens, tokenizer, batch_size=8, shuffle=True, seed=session.seed())
"""
EXERCISE = """
@exercise("logit_kd.kd_loss")
def kd_loss(student_logits, teacher_logits, temperature):
    ...  # your code
"""
TRAIN = """
student = models.new_classifier("student", labels, tokenizer, seed=session.seed())
history = training.fit(student, loader, loader, steps=4, learning_rate=1e-3, progress=False)
print("losses", history.losses)
"""
RECORD = """
facts = {"model": "student", "data": "\\u2264 48 sentences", "seed": session.seed(), "metric": "accuracy"}
size = history.trainable_parameters
results.record(session.notebook, "E07", "tiny", value=history.final, trainable_parameters=size, seconds=1, **facts)
table = results.table(results.load(session.notebook).query("method == 'tiny'"))
print(table)
"""
PLOT = """
figure, axes = plots.plt.subplots()
axes.plot(history.losses)
axes.set(title="Loss", xlabel="step", ylabel="loss")
plots.show(figure, alt="The loss of each step.")
"""
STATEMENTS = """
print("share \\u2264 1")
results.show_statements()
course_utils.progress()
"""


def setup() -> str:
    """The set-up cell of the real notebooks, for the real notebook that this one stands for."""
    from test_notebooks import setup_cell

    return setup_cell(NAME)


def cells() -> list[str]:
    return [setup(), IMPORTS, DATA, EXERCISE, TRAIN, RECORD, PLOT, STATEMENTS]


def write(path: Path, sources: list[str]) -> Path:
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=[new_code_cell(source.strip()) for source in sources]), path)
    return path


def main(file: str) -> int:
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    for cell in json.loads(Path(file).read_text(encoding="utf-8"))["cells"]:
        if not shell.run_cell("".join(cell["source"])).success:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
