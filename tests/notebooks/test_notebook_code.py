"""Show once, then import: code in a notebook is the code in `methods/`, and solutions are generated from
it."""

import ast
import importlib
import pkgutil
import re
import sys
from pathlib import Path

import nbformat
import pytest

from course_utils import checks, methods, paths
from course_utils.checks import record
from course_utils.commands import solutions

NOTEBOOKS = sorted((paths.ROOT / "notebooks").glob("*.ipynb"))
METHODS = [
    importlib.import_module(f"{methods.__name__}.{found.name}")
    for found in pkgutil.iter_modules(methods.__path__)
]
by_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_of(path: Path) -> ast.Module:
    """All code cells as one module, without IPython's own lines."""
    cells = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    return ast.parse(
        "\n".join(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.MULTILINE) for source in cells)
    )


class _Bare(ast.NodeTransformer):
    """Drops what may differ between a notebook and its module: docstrings and type hints."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        node.returns = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node


def bare(node: ast.AST) -> str:
    return ast.dump(_Bare().visit(node))


def exercise_of(node: ast.FunctionDef | ast.ClassDef) -> str | None:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", None) == "exercise":
            return ast.literal_eval(decorator.args[0])
    return None


def in_methods(name: str) -> list[str]:
    """The bare syntax trees of what the modules in `methods/` define under this name."""
    found = (
        vars(module)[name]
        for module in METHODS
        if getattr(vars(module).get(name), "__module__", "") == module.__name__
    )
    return [bare(ast.parse(solutions.shown(item)).body[0]) for item in found]


def drifted(tree: ast.Module) -> list[str]:
    """Names of what is shown in full, has a twin in `methods/`, and differs from it."""
    shown = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not exercise_of(node)
    ]
    return [node.name for node in shown if (twins := in_methods(node.name)) and bare(node) not in twins]


def shown_from_methods(node: ast.stmt) -> bool:
    """Whether this is a function, a class or a table such as KINDS that the notebook shows and `methods/` has too."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return bool(in_methods(node.name))
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    name = target.id if isinstance(target, ast.Name) else ""
    return name.isupper() and any(isinstance(vars(module).get(name), dict) for module in METHODS)


@by_notebook
def test_code_shown_is_the_code_in_methods(path):
    assert drifted(code_of(path)) == []


@by_notebook
def test_stubs_are_untouched_and_have_the_signature_of_their_reference(path):
    for node in code_of(path).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or not (id := exercise_of(node)):
            continue
        twin = ast.parse(solutions.shown(checks.reference(id))).body[0]
        assert isinstance(twin, type(node)) and twin.name == node.name
        namespace = dict(vars(sys.modules[checks.reference(id).__module__]))  # the parent of a class is there
        node.decorator_list = []
        exec(
            compile(
                ast.Module([ast.parse("from __future__ import annotations").body[0], node], []),
                "<stub>",  # another name would let inspect read the lines of the reference's module instead
                "exec",
            ),
            namespace,
        )
        assert checks.grade(id, namespace[node.name]).status == "not attempted"
        if isinstance(node, ast.FunctionDef):
            assert ast.get_docstring(node), f"the stub of {id} says nothing"
            assert bare(node.args) == bare(twin.args)


@by_notebook
def test_solutions_are_in_step(path):
    assert not solutions.refresh(nbformat.read(path, as_version=4)), "run python -m course_utils solutions"


@by_notebook
def test_a_solution_pasted_into_its_stub_is_right(path):
    """With the notebook's own imports, what it shows of `methods/`, and the exercises before it solved."""
    namespace: dict = {}
    for node in code_of(path).body:
        named = isinstance(node, ast.FunctionDef | ast.ClassDef) and not exercise_of(node)
        if isinstance(node, ast.Import | ast.ImportFrom) or (named and in_methods(node.name)):
            exec(compile(ast.Module([node], []), "imports", "exec"), namespace)
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (id := exercise_of(node)):
            exec(solutions.shown(checks.reference(id)), namespace)
            outcome = checks.grade(id, namespace[node.name])
            assert outcome.status == "right", outcome.message
        elif shown_from_methods(node):
            exec(compile(ast.Module([node], []), "shown", "exec"), namespace)


@by_notebook
@pytest.mark.parametrize("answer", ["...", "return None", "raise ValueError('mine')"])
def test_with_no_answer_or_a_wrong_one_the_notebook_goes_on_with_the_reference(
    path, answer, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(record, "FILE", tmp_path / "progress.json")
    monkeypatch.setattr(record, "_here", {})
    for node in code_of(path).body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or not (id := exercise_of(node)):
            continue
        for function in [node] if isinstance(node, ast.FunctionDef) else node.body:
            if isinstance(function, ast.FunctionDef):
                function.body = ast.parse(f"def answer():\n    {answer}").body[0].body
        namespace = dict(vars(sys.modules[checks.reference(id).__module__])) | {"exercise": checks.exercise}
        annotations = ast.parse("from __future__ import annotations").body[0]
        # Another name than <...> would let inspect read the lines of the reference's module instead.
        exec(compile(ast.Module([annotations, node], []), "<answer>", "exec"), namespace)
        assert namespace[node.name] is checks.reference(id)
        assert "not attempted" in capsys.readouterr().out or answer != "..."


def test_every_exercise_stands_in_a_notebook():
    definitions = (
        node
        for path in NOTEBOOKS
        for node in code_of(path).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    )
    shown = {id for node in definitions if (id := exercise_of(node))}
    assert set(checks.exercises()) - shown == set()


# --- the comparison and the generator themselves ---

SHOWN = '''
def logit_mse_loss(student_logits, teacher_logits):
    """Another docstring."""
    return F.mse_loss(student_logits, teacher_logits.detach())
'''


def test_the_comparison_ignores_docstrings_and_hints_only():
    assert drifted(ast.parse(SHOWN)) == []
    assert drifted(ast.parse(SHOWN.replace(".detach()", ""))) == ["logit_mse_loss"]
    assert drifted(ast.parse(SHOWN.replace("student_logits,", "student,"))) == ["logit_mse_loss"]


def small_notebook() -> nbformat.NotebookNode:
    stub = '@exercise("logit_kd.kd_loss")\ndef kd_loss(student_logits, teacher_logits, temperature):\n    ...'
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(stub), nbformat.v4.new_markdown_cell("After.")]
    )


def test_a_solution_is_put_under_its_stub_once(tmp_path, capsys):
    path = tmp_path / "01_small.ipynb"
    nbformat.write(small_notebook(), path)
    before = path.read_bytes()
    assert solutions.main(check=True, folder=tmp_path) == 1
    assert path.read_bytes() == before
    assert solutions.main(check=False, folder=tmp_path) == 0
    first, solution, last = nbformat.read(path, as_version=4).cells
    assert solution.metadata == {"solution": "logit_kd.kd_loss"} and last.source == "After."
    assert (
        "<details>" in solution.source
        and solutions.shown(checks.reference("logit_kd.kd_loss")) in solution.source
        and "@checked" not in solution.source
    )
    after = path.read_bytes()
    assert (
        solutions.main(check=False, folder=tmp_path) == 0 and solutions.main(check=True, folder=tmp_path) == 0
    )
    assert path.read_bytes() == after and list(tmp_path.iterdir()) == [path]


def test_a_solution_that_drifted_or_lost_its_stub_is_mended():
    notebook = small_notebook()
    solutions.refresh(notebook)
    notebook.cells[1].source += "typed by hand"
    assert solutions.refresh(notebook) and "typed by hand" not in notebook.cells[1].source
    del notebook.cells[0]
    assert solutions.refresh(notebook) and [cell.source for cell in notebook.cells] == ["After."]


@by_notebook
def test_what_a_notebook_takes_from_a_package_is_there(path):
    """`training.fit` and the like: a cell that fails for want of a name is found here, and not after minutes."""
    nodes = list(ast.walk(code_of(path)))
    packages = {
        alias.name: importlib.import_module(f"course_utils.{alias.name}")
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module == "course_utils"
        for alias in node.names
    }
    taken = {
        (node.value.id, node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in packages
    }
    assert taken
    assert [f"{package}.{name}" for package, name in taken if not hasattr(packages[package], name)] == []
