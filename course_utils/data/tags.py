"""Words with tags for named entities: CoNLL files, and the schemes of tags, read as IOB2.

IOB1 and IOB2: Tjong Kim Sang and Veenstra (1999), "Representing text chunks". BIOES and BILOU mark an entity's end too.
"""

import io
import re
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from course_utils.data.files import DataError, read_lines

CODES = {"english": "en", "indonesian": "id", "javanese": "jv", "sundanese": "su"}  # WikiANN's languages

Sentence = tuple[int, list[str], list[str]]  # the line of its first word, its words, a tag for each

TAG = re.compile(r"O|([BIELMSU])-(.+)", re.DOTALL)
"""B-egin, I-nside and O-utside; E-nd, L-ast and M-iddle are inside too, S-ingle and U-nit begin and end at once."""
CLOSING = "ELSU"


def iob2(tags: Iterable[str], types: Mapping[str, str] | None = None) -> list[str]:
    """The tags of a sentence in IOB2, whichever of IOB1, IOB2, BIOES (IOBES) and BILOU they are written in.

    An entity begins with B-, and goes on with I- of the same type; "I-PER" after another type or "O" begins one.
    `types` maps the types of the source to those that are wanted, and every other type to "O"; None keeps them.
    Raises ValueError for what is no tag of these schemes.
    """
    found: list[str] = []
    inside = None  # the type of the entity that may go on
    for tag in tags:
        match = TAG.fullmatch(tag)
        if match is None:
            raise ValueError(f"{tag!r} is no tag: write 'O', or a prefix and a type, as in 'B-PER'.")
        prefix, kind = match.groups()
        if types is not None:
            kind = types.get(kind)
        if kind is None:
            found.append("O")
            inside = None
            continue
        found.append(f"{'I' if prefix in 'IELM' and kind == inside else 'B'}-{kind}")
        inside = None if prefix in CLOSING else kind
    return found


def read_conll(path: Path) -> list[Sentence]:
    """The sentences of a CoNLL file: its first column is the word, its last one the tag; see `sentences`."""
    found = list(sentences(read_lines(path), path.name))
    if not found:
        raise DataError(f"{path.name} holds no word with a tag.")
    return found


def sentences(lines: Iterable[str], name: str) -> Iterator[Sentence]:
    """Lines `word ... tag`, a blank one after a sentence -> sentences, with the tags as they are.

    Columns are parted by tabs, or by blanks where a line has no tab (CoNLL-2003 has four). `-DOCSTART-` ends a
    sentence; comments, which begin with # and end with no tag, are left out. Of several annotators' tags,
    "B-person,B-group", the first counts. Raises DataError for a line without a tag at its end.
    """
    first = 0
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        line = line.strip("\r")
        # Not split(): a blank that does not break, or U+2028, may stand inside a word.
        cells = line.split("\t") if "\t" in line else re.findall("[^ ]+", line)
        if not cells or not cells[0].strip() or cells[0] == "-DOCSTART-":
            if words:
                yield first, words, tags
            words, tags = [], []
            continue
        tag = cells[-1].split(",")[0].strip()
        if len(cells) > 1 and TAG.fullmatch(tag):
            first = first if words else number
            words.append(cells[0])
            tags.append(tag)
        elif not line.startswith("#"):
            raise DataError(
                f"{name}, line {number}: {line.strip()[:40]!r} does not end with a tag such as 'O' or 'B-PER'. The "
                "word is the first column and its tag the last, parted by a tab or a blank."
            )


def read_wikiann(path: Path) -> list[Sentence]:
    """The sentences of WikiANN's zip, which holds an archive a language ("en.tar.gz") with lines `en:token<TAB>tag`.

    `path` goes on inside the zip: the language, then the file in its archive. Lines of a blank token are left out.
    """
    code = CODES[path.parent.name]
    with zipfile.ZipFile(path.parents[1]) as outer:
        (name,) = (name for name in outer.namelist() if PurePosixPath(name).name == f"{code}.tar.gz")
        inner = io.BytesIO(outer.read(name))
    with tarfile.open(fileobj=inner) as archive:
        (member,) = (member for member in archive if PurePosixPath(member.name).name == path.name)
        lines = archive.extractfile(member).read().decode("utf-8").split("\n")  # type: ignore[union-attr]
    kept = (line.removeprefix(f"{code}:") for line in lines if not re.match(rf"{code}:\s*\t", line))
    return list(sentences(kept, path.name))
