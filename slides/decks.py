"""`make slides`: every deck as one self-contained HTML file and one PDF in build/slides/, or a list of what is wrong.

The sources are the Markdown files beside this one, filled in by `fill.py` from the shipped results, the papers' figures
and `pictures/`. Marp makes slides of them. A build that fails leaves the last good one in place.
"""

import argparse
import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import browser
import draw
import fill
import matplotlib.pyplot as plt
import outline
from pictures import PICTURES

from course_utils.paths import BUILD

SOURCES = Path(__file__).resolve().parent
MARP = Path("node_modules/@marp-team/marp-cli/marp-cli.js")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Slides</title>
<style>body {{ font: 18px/1.6 sans-serif; max-width: 760px; margin: auto }} td {{ padding: 4px 16px 4px 0 }}</style>
<h1>Slides</h1><p>P opens the speaker's view with notes and times, F the full screen.</p><table>{rows}</table></html>
"""


def draw_pictures(text: str, folder: Path) -> None:
    """Draw the pictures that a filled deck shows, each checked, as SVG files into `folder`."""
    for name in fill.FIGURE.findall(text):
        path = folder / f"{name}.svg"
        if path.exists():
            continue
        picture = PICTURES[name]()
        with plt.rc_context(draw.STYLE):
            picture.savefig(path, metadata={"Date": None})


def marp(deck: Path, output: Path, tools: Path, *options: str) -> None:
    """Have Marp turn a deck into `output`. Raises OSError with what it said if it does not."""
    command = [
        "node",
        str(tools / MARP),
        str(deck),
        "--output",
        str(output),
        "--theme",
        str(SOURCES / "theme.css"),
    ]
    command += ["--html", "--allow-local-files", "--no-stdin", *options]
    variables = {**os.environ, "CHROME_PATH": browser.find(), "CHROME_NO_SANDBOX": "1"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    if done.returncode or not output.exists():
        raise OSError(f"Marp made no {output.name}:\n{done.stderr[-1500:]}")


def embed(page: Path) -> None:
    """Put the pictures of a page into it. Raises ValueError if the page still needs anything from elsewhere."""

    def data(found: re.Match[str]) -> str:
        content = (page.parent / "figures" / f"{found[1]}.svg").read_bytes()
        return f'src="data:image/svg+xml;base64,{base64.b64encode(content).decode()}"'

    text = fill.FIGURE.sub(data, page.read_text(encoding="utf-8"))
    outside = re.findall(
        r'<(?:script|img|link)[^>]*(?:src|href)="(?!data:)[^"]*"|@import[^;]*;|url\(["\']?http[^)]*\)', text
    )
    if outside:
        raise ValueError(f"{page.name} needs files from elsewhere: {outside[:3]}")
    page.write_text(text, encoding="utf-8")


def build(deck: Path, folder: Path, tools: Path) -> tuple[list[outline.Slide], list[str]]:
    """Build one deck into `folder`; return its slides and what is wrong with them."""
    text = fill.render(deck)
    slides = outline.slides(text)
    draw_pictures(text, folder / "figures")
    filled = folder / deck.name
    filled.write_text(text, encoding="utf-8")
    look = folder / f"{deck.stem}.bare.html"
    marp(filled, look, tools, "--template", "bare")
    wrong = outline.faults(slides) + browser.faults(look)
    look.unlink()
    if not wrong:
        marp(filled, folder / f"{deck.stem}.pdf", tools, "--pdf", "--pdf-notes", "--pdf-outlines")
        marp(filled, folder / f"{deck.stem}.html", tools)
        embed(folder / f"{deck.stem}.html")
    filled.unlink()
    return slides, [f"{deck.name}, {fault}" for fault in wrong]


def lacking(tools: Path, decks: list[Path]) -> str:
    """What the build cannot do without, in words, or nothing."""
    if not decks:
        there = ", ".join(path.stem for path in sorted(SOURCES.glob("[0-9]*.md")))
        return f"No deck has such a name. There are {there}."
    if not (tools / MARP).exists() or not shutil.which("node"):
        return f"Marp is not in {tools}, or Node is not there. `make slides` installs Marp; Node is from nodejs.org."
    try:
        browser.find()
    except OSError as error:
        return str(error)
    return ""


def main() -> int:
    """Build the decks, print how many slides and minutes each has, return 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description="Build the slides as HTML and PDF.")
    parser.add_argument(
        "--only", nargs="+", metavar="NN", default=[], help="decks whose names start so, e.g. 02"
    )
    parser.add_argument(
        "--marp", type=Path, default=BUILD / "marp", help="the folder with Marp's node_modules"
    )
    arguments = parser.parse_args()
    wanted = tuple(arguments.only or [""])
    decks = [deck for deck in sorted(SOURCES.glob("[0-9]*.md")) if deck.name.startswith(wanted)]
    if missing := lacking(arguments.marp, decks):
        print(missing, file=sys.stderr)
        return 1
    part, done = BUILD / "slides.part", BUILD / "slides"
    shutil.rmtree(part, ignore_errors=True)
    (part / "figures").mkdir(parents=True)
    rows, wrong = [], []
    for deck in decks:
        try:
            slides, faults = build(deck, part, arguments.marp)
        except (ValueError, OSError) as error:
            slides, faults = [], [str(error)]
        wrong += faults
        rows.append(_row(deck, slides))
    if wrong:
        print(*wrong, sep="\n", file=sys.stderr)
        print(f"{len(wrong)} faults; {done} is as it was.", file=sys.stderr)
    else:
        shutil.rmtree(part / "figures")
        if not arguments.only:
            (part / "index.html").write_text(PAGE.format(rows="".join(rows)), encoding="utf-8")
        names = [f"{deck.stem}.html" for deck in decks] if arguments.only else ["index.html"]
        done.mkdir(exist_ok=True)
        for path in part.iterdir():
            os.replace(path, done / path.name)
        print(*(f"Open {done / name}" for name in names), sep="\n")
    shutil.rmtree(part)
    return int(bool(wrong))


def _row(deck: Path, slides: list[outline.Slide]) -> str:
    """Say how long a deck is, and return its line of the page that leads to all."""
    hands_on = sum(slide.minutes for slide in slides if slide.kind == "hands-on")
    talk = sum(slide.minutes for slide in slides) - hands_on
    print(
        f"{deck.stem:18} {len(slides):3} slides {talk:6.1f} min of talk {hands_on:6.1f} min of hands-on",
        flush=True,
    )
    links = f'<td><a href="{deck.stem}.html">{deck.stem}</a><td><a href="{deck.stem}.pdf">PDF</a>'
    return f"<tr>{links}<td>{len(slides)} slides<td>{talk:.0f} min talk<td>{hands_on:.0f} min hands-on"


if __name__ == "__main__":
    sys.exit(main())
