"""The decks: every exhibit is there, every number comes from the results, and what a room cannot read is refused.

Nothing here needs Node. Where a browser is at hand, it is asked to find the faults of a page made to have them.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from course_utils import results
from course_utils.paths import ROOT
from course_utils.results import exhibits

SLIDES = ROOT / "slides"
sys.path.insert(0, str(SLIDES))  # scripts beside each other, not a package

import browser  # noqa: E402
import decks  # noqa: E402
import draw  # noqa: E402
import fill  # noqa: E402
import measured  # noqa: E402
import outline  # noqa: E402
from pictures import PICTURES  # noqa: E402

DECKS = sorted(SLIDES.glob("[0-9]*.md"))
HEAD = "---\nmarp: true\n---\n"


def name_of(path: Path) -> str:
    return path.stem


@pytest.fixture(scope="module")
def filled() -> dict[Path, str]:
    return {deck: fill.render(deck) for deck in DECKS}


# The decks as they are


def test_the_whole_tutorial_is_there() -> None:
    topics = [deck.stem.split("_", 1)[1] for deck in DECKS]
    assert topics == ["scale", "distillation", "memory", "peft", "prompts", "lora", "conclusion"]


@pytest.mark.parametrize("deck", DECKS, ids=name_of)
def test_every_slide_has_what_a_lecturer_needs(deck: Path, filled: dict[Path, str]) -> None:
    slides = outline.slides(filled[deck])
    assert outline.faults(slides) == []
    kinds = [slide.kind for slide in slides]
    assert "question" in kinds and "hands-on" in kinds and kinds[0] == "title"
    assert "$" not in "".join(slide.title for slide in slides), (
        "a formula in a heading breaks the PDF's outline"
    )


def test_every_exhibit_has_a_slide_that_says_so(filled: dict[Path, str]) -> None:
    """Its id stands in the notes, so a lecturer finds the exhibit of the original."""
    named = {found for text in filled.values() for slide in outline.slides(text)
             for found in re.findall(r"\bE\d\d\b", slide.notes)}  # fmt: skip
    assert named == {row["id"] for row in exhibits.exhibits()}


@pytest.mark.parametrize("deck", DECKS, ids=name_of)
def test_nobody_types_a_measured_number(deck: Path) -> None:
    """Decimals and percentages come from the results and from the papers' table. Code, formulas, styles are none."""
    text = re.sub(
        r"<%=.*?%>|<style.*?</style>|```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$\n]+\$|\d+\.5 min\.",
        "",
        deck.read_text("utf-8"),
        flags=re.DOTALL,
    )
    typed = re.findall(r"[^\n]*?\d+\.\d+[^\n]*|[^\n]*?\d ?%[^\n]*", text)
    assert typed == []


@pytest.mark.parametrize("name", sorted(PICTURES))
def test_every_picture_is_shown_and_can_be_read(name: str, filled: dict[Path, str]) -> None:
    shown = [deck for deck, text in filled.items() if name in fill.FIGURE.findall(text)]
    assert shown, f"no deck shows the picture {name}"
    figure = PICTURES[name]()  # refuses by itself what cannot be read
    assert figure.get_size_inches()[0] * 96 <= draw.WIDTH + 1
    assert PICTURES[name].__doc__


@pytest.mark.parametrize(
    ("deck", "notes", "notebook", "headings"),
    [
        ("02_distillation", "hidden states, scores, attention", "03", {2: "hidden", 3: "scores", 4: "attention"}),
        ("02_distillation", "Exercise 3, one step of the beam", "04", {3: "one step of it"}),
        ("03_memory", "Exercise 5, one byte a number", "05", {5: "one byte a number"}),
        ("04_peft", "Exercises 2 and 4 (choose parameters by module and name, thaw the top)", "06",
         {2: "choose parameters", 4: "thaw the top"}),
        ("04_peft", "Exercises 1 to 3: the start, the adapter, the place of Houlsby", "08",
         {1: "the start", 2: "the adapter", 3: "Houlsby"}),
        ("04_peft", "exercise 4, which puts adapters into a model", "08", {4: "put adapters into a model"}),
        ("04_peft", "Exercises 3 and 5: the stack, and what trains", "09", {3: "stack", 5: "what trains"}),
        ("04_peft", "the invertible adapter, exercise 2", "09", {2: "there and back"}),
        ("05_prompts", "Exercises 1 to 3 in pairs: the start, the positions, the vectors", "10",
         {1: "start", 2: "positions", 3: "prompt tuning"}),
        ("05_prompts", "only what is not padding, which is exercise 2", "10", {2: "positions"}),
        ("06_lora", "Exercises 3 and 4: the start, and the whole layer", "11", {3: "start", 4: "whole layer"}),
        ("07_conclusion", "4 for attention, 5 for quantization, 6 for exits", "12",
         {4: "other order", 5: "rounding", 6: "leave"}),
    ],
)  # fmt: skip
def test_an_exercise_that_the_notes_send_to_is_the_one_they_name(
    deck: str, notes: str, notebook: str, headings: dict[int, str]
) -> None:
    assert notes in (SLIDES / f"{deck}.md").read_text(encoding="utf-8")
    (path,) = fill.NOTEBOOKS.glob(f"{notebook}_*.ipynb")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    for number, words in headings.items():
        assert re.search(rf"^### Exercise {number}: .*{words}", text, re.MULTILINE), f"{notebook}, {number}"


# What the build refuses


def test_a_result_that_is_not_there_stops_the_build() -> None:
    with pytest.raises(ValueError, match="No shipped row.*Methods of E07"):
        measured.value("E07", "distilling by telepathy")
    with pytest.raises(ValueError, match="they differ in"):
        measured.value("E26", "LoRA")
    with pytest.raises(ValueError, match="0 parts of S10 begin with"):
        measured.part("S10", "it always works")
    with pytest.raises(ValueError, match="The paper's E10 has rows"):
        measured.paper("E10", "TinyBERT-5", "mnli_m")


def test_a_number_is_the_mean_of_the_shipped_rows() -> None:
    rows = results.load("02", track="bundled", own=False)
    gold = rows[(rows["method"] == "gold labels") & (rows["exhibit"] == "E07")]["value"]
    assert len(gold) == 5
    assert measured.value("E07", "gold labels") == f"{100 * gold.mean():.1f}"
    assert measured.minus("95.0", "1,000", digits=0) == "-905" and measured.times("0.5", 100) == "50.0"
    assert measured.verdict("S10") in ("reproduced", "not settled", "not reproduced", "not measured")
    assert measured.paper("E10", "TinyBERT-4", "mnli_m") == "82.5"
    assert measured.paper("E10", "MobileBERT-tiny", "speedup") == "–"


def test_links_to_notebooks_are_held_to_the_notebooks() -> None:
    card = fill.hands_on("02", "The loss", 15)
    assert "02_logit_distillation.ipynb#scrollTo=" in card and "15 minutes" in card
    with pytest.raises(ValueError, match="has no heading 'The lost'"):
        fill.hands_on("02", "The lost", 15)
    with pytest.raises(ValueError, match="no notebook 77"):
        fill.hands_on("77", "The loss", 15)


def test_a_deck_with_a_missing_picture_is_refused(tmp_path: Path) -> None:
    deck = tmp_path / "09_x.md"
    deck.write_text(HEAD + '\n# A\n\n<%= figure("no_such", "a picture that is not there") %>\n', "utf-8")
    with pytest.raises(ValueError, match="09_x.md: There is no picture named 'no_such'"):
        fill.render(deck)
    deck.write_text(HEAD + "\n# A\n\n<%= acuracy %>\n", "utf-8")
    with pytest.raises(ValueError, match="09_x.md: 'acuracy' is undefined"):
        fill.render(deck)


@pytest.mark.parametrize(
    ("slide", "fault"),
    [
        ("no heading\n\n<!-- 1 min. Say this and that, and then say it once more, slowly. -->", "no heading"),
        ("# A\n\ntext", "notes must begin with a time"),
        ("# A\n\n<!-- 1 min. Too short. -->", "notes must begin with a time"),
        ("<!-- _class: question -->\n\n# A\n\n<!-- 1 min. Ask this and that, and wait for an answer, long. -->",
         "must be its answer"),
        ("<!-- _class: hands-on -->\n\n# A\n\n<!-- 9 min. All do the exercises of the notebook, in pairs. -->",
         "names no notebook"),
    ],
)  # fmt: skip
def test_a_slide_without_its_parts_is_refused(slide: str, fault: str) -> None:
    (said,) = outline.faults(outline.slides(f"{HEAD}\n{slide}\n"))
    assert fault in said and said.startswith("slide 1")


def test_directives_are_not_taken_for_notes() -> None:
    (slide,) = outline.slides(f"{HEAD}\n<!-- _class: answer -->\n\n# A\n\n<!-- 2.5 min. Say it. -->\n")
    assert (slide.kind, slide.minutes, slide.notes, slide.text) == ("answer", 2.5, "Say it.", "# A")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ({"x": 330, "y": 66, "text": "on top of it"}, "lies on"),
        ({"x": 700, "y": 60, "text": "small", "size": 12}, "smaller than 20 pixels"),
        ({"x": 1150, "y": 150, "text": "over the edge"}, "runs off"),
    ],
)
def test_words_that_cannot_be_read_are_refused(words: dict[str, Any], fault: str) -> None:
    axes = draw.canvas(200)
    draw.words(axes, 300, 60, "this is fine")
    draw.check(axes.figure)
    draw.words(axes, **words)
    with pytest.raises(ValueError, match=fault):
        draw.check(axes.figure)


def test_words_that_run_over_their_box_are_refused() -> None:
    axes = draw.canvas(200)
    draw.box(axes, 20, 20, 300, 60, "these fit")
    draw.check(axes.figure)
    draw.box(axes, 20, 120, 60, 40, "too long for it")
    with pytest.raises(ValueError, match="'too long for it' runs over its box"):
        draw.check(axes.figure)


def test_a_page_that_needs_the_network_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "deck.html"
    page.write_text('<html><img src="figures/x.svg" alt="a"></html>', "utf-8")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "x.svg").write_text("<svg/>", "utf-8")
    decks.embed(page)
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page.read_text("utf-8")
    page.write_text('<html><script src="https://example.org/x.js"></script></html>', "utf-8")
    with pytest.raises(ValueError, match="needs files from elsewhere"):
        decks.embed(page)


def test_the_browser_finds_what_a_room_cannot_read(tmp_path: Path) -> None:
    try:
        browser.find()
    except OSError as error:
        pytest.skip(str(error))
    page = tmp_path / "page.html"
    style = "width:1280px;height:720px;padding:0 60px;box-sizing:border-box;font-size:32px"
    slide = f'<section style="{style}">{{}}</section>'
    tall = '<div style="height:700px">long</div>'
    faulty = [tall, '<p style="font-size:12px">small</p>', '<img src="gone.svg" alt="lost">', "<p>good</p>"]
    page.write_text(
        f'<html><body style="margin:0">{"".join(slide.format(part) for part in faulty)}</body></html>',
        "utf-8",
    )
    found = browser.faults(page)
    assert [said.split(":")[0] for said in found] == ["slide 1", "slide 2", "slide 3"]
    assert "overfull" in found[0] and "12 pixels" in found[1] and "missing: lost" in found[2]


def test_without_a_browser_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROME_PATH", "/no/such/chrome")
    with pytest.raises(OSError, match="Install one"):
        browser.find()


def test_the_build_says_what_it_lacks(tmp_path: Path) -> None:
    assert "There are 01_" in decks.lacking(tmp_path, [])
    assert "Marp is not in" in decks.lacking(tmp_path, DECKS)
