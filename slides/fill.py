"""What a deck may ask for between <%= and %>: a measured number, a paper's, a table, a picture, a place in a notebook.

Nothing here has a fallback: what is not there stops the build, with words that say what is.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from pictures import PICTURES

from course_utils import results
from course_utils.paths import DATA, ROOT

NOTEBOOKS = ROOT / "notebooks"
FIGURE = re.compile(r'src="figures/(\w+)\.svg"')


def value(
    exhibit: str, method: str, data: str | None = None, *, metric: str = "accuracy", track: str = "bundled",
    digits: int = 1, **extra: Any,
) -> str:  # fmt: skip
    """The mean of a shipped measurement over its seeds; accuracy and F1 in percent. `extra` names settings (rank=4)."""
    rows = _rows(exhibit, method, data, metric, track, extra)
    return f"{rows['value'].mean() * (100 if metric in results.SHARES else 1):,.{digits}f}"


def trained(
    exhibit: str, method: str, data: str | None = None, *, metric: str = "accuracy", **extra: Any
) -> str:
    """The number of parameters that a shipped run trained, with commas."""
    counts = _rows(exhibit, method, data, metric, "bundled", extra)["trainable_parameters"].unique()
    if len(counts) > 1:
        raise ValueError(
            f"{exhibit}, {method}: runs that trained {sorted(counts)} parameters; name the setting."
        )
    return f"{int(counts[0]):,}"


def _rows(
    exhibit: str, method: str, data: str | None, metric: str, track: str, extra: dict[str, Any]
) -> pd.DataFrame:
    rows = results.load(track=track, own=False)
    asked = {
        "exhibit": exhibit,
        "method": method,
        "metric": metric,
        **({"data": data} if data else {}),
        **extra,
    }
    found = rows
    for name, wanted in asked.items():
        found = found[found[name] == wanted] if name in found else found[:0]
    if found.empty:
        there = sorted(set(rows.loc[rows["exhibit"] == exhibit, "method"]))
        raise ValueError(f"No shipped row has {asked}. Methods of {exhibit}: {there}.")
    if found["seed"].duplicated().any():
        same = ("seed", "value", "seconds", "time", "peak_bytes", "versions", "machine", "source")
        differ = [name for name in found if name not in same and found[name].astype(str).nunique() > 1]
        raise ValueError(f"Several measurements have {asked}: they differ in {differ}. Name one.")
    return found


def besides_head(exhibit: str, method: str, data: str, *, digits: int = 1) -> str:
    """What a method trains besides the head, in percent of the model, as the papers count it: from the shipped runs of
    the method, of the head alone and of full fine-tuning."""
    one, head, whole = (
        int(trained(exhibit, name, data).replace(",", ""))
        for name in (method, "head only", "full fine-tuning")
    )
    return f"{100 * (one - head) / whole:.{digits}f}"


def mean(numbers: list[str], *, digits: int = 1) -> str:
    """The mean of numbers that `value`, `claim` or `paper` gave; ask those for more digits than you show."""
    return f"{sum(float(number.replace(',', '')) for number in numbers) / len(numbers):,.{digits}f}"


def claim(exhibit: str, start: str, *, track: str = "bundled", digits: int = 1, times: float = 1) -> str:
    """The mean, over the seeds, of what was measured for the shipped claim whose text begins with `start`.

    `times` changes the unit: 100 shows a share in percent, -1 a lead as what another is behind, 1e6 millionths."""
    kept = json.loads((DATA / "results" / track / "claims.json").read_text(encoding="utf-8"))
    found = [row for row in kept if row["exhibit"] == exhibit and row["text"].startswith(start)]
    if len(found) != 1:
        texts = [row["text"] for row in kept if row["exhibit"] == exhibit]
        raise ValueError(f"{len(found)} claims of {exhibit} begin with {start!r}. There are {texts}.")
    if found[0]["held"] != found[0]["of"]:
        raise ValueError(
            f"The claim of {exhibit} {start!r} held in {found[0]['held']} of {found[0]['of']} runs only."
        )
    numbers = [times * float(number) for number in found[0]["measured"].values()]
    return f"{sum(numbers) / len(numbers):,.{digits}f}"


def paper(exhibit: str, row: str, column: str) -> str:
    """A paper's figure as the slides of the tutorial show it."""
    figures = results.paper(exhibit)
    if row not in figures.index or column not in figures:
        raise ValueError(f"The paper's {exhibit} has rows {list(figures.index)} and columns {list(figures)}.")
    shown = figures.loc[row, column]
    return "–" if pd.isna(shown) else str(shown)


def paper_rows(exhibit: str) -> list[str]:
    """The names of the rows of a paper's figures, in their order."""
    return list(results.paper(exhibit).index)


def source(exhibit: str) -> str:
    """Where a paper's figures come from."""
    return str(results.paper(exhibit).attrs["source"])


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
        value=value, trained=trained, claim=claim, paper=paper, source=source, table=table, figure=figure,
        hands_on=hands_on, run_time=run_time,
        besides_head=besides_head, mean=mean, paper_rows=paper_rows,
    )  # fmt: skip
    try:
        return environment.from_string(deck.read_text(encoding="utf-8")).render()
    except (ValueError, jinja2.TemplateError) as error:
        raise ValueError(f"{deck.name}: {error}") from error
