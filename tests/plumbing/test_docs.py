"""The texts beside the notebooks: what they promise is there, what they quote is what the code says."""

import ast
import functools
import json
import re
from pathlib import Path

import pytest

from course_utils import assets
from course_utils.__main__ import COMMANDS
from course_utils.commands import readme, real_track
from course_utils.commands.run_notebooks import find
from course_utils.paths import DATA, ROOT
from course_utils.runs import berts_table

DOCS = sorted((ROOT / "docs").glob("*.md"))
README = ROOT / "README.md"
WORKSHOP = (ROOT / "docs" / "workshop.md").read_text(encoding="utf-8")
TROUBLE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
BUNDLED_RUNS = DATA / "results" / "bundled" / "runs.json"
PYTHONS_OWN = {"No module named 'course_utils'"}
PLANS = {"Three hours": 180, "Six hours": 360}


@functools.cache
def strings() -> str:
    """Every piece of text in the course's code, a line each; and the Makefile."""
    pieces = [(ROOT / "Makefile").read_text(encoding="utf-8")]
    for path in [*(ROOT / "course_utils").rglob("*.py"), *(ROOT / "slides").glob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        documented = ast.Module | ast.ClassDef | ast.FunctionDef
        told = {
            ast.get_docstring(node, clean=False) for node in ast.walk(tree) if isinstance(node, documented)
        }
        found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        pieces += [text for text in found if isinstance(text, str) and text not in told]
    return "\n".join(pieces)


# Troubleshooting


def quoted_failures() -> list[str]:
    headings = re.findall(r"^### `(.+)`$", TROUBLE, re.MULTILINE)
    return headings + re.findall(r"^\| `(.+?)` \|", TROUBLE, re.MULTILINE)


@pytest.mark.parametrize("failure", quoted_failures())
def test_a_failure_is_one_that_the_code_knows(failure: str) -> None:
    assert failure in PYTHONS_OWN or failure in strings(), "no message says this any more"


@pytest.mark.parametrize(
    "module",
    [
        "assets/catalog",
        "assets/fetching",
        "assets/conversion",
        "assets/wheels",
        "assets/download",
        "assets/sources",
        "assets/mirror",
        "training/loop",
        "training/history",
        "commands/doctor",
    ],
)
def test_the_failures_of_each_module_are_listed(module: str) -> None:
    text = (ROOT / "course_utils" / f"{module}.py").read_text(encoding="utf-8")
    assert [failure for failure in quoted_failures() if failure in text]


# The workshop


def minutes(clock: str) -> int:
    hours, rest = clock.split(":")
    return 60 * int(hours) + int(rest)


def plan(title: str) -> list[tuple[int, int, str]]:
    part = re.search(rf"^## {title}$(.*?)^## ", WORKSHOP, re.MULTILINE | re.DOTALL)
    assert part, f"docs/workshop.md has no plan called {title}"
    rows = re.findall(r"^\| (\d:\d\d) +\| (\d:\d\d) +\| (.+?) +\|$", part[1], re.MULTILINE)
    return [(minutes(start), minutes(end), what) for start, end, what in rows]


@pytest.mark.parametrize("title", PLANS)
def test_a_plan_has_no_gap(title: str) -> None:
    rows = plan(title)
    assert rows[0][0] == 0 and rows[-1][1] == PLANS[title]
    for (_, end, _), (start, _, what) in zip(rows, rows[1:], strict=False):
        assert start == end, f"{what} does not begin where the row before it ends"


@pytest.mark.parametrize("title", PLANS)
def test_checkpoints_come_in_order_and_are_explained(title: str) -> None:
    named = [int(number) for number in re.findall(r"\*\*Checkpoint (\d)\*\*", str(plan(title)))]
    assert named == list(range(1, len(named) + 1)) and len(named) >= 4
    part = WORKSHOP.split("\n## Checkpoints\n")[1].split("\n## ")[0]
    assert set(named) <= {int(number) for number in re.findall(r"^(\d)\. ", part, re.MULTILINE)}


@pytest.mark.parametrize("title", PLANS)
def test_the_exercises_of_a_plan_are_there(title: str) -> None:
    """A row such as "02: exercises 2 and 5" names exercises that notebook 02 has."""
    headings = {}
    for path in find():
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        headings[path.name[:2]] = {
            int(number) for number in re.findall(r"^### Exercise (\d+)", text, re.MULTILINE)
        }
    rows = [re.match(r"(\d\d): .*?[Ee]xercises? ([\d, andto]+)", what) for _, _, what in plan(title)]
    named = [row for row in rows if row]
    assert named
    for row in named:
        assert {int(number) for number in re.findall(r"\d+", row[2])} <= headings[row[1]], row[0]


def test_the_cores_for_sixty_are_those_that_the_times_were_taken_with() -> None:
    machines = {run["machine"] for run in json.loads(BUNDLED_RUNS.read_text(encoding="utf-8")).values()}
    (timed,) = {int(re.findall(r"(\d+) cores?", machine)[0]) for machine in machines}
    row = re.search(
        r"^\| CPU +\| (\d+) cores? for the times of the table +\| (\d+) cores", WORKSHOP, re.MULTILINE
    )
    assert row and (int(row[1]), int(row[2])) == (timed, 60 * timed)


# The real track


@pytest.mark.parametrize("role", ["sentiment", "second_task", "second_task_english"])
def test_the_notebooks_of_a_role_are_named(role: str) -> None:
    """A line such as "**03 and 12** have a second task" names all the notebooks that ask for it."""
    line = {
        "sentiment": r"\*\*(.+)\*\* read English film reviews \(SST-2\)",
        "second_task": r"\*\*(.+)\*\* have a second task in Indonesian",
        "second_task_english": r"\*\*(.+)\*\*: the second task is to tell",
    }[role]
    found = re.search(line, readme.REAL_TRACK.read_text(encoding="utf-8"))
    asking = [name[:2] for name in assets.notebooks() if role in assets.notebook_roles(name)]
    assert found and re.findall(r"\d\d", found[1]) == asking


def test_the_page_of_the_real_track_knows_which_long_tables_ship() -> None:
    text = readme.REAL_TRACK.read_text(encoding="utf-8")
    assert (DATA / "results" / "real" / f"{berts_table.NAME}.jsonl").exists()
    assert "it shows rows that ship" in text and "of its rows ship yet" not in text


# All of them


@pytest.mark.parametrize("path", [README, *DOCS], ids=lambda path: path.name)
def test_files_and_commands_that_a_text_names_are_there(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"`((?:docs|tests|course_utils|data|benchmarks)/[\w./-]+)`", text):
        assert (ROOT / name).exists(), name
    for command in re.findall(r"python -m course_utils (\w+)", text):
        assert command in COMMANDS, command
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (?:\w+=\S+ )*([a-z-]+)", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_page_of_the_real_track_lists_what_the_catalogue_has() -> None:
    text = readme.REAL_TRACK.read_text(encoding="utf-8")
    assert readme.render_real_track(text) == text, "run: python -m course_utils readme"
    for role in ("language_model", "glue_mrpc", "paragraphs_javanese"):
        assert f"`{role}`" in real_track.table()


def test_the_readme_leads_to_every_text() -> None:
    text = README.read_text(encoding="utf-8")
    assert [path.name for path in DOCS if f"docs/{path.name}" not in text] == []
