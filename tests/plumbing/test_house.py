"""The rules of the house: what is installed, what may import what, and what never lies in the repository."""

import ast
import graphlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from course_utils.commands import readme

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RANGES = {Requirement(line).name.lower(): Requirement(line).specifier for line in PROJECT["dependencies"]}
EXTRAS = {
    Requirement(line).name.lower(): Requirement(line).specifier
    for group in PROJECT["optional-dependencies"].values()
    for line in group
}
PINS = [
    Requirement(line)
    for line in (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
COLAB = tomllib.loads((ROOT / "tools" / "colab.toml").read_text(encoding="utf-8"))
MODULES = sorted((ROOT / "course_utils").rglob("*.py"))
METHODS = [path for path in MODULES if "methods" in path.parts]
PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> set[str]:
    """Dotted names of everything that a module imports, wherever in it, relative imports made absolute."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            # `from course_utils import methods` imports the module as `import course_utils.methods` does.
            found |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return found


def repository_files() -> list[Path]:
    """Files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


# What is installed


def test_every_requirement_is_an_exact_pin() -> None:
    assert PINS
    for pin in PINS:
        assert re.fullmatch(r"==[\w.]+", str(pin.specifier)), f"{pin} in requirements.txt is not an exact pin"


def test_every_dependency_is_pinned_inside_its_range() -> None:
    pins = {pin.name.lower(): str(pin.specifier).removeprefix("==") for pin in PINS}
    ranges = EXTRAS | RANGES
    assert pins.keys() == ranges.keys()
    for name, version in pins.items():
        assert ranges[name].contains(version), f"{name}=={version} is outside {ranges[name]}"


def test_environment_yml_is_in_step_with_requirements() -> None:
    """It reads requirements.txt, and pins nothing of its own but Python."""
    *conda, pip = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert pip == {"pip": ["-r requirements.txt", "-e ."]}
    python = next(line.split("=")[1] for line in conda if line.startswith("python="))
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{python}.9")
    assert [line for line in conda if not line.startswith("python=")] == ["pip"]


def test_colab_versions_are_admitted() -> None:
    """An install on Colab must find its own packages good enough, and leave them alone."""
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{COLAB['python']}.0")
    for name, version in COLAB["versions"].items():
        assert RANGES[name].contains(version), f"Colab's {name} {version} is outside {RANGES[name]}"
    for name in ("torch", "numpy"):
        assert all(part.operator == ">=" for part in RANGES[name]), (
            f"a bound on {name} would downgrade Colab's"
        )
    assert not {"jupyterlab", "nbval", "ipykernel"} & RANGES.keys(), "would replace Colab's own Jupyter"


def test_pip_install_lines_are_quoted() -> None:
    """`pip install x>=1` writes a file named "=1"."""
    for path in repository_files():
        if path.suffix in {".md", ".ipynb", ".yml", ".toml"} or path.name == "Makefile":
            for line in path.read_text(encoding="utf-8").splitlines():
                bare = re.search(r"pip install[^\"'`]*\s[\w.-]+\s?[<>]=?\s?\d", line)
                assert not bare or path == Path(__file__), f"{name_of(path)}: {line}"


# Commands


@pytest.mark.parametrize(
    "target",
    [
        "course",
        "lab",
        "test",
        "test-fast",
        "bench",
        "statements",
        "bundle",
        "doctor",
        "exhibits",
        "slides",
        "badges",
    ],
)
def test_make_target_sets_itself_up(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    rule = re.search(rf"^{target}: (.*?) ##", makefile, re.MULTILINE)
    assert rule, f"the Makefile has no target {target}"
    assert rule[1] in {"$(READY)", "test-fast", "$(READY) $(MARP)"}, f"{target} does not make .venv first"


def test_ci_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert "make test" in script.read_text(encoding="utf-8")
    assert os.name == "nt" or os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_import_is_light_and_offline() -> None:
    """Importing the package sets the environment before any Hugging Face library is there to read it."""
    code = (
        "import os, sys, course_utils\n"
        "heavy = {'torch', 'transformers', 'datasets', 'huggingface_hub'} & set(sys.modules)\n"
        "print(sorted(heavy), os.environ['HF_HUB_OFFLINE'], os.environ['HF_HUB_DISABLE_TELEMETRY'])"
    )
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    done = subprocess.run([sys.executable, "-c", code], env=clean, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[] 1 1\n", done.stdout + done.stderr


# What may import what


@pytest.mark.parametrize("path", METHODS, ids=name_of)
def test_methods_stand_alone(path: Path) -> None:
    """A method is readable with torch and transformers alone, and with safetensors, in which adapters are stored."""
    allowed = {*sys.stdlib_module_names, "torch", "transformers", "safetensors"}
    for name in imports(path):
        inside = name == "course_utils.methods" or name.startswith("course_utils.methods.")
        assert inside or name.split(".")[0] in allowed, f"{name_of(path)} imports {name}"


ARROWS = {
    "paths": set(),
    "session": {"paths"},
    "assets": {"paths"},
    "methods": set(),
    "data": {"assets"},
    "training": {"assets", "data", "paths", "session"},
    "models": {"assets", "data", "training"},
    "measure": {"training"},
    "plots": {"measure"},
    "results": {"assets", "paths", "session", "training"},
    "checks": {"data", "methods", "paths"},
    "capstone": {"measure", "training"},
    "runs": {"assets", "data", "measure", "methods", "models", "paths", "results", "training"},
    "commands": {"assets", "checks", "paths", "results", "runs", "session"},
    "__main__": {"assets", "commands", "results", "session"},
    "__init__": {"assets", "checks", "paths", "session"},
}
"""What each part of the package may import of the others. No circle: a part names only parts that stand above it."""


def part_of(path: Path) -> str:
    inside = path.relative_to(ROOT / "course_utils").parts
    return inside[0].removesuffix(".py")


def parts_imported(path: Path) -> set[str]:
    names = {name.split(".")[1] for name in imports(path) if re.match(r"course_utils\.\w", name)}
    return (names & ARROWS.keys()) - {part_of(path)}


@pytest.mark.parametrize("part", ARROWS)
def test_arrows_run_down(part: str) -> None:
    """The part's modules import what the table lists, and nothing in it stands there for no module."""
    found = set().union(*(parts_imported(path) for path in MODULES if part_of(path) == part))
    assert found == ARROWS[part]


def test_every_part_has_its_arrows_and_none_run_in_a_circle() -> None:
    assert {part_of(path) for path in MODULES} == ARROWS.keys()
    below = list(ARROWS)
    for part in below[:-1]:  # the front door hands `start` and `progress` on
        assert all(below.index(other) < below.index(part) for other in ARROWS[part]), part


@pytest.mark.parametrize("folder", ["slides", "data/recipes", "benchmarks"])
def test_scripts_import_each_other_in_no_circle(folder: str) -> None:
    """They lie on Python's path beside each other, and import one another by bare names."""
    paths = {path.relative_to(ROOT / folder): path for path in (ROOT / folder).rglob("*.py")}
    names = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): file for path, file in paths.items()
    }
    imported = {name: imports(file) & names.keys() - {name} for name, file in names.items()}
    graphlib.TopologicalSorter(imported).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module_is_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 300, f"{name_of(path)} is too long: split it"


# What never lies in the repository


def test_no_large_and_no_pickled_file() -> None:
    for path in repository_files():
        assert path.stat().st_size < 15 * 2**20, f"{name_of(path)} is over 15 MB"
        assert path.suffix not in PICKLES, f"{name_of(path)} is a pickle"


def test_no_code_from_elsewhere_is_run() -> None:
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"trust_remote_code\s*=\s*True|weights_only\s*=\s*False|import pickle", text), (
            name_of(path)
        )


def test_no_text_names_a_machine() -> None:
    """Paths of an author's machine mean nothing to a reader."""
    words = ["/work" + "/", "/tmp" + "/scratch", "/root" + "/"]
    for path in repository_files():
        data = path.read_bytes()
        for word in words:
            if path.suffix not in {".safetensors", ".png"}:
                assert word.encode() not in data, f"{name_of(path)} names {word}"


def test_readme_states_what_was_measured() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.render(text) == text, "run: python -m course_utils readme"
    workshop = readme.WORKSHOP.read_text(encoding="utf-8")
    assert readme.render_workshop(workshop) == workshop, "run: python -m course_utils readme"
    assert readme.PICTURE.read_bytes() == readme.picture()[0], "run: python -m course_utils readme"
    shipped = readme.RESULTS.read_text(encoding="utf-8")
    assert readme.render_results() == shipped, "run: python -m course_utils readme"
