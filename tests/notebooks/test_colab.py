"""The set-up cell on Colab: in an empty folder, with none of the course there, it fetches, installs and starts it.

Both tests clone from this machine and use no network. The same with Colab's own versions: tools/check_versions.py.
"""

import importlib.metadata
import json
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import small_world

from course_utils.commands.run_notebooks import find
from course_utils.paths import ROOT

pytestmark = [
    pytest.mark.skipif(
        sys.platform == "win32", reason="the cell's commands are a Unix shell's, as Colab's is"
    ),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed"),
]
CELL = ROOT / "tools" / "colab_cell.py"
NOT_ON_COLAB = ["evaluate", "sacrebleu", "seqeval"]
IN_THE_COURSE = ["course_utils", "data", "LICENSE", "LICENSE-TEXT-AND-DATA", "README.md", "pyproject.toml"]


def run_cell(
    python: Path, notebook: Path, content: Path, repository: Path, search: Path, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a set-up cell in `content`, with an environment that holds nothing of this process's but `search` in PATH."""
    home = content.parent / "home"
    for folder in (content, home):
        folder.mkdir(exist_ok=True)
    environment = {"PATH": f"{search}:/usr/local/bin:/usr/bin:/bin", "HOME": str(home), **more}
    return subprocess.run(
        [python, CELL, notebook, content, repository.as_uri()],
        env=environment, cwd=content, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def script(path: Path, lines: str) -> None:
    small_world.put(path, f"#!/bin/sh\n{lines}")
    path.chmod(0o755)


def commit(folder: Path) -> Path:
    """Make a folder a repository with one commit."""
    author = [
        "-c",
        "user.name=x",
        "-c",
        "user.email=x",
        "-c",
        "core.compression=0",
        "-c",
        "commit.gpgsign=false",
    ]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *author, *command], cwd=folder, check=True, capture_output=True)
    return folder


def colab_like(folder: Path) -> Path:
    """An environment that has the packages of this one, without the course and what Colab lacks; and its `bin`.

    The packages lie outside it, as Colab's own do, so pip could put others before them but not remove them.
    """
    away = {name.replace("-", "_") for name in (*NOT_ON_COLAB, "course_utils")}
    packages = folder / "dist-packages"
    packages.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            hidden = path.suffix == ".pth" or path.name.split("-")[0] in away or "editable" in path.name
            if not hidden and not (packages / path.name).exists():
                (packages / path.name).symlink_to(path)
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    (site,) = (folder / "venv").glob("lib/python*/site-packages")
    small_world.put(site / "colab.pth", str(packages))
    script(folder / "venv/bin/pip", f'exec "{folder}/venv/bin/python" -m pip "$@"')
    return folder / "venv/bin"


# Every notebook, with a stand-in for the course and for pip


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose `course_utils` only says which notebook started. Its name is not that of the cell's folder."""
    folder = tmp_path_factory.mktemp("a-fork")
    small_world.put(
        folder / "course_utils/__init__.py", "def start(notebook):\n    print('started', notebook)"
    )
    return commit(folder)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that has not the course."""
    return colab_like(tmp_path_factory.mktemp("colab")) / "python"


@pytest.mark.parametrize("notebook", find(), ids=lambda path: path.stem)
def test_the_cell_fetches_and_starts_the_course(
    notebook: Path, python: Path, stand_in: Path, tmp_path: Path
) -> None:
    """Twice, as a reader may run it: the second time it clones nothing."""
    script(tmp_path / "bin/pip", f'echo "pip $* in $PWD" >> "{tmp_path}/told"')
    content = tmp_path / "content"
    for _ in range(2):
        done = run_cell(python, notebook, content, stand_in, tmp_path / "bin")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines() == [
            f"started {notebook.stem}",
            str(content / "course/course_utils/__init__.py"),
        ]
        (content / "course/mine").touch()
    told = (tmp_path / "told").read_text(encoding="utf-8").splitlines()
    assert told == [f"pip install -q -e ./course in {content}"] * 2
    assert (content / "course/mine").exists(), "a reader's work in the folder is left alone"


def test_without_a_network_the_cell_fails_and_says_so(python: Path, tmp_path: Path) -> None:
    script(tmp_path / "bin/pip", "exit 1")
    done = run_cell(python, find()[0], tmp_path / "content", tmp_path / "nowhere", tmp_path / "bin")
    assert done.returncode == 1
    assert "does not appear to be a git repository" in done.stdout or "does not exist" in done.stdout
    assert "No module named 'course_utils'" in done.stdout


# One notebook, with the course itself and the real pip


def wheel(name: str, folder: Path) -> None:
    """Make a wheel of a package that is installed here, so that pip can install it elsewhere without an index."""
    found = importlib.metadata.distribution(name)
    with zipfile.ZipFile(folder / f"{name}-{found.version}-py3-none-any.whl", "w") as archive:
        for file in found.files or []:
            if ".." not in file.parts and file.suffix != ".pyc" and file.locate().exists():
                archive.write(str(file.locate()), file.as_posix())


def installed(python: Path) -> dict[str, str]:
    """Name -> version of what this Python imports: of two versions, the one that comes first on its path."""
    code = (
        "import importlib.metadata as m, json;"
        "print(json.dumps({d.name: m.version(d.name) for d in m.distributions()}))"
    )
    return json.loads(subprocess.check_output([python, "-I", "-c", code], text=True))


def test_the_course_installs_what_is_missing_and_leaves_the_rest_alone(tmp_path: Path) -> None:
    repository, wheels = tmp_path / "repository", tmp_path / "wheels"
    for folder in (repository, wheels):
        folder.mkdir()
    for name in IN_THE_COURSE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, repository / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(ROOT / name, repository / name)
    for name in (*NOT_ON_COLAB, "setuptools"):  # the last builds the course
        wheel(name, wheels)
    search = colab_like(tmp_path)
    python = search / "python"
    before = installed(python)
    assert not before.keys() & {*NOT_ON_COLAB, "course-utils"} and {"torch", "numpy"} <= before.keys()
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = run_cell(python, find()[0], tmp_path / "content", commit(repository), search, **offline)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{find()[0].stem} · track: bundled" in done.stdout
    assert done.stdout.splitlines()[-1] == str(tmp_path / "content/course/course_utils/__init__.py")
    after = installed(python)
    assert after.keys() - before.keys() == {*NOT_ON_COLAB, "course-utils"}
    changed = {name for name in before if after.get(name) != before[name]}
    assert not changed, "torch, numpy and all the others must stay as Colab has them"
