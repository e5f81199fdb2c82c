"""Budgets and anatomy of every notebook. A rule that a reader would notice being broken is a test here."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
REPOSITORY = re.search(r'^Repository = "(https://[^"]+)"', PYPROJECT, re.MULTILINE)[1]  # type: ignore[index]
OWNER_AND_NAME = REPOSITORY.removeprefix("https://github.com/")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:root|home|tmp|work|Users|opt)/|[A-Z]:\\\\?Users")


class Notebook:
    """A stored notebook and the views of it that the rules are about."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.node = nbformat.read(path, as_version=4)
        self.code = [cell for cell in self.node.cells if cell.cell_type == "code"]
        self.prose = [cell.source for cell in self.node.cells if cell.cell_type == "markdown"]
        self.outputs = [output for cell in self.code for output in cell.outputs]

    def lines(self) -> list[int]:
        """Lines of each code cell that are not blank."""
        return [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in self.code]


def plain(markdown: str) -> str:
    """The words a reader reads: no code, formulas, addresses, or solutions that are folded away."""
    for pattern in (r"<details.*?</details>", r"```.*?```", r"\$\$.*?\$\$"):
        markdown = re.sub(pattern, " ", markdown, flags=re.DOTALL)
    return re.sub(r"`[^`]*`|\$[^$\n]*\$|\]\([^)]*\)|https?://\S+|<[^>]+>", " ", markdown)


def texts(output: Any) -> list[str]:
    """Everything in an output that is text."""
    if output.output_type == "stream":
        return [output.text]
    return [str(value) for mime, value in output.get("data", {}).items() if not mime.startswith("image/")]


def setup_cell(name: str) -> str:
    """The set-up cell as CONTRIBUTING gives it, for the notebook `name`."""
    block = re.search(r"```python\n(if \"google\.colab\".*?)```", CONTRIBUTING, re.DOTALL)
    assert block, "CONTRIBUTING.md no longer shows the set-up cell"
    return block[1].strip().replace("NN_topic", name)


PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Notebook:
    return Notebook(request.param)


# The rules that need no notebook


def test_the_setup_cell_is_short_and_follows_the_repository() -> None:
    assert len(setup_cell("01_x").splitlines()) <= 6
    assert f"git clone -q --depth 1 {REPOSITORY} course;" in setup_cell("01_x")


def test_plain_leaves_out_what_is_not_prose() -> None:
    text = "`x = 0.5`, $T^2 = 4.0$, [this](https://a.b/1.2).\n<details>0.9</details>\n```\n1\n```\nSo 87 %."
    assert re.findall(r"\d[\d.]*", plain(text)) == ["87"]


# Anatomy


def test_name_is_number_and_topic(notebook: Notebook) -> None:
    assert re.fullmatch(r"\d\d_[a-z0-9_]+", notebook.path.stem)


def test_title_badges_and_promise(notebook: Notebook) -> None:
    first, name = notebook.node.cells[0], notebook.path.name
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    colab = f"https://colab.research.google.com/github/{OWNER_AND_NAME}/blob/main/notebooks/{name}"
    binder = f"https://mybinder.org/v2/gh/{OWNER_AND_NAME}/main?labpath=notebooks%2F{name}"
    assert f"]({colab})" in first.source and f"]({binder})" in first.source


def test_setup_cell_is_the_one_of_the_course(notebook: Notebook) -> None:
    assert notebook.code[0].source.strip() == setup_cell(notebook.path.stem)


@pytest.mark.parametrize(
    "part", ["you will", "predict", "goes wrong", "statements", "recap", "quiz", "references"]
)
def test_has_its_parts(notebook: Notebook, part: str) -> None:
    assert part in "\n".join(notebook.prose).lower()


def test_has_exercises_a_widget_and_statements(notebook: Notebook) -> None:
    source = "\n".join(cell.source for cell in notebook.code)
    ids = re.findall(r'@exercise\("([\w.]+)"\)', source)
    assert len(ids) >= 3 and len(ids) == len(set(ids))
    last = notebook.code[-1].source
    assert "results.show_statements()" in last or "assert " in last, (
        "the last cell says nothing of what was measured"
    )
    assert re.search(r"^\s*interact\(", source, re.MULTILINE), "nothing to move with the mouse"


def test_kernel_and_cell_ids(notebook: Notebook) -> None:
    assert notebook.node.metadata.kernelspec.name == "python3"
    ids = [cell.get("id") for cell in notebook.node.cells]
    assert all(ids) and len(ids) == len(set(ids))


# Budgets


def test_no_cell_is_too_long_to_read_at_once(notebook: Notebook) -> None:
    assert max(notebook.lines()) <= 30


def test_prose_stands_beside_code(notebook: Notebook) -> None:
    cells = [text for text in map(plain, notebook.prose) if re.search(r"[^\W\d_]", text)]
    assert len(cells) >= 0.8 * len(notebook.code), (
        f"{len(cells)} prose cells for {len(notebook.code)} code cells"
    )


# Stored outputs


def test_stored_outputs_are_of_one_run_from_top_to_bottom(notebook: Notebook) -> None:
    counts = [cell.execution_count for cell in notebook.code]
    assert counts == list(range(1, len(counts) + 1)), "run: python -m course_utils course --store"
    assert not [output for output in notebook.outputs if output.output_type == "error"]


def test_stored_outputs_are_small(notebook: Notebook) -> None:
    size = len(json.dumps(notebook.outputs))
    assert size < 400_000, f"{size:,} bytes"


def test_no_path_of_a_machine(notebook: Notebook) -> None:
    for cell in notebook.node.cells:
        for text in [cell.source, *(text for output in cell.get("outputs", []) for text in texts(output))]:
            found = MACHINE_PATH.search(text)
            assert not found, text[max(found.start() - 80, 0) : found.end() + 80]


def test_every_picture_has_alt_text(notebook: Notebook) -> None:
    for output in notebook.outputs:
        if "image/png" in output.get("data", {}):
            told = output.metadata.get("image/png", {}).get("alt") or output.metadata.get("alt")
            assert told and len(told) > 20, "a picture without alt text: use course_utils.plots.show"
        for text in texts(output):
            for picture in re.findall(r"<img\b[^>]*>", text):
                assert re.search(r'\balt="[^"]{20,}"', picture), picture[:80]
    for source in notebook.prose:
        assert "![](" not in source, "a picture without alt text"
