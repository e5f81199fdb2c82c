"""Does the course run with other versions than the measured ones? Installs them in a clean environment and tries.

    python tools/check_versions.py lowest                           # the lowest versions that pyproject.toml admits
    python tools/check_versions.py colab --python python3.13        # what Colab ships: tools/colab.toml
    python tools/check_versions.py colab --torch 2.13.0 --only 02   # another torch than the set's; run notebook 02 too

It runs the unit tests, not the linters, then the notebooks of --only. The environment stays in build/versions/.
With the colab set, it first runs the set-up cell of every notebook as Colab does: in an empty folder, in an environment
that holds Colab's versions and no course, and with the last commit of this repository for the one on the web. The cell
must install what is missing, start the course, and change no package that was there (torch and numpy above all).
Not a test of `make test`: it downloads up to gigabytes (torch, of which an index may have only the CUDA build).
tests/notebooks/test_colab.py tries the cells without a download.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
COLAB = tomllib.loads((ROOT / "tools" / "colab.toml").read_text(encoding="utf-8"))
NOT_NEEDED = {"mypy", "nbval", "ruff"}  # these only lint, or run what --only runs


def requirements(*extras: str) -> dict[str, str]:
    """Name -> requirement of the course and of these extras, as pyproject.toml has them."""
    lines = PROJECT["dependencies"] + [x for extra in extras for x in PROJECT["optional-dependencies"][extra]]
    named = {line.split(">=")[0]: line for line in lines}
    return {name: line for name, line in named.items() if name not in NOT_NEEDED}


def lowest() -> dict[str, str]:
    """Name -> the lowest version that pyproject.toml admits, for what a reader runs and what the tests need."""
    needed = requirements("lab", "dev")
    return {name: line.split(">=")[1].split(",")[0] for name, line in needed.items()}


def canonical(name: str) -> str:
    """A package's name as the index compares it: huggingface_hub and huggingface-hub are one."""
    return re.sub("[-_.]+", "-", name).lower()


def installed(python: Path) -> dict[str, str]:
    """Name -> version of everything in an environment, names as `canonical` writes them."""
    listed = subprocess.run(
        [python, "-I", "-m", "pip", "list", "--format", "json"], check=True, capture_output=True, text=True
    )
    return {canonical(row["name"]): row["version"] for row in json.loads(listed.stdout)}


def refuse_changes(before: dict[str, str], now: dict[str, str]) -> None:
    """Raises SystemExit when installing the course changed a package: on Colab the session would break."""
    moved = [f"{name} {before[name]} -> {now.get(name)}" for name in before if now.get(name) != before[name]]
    if moved:
        raise SystemExit(f"Installing the course changed what was there: {', '.join(moved)}")


def run_set_up_cells(python: Path, content: Path) -> None:
    """The set-up cell of every notebook, each in an empty folder. Raises SystemExit at the first that fails."""
    tool, address = ROOT / "tools" / "colab_cell.py", ROOT.as_uri()
    keep = {name: os.environ[name] for name in ("HOME", "TMPDIR", "LANG") if name in os.environ}
    keep |= {
        name: value for name, value in os.environ.items() if name.startswith("PIP_")
    }  # the reader's index
    keep["PATH"] = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
    for notebook in sorted((ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        before = installed(python)
        folder = content / notebook.stem
        folder.mkdir(parents=True)
        run = subprocess.run(
            [python, tool, notebook, folder, address], cwd=folder, env=keep, stdout=subprocess.PIPE
        )
        shown = run.stdout.decode(errors="replace").splitlines() or [""]
        if run.returncode or Path(shown[-1]) != folder / "course" / "course_utils" / "__init__.py":
            raise SystemExit("\n".join([f"The set-up cell of {notebook.name} failed:", *shown]))
        now = installed(python)
        refuse_changes(before, now)
        added = ", ".join(f"{name} {now[name]}" for name in sorted(now.keys() - before.keys()))
        print(f"set-up cell of {notebook.name}: ok; it installed {added}", flush=True)
        subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", "course-utils"], check=True)
        shutil.rmtree(folder)


def install(python: Path, versions: dict[str, str], on_colab: bool) -> None:
    """These versions, then the course as the set-up cell installs it, then what the tests need.

    Raises SystemExit when installing the course changes a package that was there.
    """
    pins = [f"{name}=={version}" for name, version in versions.items()]
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *pins], check=True)
    if on_colab:
        subprocess.run([*pip, requirements("lab")["ipykernel"]], check=True)  # a kernel runs the cell there
        run_set_up_cells(python, python.parent.parent / "content")
    before = installed(python)
    subprocess.run([*pip, "-e", "."], cwd=ROOT, check=True)
    refuse_changes(before, installed(python))
    subprocess.run([*pip, *pins, *requirements("lab", "dev").values()], check=True)


def main() -> int:
    """Install, print what is there, run. Returns 0 when everything passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=["lowest", "colab"])
    parser.add_argument(
        "--python", default=sys.executable, help="the interpreter to build the environment with"
    )
    parser.add_argument("--torch", help="this version of torch instead of the set's")
    parser.add_argument("--only", nargs="+", metavar="NN", help="notebooks to run after the tests, e.g. 02")
    arguments = parser.parse_args()
    versions = lowest() if arguments.set == "lowest" else dict(COLAB["versions"])
    if arguments.torch:
        versions["torch"] = arguments.torch

    folder = ROOT / "build" / "versions" / arguments.set
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([arguments.python, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    install(python, versions, on_colab=arguments.set == "colab")
    have = installed(python)
    print(f"{arguments.set}:", subprocess.check_output([python, "--version"], text=True).strip())
    print("\n".join(f"  {name} {have[canonical(name)]}" for name in requirements("lab", "dev")), flush=True)

    # A build folder of its own: nothing that another environment cached is read.
    environment = {**os.environ, "COURSE_BUILD": str(folder / "build")}
    environment.pop("PYTHONPATH", None)
    runs = [[python, "-m", "pytest", "-q", "tests"]]
    if arguments.only:
        runs.append([python, "-m", "course_utils", "course", "--only", *arguments.only])
    return max(subprocess.run(run, cwd=ROOT, env=environment).returncode for run in runs)


if __name__ == "__main__":
    sys.exit(main())
