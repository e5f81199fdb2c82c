"""JupyterLab as a reader meets it: the course's own server, and a real browser that clicks and types.

Slow for a reason (about half a minute): a whole notebook runs. Skipped where there is no browser. The server shows
copies, in a folder of their own, with Jupyter's own folders beside them: nothing lands in the repository or at home.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest

from course_utils.paths import ROOT

sys.path.insert(0, str(ROOT / "slides"))
import browser  # noqa: E402

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

LONGEST = 300_000  # milliseconds that one step may take, on a machine that is busy with other things
FIRST, SLIDER = "00_start_here.ipynb", "01_scale.ipynb"
TOKEN = "only-for-this-test"
WRONG = """@exercise("first_steps.accuracy")
def accuracy(predicted, labels):
    return (predicted == labels).sum().item()"""
RIGHT = WRONG.replace(".sum()", ".float().mean()")
SERVE = """
import sys
from pathlib import Path
from course_utils.commands.lab import open_lab
sys.exit(open_lab(sys.argv[2:], root=Path(sys.argv[1])))
"""
BADGE = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="20"/>'


# The server


def put(notebook: Path, folder: Path, last: str = "") -> None:
    """Copy a notebook without its outputs; with `last`, up to the first code cell with that text, and a link."""
    copied = nbformat.read(notebook, as_version=4)
    code = [cell for cell in copied.cells if cell.cell_type == "code"]
    for cell in code:
        cell.outputs, cell.execution_count = [], None
    if last:
        at = copied.cells.index(next(cell for cell in code if last in cell.source))
        link = nbformat.v4.new_markdown_cell("[every result](../docs/results.md)")
        copied.cells = [*copied.cells[: at + 1], link]
    nbformat.write(copied, folder / notebook.name)


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server shows: two notebooks, and a text outside of their folder."""
    folder = tmp_path_factory.mktemp("the course – é #1")
    for name in ("notebooks", "docs"):
        (folder / name).mkdir()
    put(ROOT / "notebooks" / FIRST, folder / "notebooks")
    put(ROOT / "notebooks" / SLIDER, folder / "notebooks", last="Slider(")
    (folder / "docs" / "results.md").write_text("# What was measured\n", encoding="utf-8")
    return folder


def environment(folder: Path) -> dict[str, str]:
    """Jupyter's folders below `folder`, with a kernelspec "python3" whose Python is gone; one thread."""
    stale = {"argv": [str(folder / "gone" / "python"), "{connection_file}"], "display_name": "Python 3"}
    kernel = folder / "data" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({**stale, "language": "python"}), encoding="utf-8")
    own = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    own |= {"IPYTHONDIR": "ipython", "COURSE_BUILD": "build"}
    away = ("JUPYTER", "COURSE_", "HF_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(away)}
    return {**kept, **{name: str(folder / place) for name, place in own.items()}, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def server(copies: Path) -> Iterator[str]:
    """The address of the course's server on `copies`, which ends with the module."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}"]
    options += ["--no-browser", "--allow-root", "--ip=127.0.0.1"]
    jupyter, log = copies / "jupyter", copies / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(copies), *options],
            cwd=ROOT, env=environment(jupyter), stdin=subprocess.DEVNULL, stdout=out, stderr=out,
        )  # fmt: skip
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + LONGEST / 1000
    try:
        while not answers(address):
            assert process.poll() is None and time.monotonic() < end, log.read_text(encoding="utf-8")
            time.sleep(0.2)
        yield address
        assert not (jupyter / "config" / "lab").exists(), "JupyterLab wrote to the reader's own settings"
    finally:
        process.terminate()  # and with it the kernels
        process.wait(timeout=60)


def get(address: str) -> str:
    with urllib.request.urlopen(f"{address}?token={TOKEN}", timeout=30) as response:
        return response.read().decode()


def answers(address: str) -> bool:
    try:
        get(f"{address}/api")
    except OSError:
        return False
    return True


def test_the_servers_settings_hold(server: str) -> None:
    """What would be asked on some machines only: builds where there are extensions, news where there is a network."""
    config = re.search(r'id="jupyter-config-data"[^>]*>(.*?)</script>', get(f"{server}/lab"), re.DOTALL)
    assert config and not any(json.loads(config[1])[name] for name in ("buildCheck", "buildAvailable"))
    told = json.loads(get(f"{server}/lab/api/settings/@jupyterlab/apputils-extension:notification"))
    chosen = told["schema"]["properties"]
    assert (chosen["fetchNews"]["default"], chosen["checkForUpdates"]["default"]) == ("false", False)
    (only,) = json.loads(get(f"{server}/api/kernelspecs"))["kernelspecs"].values()
    assert only["spec"]["argv"][0] == sys.executable, "not the kernelspec in Jupyter's folder"


# The browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    try:
        path = browser.find()
    except OSError as error:
        pytest.skip(str(error))
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def page(chromium: Any, server: str) -> Iterator[Any]:
    """An empty page. After the test: no error on the console, no question, and no other host was asked."""
    faults: list[str] = []
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(LONGEST)
    page.on("pageerror", lambda error: faults.append(f"script error: {error}"))
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)

    def elsewhere(route: Any) -> None:
        """The badges of a notebook's first cell are pictures from elsewhere; nothing else is to be asked."""
        if route.request.resource_type != "image":
            faults.append(f"asked {route.request.url}")
        route.fulfill(status=200, content_type="image/svg+xml", body=BADGE)

    page.route(lambda url: not url.startswith(server), elsewhere)
    yield page
    faults += page.locator(".jp-Dialog, .Toastify__toast").all_inner_texts()
    page.close()
    assert faults == []


def open_notebook(page: Any, server: str, name: str) -> None:
    page.goto(
        f"{server}/lab/tree/notebooks/{name}?token={TOKEN}&reset"
    )  # without the tabs of the test before
    page.locator(".lm-TabBar-tab.jp-mod-current", has_text=name).wait_for()
    page.locator(".jp-Notebook:visible .jp-Cell").first.wait_for()
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()


def run_all(page: Any, path: Path) -> None:
    """Run all cells by the menu, and save until the file says that each of them has run. An error fails at once."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    end, code = time.monotonic() + LONGEST / 1000, []
    while not code or not all(cell.execution_count for cell in code):
        assert time.monotonic() < end, [cell.execution_count for cell in code]
        page.wait_for_timeout(2000)
        page.keyboard.press("Control+s")
        with suppress(ValueError):  # the server is writing the file right now
            code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert [out for cell in code for out in cell.outputs if out.output_type == "error"] == []


def scroll_to(page: Any, text: str) -> Any:
    """The first code cell that has `text`. JupyterLab may keep only those cells that are near."""
    panel = page.locator(".jp-WindowedPanel-outer:visible")
    panel.evaluate("panel => panel.scrollTop = 0")
    found = page.locator(".jp-Notebook:visible .jp-CodeCell", has_text=text).first
    for _ in range(100):
        if found.is_visible():
            break
        panel.evaluate("panel => panel.scrollTop += 500")
        page.wait_for_timeout(100)
    found.scroll_into_view_if_needed()
    return found


def answer(page: Any, source: str) -> Any:
    """Type `source` into the cell that begins like it, and run that. Returns the output."""
    exercise = scroll_to(page, source.splitlines()[0])
    exercise.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")
    return exercise.locator(".jp-OutputArea-output")


def whole_text(page: Any, output: Any, lines: int, other_than: str = "") -> str:
    """What an output shows once it has so many lines: it is empty before its first text and between two texts."""
    deadline = time.monotonic() + LONGEST / 1000
    while (text := str(output.inner_text())) == other_than or len(text.splitlines()) < lines:
        assert time.monotonic() < deadline, (
            f"the output stayed as it was, or never had {lines} lines: {text!r}"
        )
        page.wait_for_timeout(50)
    return text


# What a reader does


def test_notebook_00_runs_and_its_exercises_answer(page: Any, server: str, copies: Path) -> None:
    open_notebook(page, server, FIRST)
    run_all(page, copies / "notebooks" / FIRST)
    output = answer(page, WRONG)
    playwright.expect(output).to_contain_text("not right yet", timeout=LONGEST)
    playwright.expect(output).to_contain_text("hint")
    playwright.expect(answer(page, RIGHT)).to_contain_text("\u2713", timeout=LONGEST)


def test_a_slider_changes_its_output(page: Any, server: str, copies: Path) -> None:
    open_notebook(page, server, SLIDER)
    run_all(page, copies / "notebooks" / SLIDER)
    widget = scroll_to(page, "Slider(")
    output, handle = widget.locator(".jp-OutputArea-output").last, widget.locator(".noUi-handle").first
    handle.wait_for()
    before, place = whole_text(page, output, lines=3), handle.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y, steps=5)
    page.mouse.up()
    assert len(whole_text(page, output, lines=3, other_than=before).splitlines()) == len(before.splitlines())


def test_a_link_out_of_the_notebooks_folder_opens(page: Any, server: str) -> None:
    open_notebook(page, server, SLIDER)
    page.get_by_role("link", name="every result").click()
    page.get_by_role("heading", name="What was measured").wait_for()
