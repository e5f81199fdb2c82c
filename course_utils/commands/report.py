"""What a run of the course leaves behind: a table on the screen, the executed notebooks, an index page."""

import html
import os
import platform
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from nbconvert import HTMLExporter

from course_utils import assets
from course_utils.commands import run_notebooks, ship
from course_utils.paths import BUILD

HEADER = ["notebook", "seconds", "peak memory", "outcome"]
MATH = re.compile(r"```.*?```|`[^`\n]*`|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+)\$", re.DOTALL)
REMOTE_SCRIPT = re.compile(
    r"<script\b[^>]*?(?:>(?:(?!</script>).)*?)?https://cdnjs\.(?:(?!</script>).)*</script>", re.DOTALL
)
STYLE = (
    "body{font-family:sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{border:1px solid #999;padding:.4rem .8rem;text-align:left}"
    "pre{background:#f6f6f6;padding:.8rem;overflow-x:auto}.failed{color:#a00;font-weight:bold}"
)


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns also line up on a plain screen."""
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in [header, *rows]]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def row(result: run_notebooks.Run) -> list[str]:
    """A run as cells of the table: name, seconds, peak memory of the kernel, outcome."""
    peak = f"{result.peak_bytes / 2**20:,.0f} MiB" if result.peak_bytes else "not measured"
    return [result.notebook, f"{result.seconds:.0f}", peak, "FAILED" if result.error else "ok"]


def machine() -> str:
    """The track, the machine and the versions that the report's figures belong to."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "datasets", "peft"))
    return (
        f"Track: {assets.track()}. {platform.system()} on {platform.machine()}, {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, {versions}."
    )


def write(runs: list[run_notebooks.Run], out: Path) -> Path:
    """Write every run as a notebook and an HTML page into `out`, with an index page; return the index's path.

    The folder is made anew beside its place and then moved in, so that a report is always of one run.
    """
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for result in runs:
        nbformat.write(result.executed, part / f"{result.notebook}.ipynb")
        (part / f"{result.notebook}.html").write_text(_page(result), encoding="utf-8")
    (part / "index.html").write_text(_index(runs), encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    os.replace(part, out)
    return out / "index.html"


def _page(result: run_notebooks.Run) -> str:
    """An executed notebook as an HTML page that is whole without a network.

    nbconvert's page fetches MathJax to show formulas, and scripts for widgets that need a kernel anyway.
    Browsers show MathML by themselves.
    """
    notebook = nbformat.from_dict(result.executed)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = MATH.sub(_as_mathml, cell.source)
    resources = {"metadata": {"name": result.notebook}, "language_code": "en"}
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook, resources=resources)
    return REMOTE_SCRIPT.sub("", page)


def _as_mathml(found: re.Match[str]) -> str:
    block, inline = found["block"], found["inline"]
    if block is None and inline is None:  # code, where a dollar is a dollar
        return found[0]
    return convert(block or inline, display="block" if block else "inline")


def _html_table(header: list[str], rows: list[str]) -> str:
    return f"<table><tr>{''.join(f'<th>{cell}</th>' for cell in header)}</tr>{''.join(rows)}</table>"


def _index(runs: list[run_notebooks.Run]) -> str:
    lines, failures = [], []
    for result in runs:
        name, *cells, outcome = (html.escape(cell) for cell in row(result))
        middle = "".join(f"<td>{cell}</td>" for cell in cells)
        mark = ' class="failed"' if result.error else ""
        lines.append(f'<tr><td><a href="{name}.html">{name}</a></td>{middle}<td{mark}>{outcome}</td></tr>')
        if result.error:
            failures.append(f"<h2>{name} failed</h2><pre>{html.escape(result.error)}</pre>")
    seconds = sum(result.seconds for result in runs)
    return "\n".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The course, run</title>',
            f"<style>{STYLE}</style></head><body><h1>The course, run on this machine</h1>",
            f"<p>{html.escape(machine())}</p>",
            _html_table(HEADER, lines),
            f"<p>Together {seconds:.0f} seconds. Peak memory is the resident memory of the notebook's "
            "kernel, sampled ten times a second.</p>",
            *failures,
            "</body></html>\n",
        ]
    )


def course(folder: Path = run_notebooks.NOTEBOOKS, only: list[str] | None = None, store: bool = False) -> int:
    """Run the course, print the table, write build/report/. Returns 1 if a notebook failed, else 0.

    With `store`, for authors, the outputs of a bundled run are written back into the notebooks that ran through, and
    seconds and memory go to data/results/<track>/.
    """
    paths = run_notebooks.find(folder, only)
    runs = run_notebooks.run_all(paths)
    index = write(runs, BUILD / "report")
    print(table(HEADER, [row(result) for result in runs]))
    print(f"\n{machine()}\nThe executed notebooks: {index}")
    for path, result in zip(paths, runs, strict=True):
        if store and not result.error:
            # The outputs that readers see first are of the track that all have.
            if assets.track() == "bundled":
                run_notebooks.store(result, path)
            ship.keep_time(result)
            print(f"stored the run of {path.name}")
    failed = [result for result in runs if result.error]
    for result in failed:
        print(f"\n{result.notebook} failed in {result.error}")
    return 1 if failed else 0
