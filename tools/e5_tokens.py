"""Which tokens of multilingual-e5-small stay: those of the course's published texts in five languages.

    python tools/e5_tokens.py MIRROR

MIRROR is a folder that `python -m course_utils mirror` filled. Writes course_utils/assets/e5_tokens.txt: the step from
each kept token's number to the next. Run it again when a data set in one of these languages joins the catalogue.
"""

import csv
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer

from course_utils.assets import e5

TOKENIZER = "models/intfloat/multilingual-e5-small-q4/tokenizer.json"
TABLES = ("nusax-senti/*/*.csv", "nusa-writes/*.csv")
COLUMNS = ("text", "ind_text", "tgt_text")
TAGGED = ("nergrit/*.txt", "wnut17/*.conll")
LATIN, PUNCTUATION = range(0x250), range(0x2000, 0x2070)


def texts(folder: Path) -> Iterator[str]:
    """Every text of the data sets."""
    for pattern in TABLES:
        for path in sorted(folder.glob(pattern)):
            with path.open(encoding="utf-8", newline="") as handle:
                for row in csv.DictReader(handle):
                    yield from (row[name] for name in COLUMNS if name in row)
    for path in sorted(folder.glob("smsa/*.tsv")):
        yield from (line.rpartition("\t")[0] for line in path.read_text(encoding="utf-8").split("\n"))
    for pattern in TAGGED:
        for path in sorted(folder.glob(pattern)):
            for sentence in path.read_text(encoding="utf-8").split("\n\n"):
                yield " ".join(line.split("\t")[0] for line in sentence.splitlines())


def letter(piece: str) -> bool:
    """Whether a piece is one letter of the Latin alphabet or a sign, at the start of a word or inside one."""
    one = piece.removeprefix("▁") or piece
    return len(one) == 1 and (ord(one) in LATIN or piece == "▁" or (ord(piece[0]) in PUNCTUATION))


def main(mirror: Path) -> None:
    """Write the list."""
    facts = json.loads((mirror / TOKENIZER).read_text(encoding="utf-8"))
    kept = {token["id"] for token in facts["added_tokens"]}
    kept |= {number for number, (piece, _) in enumerate(facts["model"]["vocab"]) if letter(piece)}
    for encoded in Tokenizer.from_file(str(mirror / TOKENIZER)).encode_batch(
        list(texts(mirror / "datasets"))
    ):
        kept.update(encoded.ids)
    numbers = sorted(kept)
    steps = [b - a for a, b in zip([0, *numbers], numbers, strict=False)]
    lines = textwrap.wrap(" ".join(map(str, steps)), 110)
    e5.TOKENS.write_text("\n".join(lines) + "\n", encoding="ascii")
    print(f"{len(numbers):,} tokens of {len(facts['model']['vocab']):,} stay.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
