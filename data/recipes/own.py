"""A file as a reader might bring it: `data/own/reviews.csv`, short reviews by customers, with the faults of such files.

In it: Excel's byte order mark and line ends, rows sent twice (some with other capitals or punctuation), two empty
texts, and one label in two spellings. Columns customer, review, sentiment. The same bytes every time.
"""

import csv
import io
import json
import random
from pathlib import Path

from corpora import labelled_reviews, normal

ROWS, CUSTOMERS = 600, 240
DOUBLED, EMPTY, MISSPELT = 24, 2, 9


def reviews(taken: set[str]) -> bytes:
    """The file's bytes. `taken`: texts, as `corpora.normal` has them, that it must not hold."""
    rng = random.Random("own/english")
    rows = []
    for text, label in labelled_reviews("own/english", ROWS - DOUBLED - EMPTY, taken):
        rows.append([f"C{rng.randrange(CUSTOMERS):03}", text, label])
    for customer, text, label in rng.sample(rows, DOUBLED):
        again = rng.choice((text, text.lower(), text.rstrip(".") + "!"))
        rows.insert(rng.randrange(len(rows) + 1), [customer, again, label])
    for place in rng.sample([i for i, row in enumerate(rows) if row[2] == "positive"], MISSPELT):
        rows[place][2] = "Positive "
    for customer in ("C007", "C190"):
        rows.insert(rng.randrange(len(rows) + 1), [customer, "", rng.choice(("negative", "neutral"))])
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["customer", "review", "sentiment"], *rows])
    return buffer.getvalue().encode("utf-8-sig")


def write(folder: Path, corpora: Path) -> None:
    """Write `reviews.csv` into `folder`. It holds no text of a test split of `corpora`."""
    with (corpora / "sentiment" / "english" / "test.csv").open(encoding="utf-8", newline="") as handle:
        taken = {normal(row["text"]) for row in csv.DictReader(handle)}
    lines = (corpora / "translation" / "test.jsonl").read_text(encoding="utf-8").splitlines()
    taken |= {normal(json.loads(line)["english"]) for line in lines}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "reviews.csv").write_bytes(reviews(taken))
