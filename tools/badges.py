"""Write the course's address wherever a reader meets it.

    make badges REPO=owner/name     # a new address
    make badges                     # set right what differs from the setting, such as a new notebook

The one setting is `Repository` in pyproject.toml. From it come the Colab and Binder badges of every notebook and of the
README, the address that the set-up cells clone, and links to the repository in README, CONTRIBUTING and docs/. Not one
byte else changes in these files. tests/notebooks/test_badges.py fails where one of them disagrees with the setting.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SETTING = re.compile(r'^(Repository = "https://github\.com/)([^"]+)(")$', re.MULTILINE)
REPO = r"[A-Za-z0-9][\w.-]*/[\w.-]+"
# What stands before an address and what stands after it. Colab's and Binder's are always the course's own.
BADGES = [
    re.compile(rf"(colab\.research\.google\.com/github/){REPO}(/blob/)"),
    re.compile(rf"(mybinder\.org/v2/gh/){REPO}(/)"),
]
# The folder is named, so that a repository may have any name.
CLONE = re.compile(rf"(git clone -q --depth 1 https://github\.com/){REPO}(?: course)?(;)")


def setting(root: Path = ROOT) -> str:
    """The repository that pyproject.toml names, as "owner/name"."""
    found = SETTING.search((root / "pyproject.toml").read_text(encoding="utf-8"))
    if not found:
        raise SystemExit('pyproject.toml has lost its setting: Repository = "https://github.com/owner/name"')
    return found[2]


def files(root: Path = ROOT) -> list[Path]:
    """Every file that holds the course's address, besides pyproject.toml."""
    texts = [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md"))]
    return [*sorted((root / "notebooks").glob("*.ipynb")), *texts]


def addressed(text: str, old: str, new: str) -> str:
    """`text` with the address `new` in badges and clone lines, and wherever a link leads to the repository `old`."""
    for badge in BADGES:
        text = badge.sub(rf"\g<1>{new}\g<2>", text)
    text = CLONE.sub(rf"\g<1>{new} course\g<2>", text)
    return re.sub(rf"(https://github\.com/){re.escape(old)}(?![\w-]|\.(?!git\b)\w)", rf"\g<1>{new}", text)


def write(repo: str | None = None, root: Path = ROOT) -> list[Path]:
    """Make `repo` ("owner/name") the setting, if given; bring every file in step. Returns the files that changed."""
    old = setting(root)
    new = repo or old
    if not re.fullmatch(REPO, new):
        raise SystemExit(
            f"{new!r} is no repository. Write its owner and its name: make badges REPO=owner/name"
        )
    changed = []
    for path in [root / "pyproject.toml", *files(root)]:
        before = path.read_bytes().decode("utf-8")  # bytes: no line end is to change
        if path.name == "pyproject.toml":
            after = SETTING.sub(rf"\g<1>{new}\g<3>", before)
        else:
            after = addressed(before, old, new)
        if after != before:
            path.write_bytes(after.encode("utf-8"))
            changed.append(path)
    return changed


def main() -> int:
    """Rewrite, and list what changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repo", nargs="?", metavar="owner/name", help="the new address (else: the setting's)")
    changed = write(parser.parse_args().repo)
    for path in changed:
        print(f"written: {path.relative_to(ROOT).as_posix()}")
    print(f"{len(changed)} files changed; the repository is {setting()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
