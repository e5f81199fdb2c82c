"""What a deck may ask for between <%= and %>: a measured number, a paper's, a table, a picture, a place in a notebook.

Nothing here has a fallback: what is not there stops the build, with words that say what is.
"""

import json
import re
import tomllib
from pathlib import Path

import jinja2
from measured import (
    besides_head,
    mean,
    minus,
    paper,
    paper_rows,
    part,
    source,
    times,
    trained,
    value,
    verdict,
)
from pictures import PICTURES

from course_utils.paths import DATA, ROOT

NOTEBOOKS = ROOT / "notebooks"
FIGURE = re.compile(r'src="figures/(\w+)\.svg"')


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; the first column is words, the others are numbers."""
    if any(len(row) != len(header) for row in rows):
        raise ValueError(f"A row of the table {header} has another number of cells.")
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n" + "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"


def figure(name: str, alt: str) -> str:
    """A picture of `pictures/` and, for those who cannot see it, what it shows."""
    if name not in PICTURES:
        raise ValueError(
            f"There is no picture named {name!r} in slides/pictures. There are {sorted(PICTURES)}."
        )
    if len(alt.split()) < 4 or '"' in alt:
        raise ValueError(f"The picture {name!r} needs alternative text: a sentence, without double quotes.")
    return f'<img src="figures/{name}.svg" alt="{alt}">'


def hands_on(number: str, section: str, minutes: int) -> str:
    """The card of a hands-on point: which notebook to open, at which heading, and how long it takes."""
    path = _notebook(number)
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    headings = {
        line.lstrip("# ").strip(): cell["id"]
        for cell in cells if cell["cell_type"] == "markdown"
        for line in "".join(cell["source"]).splitlines() if line.startswith("#")
    }  # fmt: skip
    if section not in headings:
        raise ValueError(f"{path.name} has no heading {section!r}. It has {list(headings)}.")
    title = next(iter(headings))
    address = f"{_colab()}/{path.name}#scrollTo={headings[section]}"
    return (
        f'<div class="card"><p>Now open <a href="{address}">notebook {title}</a></p>'
        f"<p>Go to <b>{section}</b></p><p>{minutes} minutes</p></div>"
    )


def _notebook(number: str) -> Path:
    found = sorted(NOTEBOOKS.glob(f"{number}_*.ipynb"))
    if not found:
        raise ValueError(
            f"There is no notebook {number}. There are {[p.name for p in NOTEBOOKS.glob('*.ipynb')]}."
        )
    return found[0]


def _colab() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    repository = project["urls"]["Repository"].removeprefix("https://")
    return (
        f"https://colab.research.google.com/{repository.replace('github.com', 'github')}/blob/main/notebooks"
    )


def run_time(number: str) -> str:
    """How long a notebook ran from top to bottom on the bundled track, for instance "136 s"."""
    runs = json.loads((DATA / "results" / "bundled" / "runs.json").read_text(encoding="utf-8"))
    return f"{runs[_notebook(number).stem]['seconds']} s"


def render(deck: Path) -> str:
    """The Markdown of a deck, filled in. Raises ValueError that names the deck for anything that is not there."""
    environment = jinja2.Environment(
        variable_start_string="<%=", variable_end_string="%>", undefined=jinja2.StrictUndefined, autoescape=False,
        trim_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.globals.update(
        value=value, trained=trained, paper=paper, source=source, table=table, figure=figure,
        part=part, verdict=verdict, hands_on=hands_on, run_time=run_time,
        besides_head=besides_head, mean=mean, minus=minus, times=times, paper_rows=paper_rows,
    )  # fmt: skip
    try:
        return environment.from_string(deck.read_text(encoding="utf-8")).render()
    except (ValueError, jinja2.TemplateError) as error:
        raise ValueError(f"{deck.name}: {error}") from error
