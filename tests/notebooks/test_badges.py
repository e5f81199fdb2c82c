"""The course's address comes from one setting: badges, set-up cells and links follow; `make badges` writes it."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from course_utils.commands.run_notebooks import find
from course_utils.paths import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import badges  # noqa: E402

REPO = badges.setting()
ADDRESS = re.compile(
    r"(?:colab\.research\.google\.com/github|mybinder\.org/v2/gh)/([\w.-]+/[\w.-]+)|"
    r"git clone \S+ --depth 1 https://github\.com/([\w.-]+/[\w.-]+)"
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The files that hold the address, to be changed."""
    for path in [ROOT / "pyproject.toml", *badges.files()]:
        place = tmp_path / path.relative_to(ROOT)
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, place)
    return tmp_path


def addresses(path: Path) -> list[str]:
    return [badge or clone for badge, clone in ADDRESS.findall(path.read_text(encoding="utf-8"))]


# The repository as it is


@pytest.mark.parametrize("path", find(), ids=lambda path: path.stem)
def test_a_notebook_agrees_with_the_setting(path: Path) -> None:
    """Two badges and the set-up cell. That they name this notebook is tested in test_notebooks.py."""
    assert addresses(path) == [REPO] * 3, "run: make badges"


def test_readme_and_docs_agree_with_the_setting() -> None:
    for path in badges.files():
        assert set(addresses(path)) <= {REPO}, f"{path.name}: run: make badges"
    assert badges.write() == [], "run: make badges"
    assert addresses(ROOT / "README.md"), "the README has lost its badges"


# A new address


@pytest.mark.parametrize("repo", ["someone/other-course", "a.b/c_d.e"])
def test_a_new_address_is_written_everywhere(copy: Path, repo: str) -> None:
    changed = {path.relative_to(copy) for path in badges.write(repo, copy)}
    assert badges.setting(copy) == repo
    assert changed >= {
        path.relative_to(ROOT) for path in [*find(), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    }
    for path in badges.files(copy):
        assert set(addresses(path)) <= {repo}
        assert REPO not in path.read_text(encoding="utf-8")
    assert len([address for path in badges.files(copy) for address in addresses(path)]) >= 3 * len(find())


def test_nothing_but_the_address_changes(copy: Path) -> None:
    """Cell ids, line ends and the order of keys stay: the old address brings back every byte."""
    badges.write("someone/other", copy)
    notebook = copy / "notebooks" / find()[0].name
    before, after = (json.loads(path.read_text(encoding="utf-8")) for path in (find()[0], notebook))
    assert [cell["id"] for cell in before["cells"]] == [cell["id"] for cell in after["cells"]]
    differing = [
        cell["id"] for cell, other in zip(before["cells"], after["cells"], strict=True) if cell != other
    ]
    assert len(differing) == 2, "the title's badges and the set-up cell"
    badges.write(REPO, copy)
    for path in [ROOT / "pyproject.toml", *badges.files()]:
        assert (copy / path.relative_to(ROOT)).read_bytes() == path.read_bytes(), path.name


def test_a_notebook_that_strayed_is_brought_back(copy: Path) -> None:
    notebook = copy / "notebooks" / find()[0].name
    whole = notebook.read_bytes()
    notebook.write_bytes(whole.replace(REPO.encode(), b"old/place").replace(b"place course;", b"place;"))
    assert badges.write(root=copy) == [notebook] and notebook.read_bytes() == whole


def test_links_to_the_repository_follow_and_others_stay() -> None:
    others = "https://github.com/o/course-two https://github.com/o/course.nvim https://github.com/no/course"
    assert badges.addressed(others, "o/course", "p/q") == others
    own = (
        "https://github.com/o/course.git, https://github.com/o/course/issues, (https://github.com/o/course)."
    )
    assert badges.addressed(own, "o/course", "p/q") == own.replace("o/course", "p/q")


@pytest.mark.parametrize("repo", ["course", "https://github.com/a/b", "a/b/c", "a b/c", "-a/b"])
def test_what_is_no_repository_is_refused(copy: Path, repo: str) -> None:
    with pytest.raises(SystemExit, match="make badges REPO=owner/name"):
        badges.write(repo, copy)
    assert badges.setting(copy) == REPO
