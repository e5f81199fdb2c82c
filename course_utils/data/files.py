"""Text files as people have them: encodings, line ends, separators and quotes, read or refused in one sentence.

Refused is what could only be read by guessing. The message names the file, the line (as an editor counts them, from 1)
and what to do.
"""

import codecs
import csv
import difflib
import gzip
import io
import json
import reprlib
import warnings
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

DELIMITERS = (",", ";", "\t", "|")
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

Rows = list[tuple[int, list[str]]]  # the line on which a row begins, and its cells

# The csv module refuses cells above 131,072 characters; a long document is no error. The limit is the process's own.
csv.field_size_limit(2**31 - 1)


class DataError(ValueError):
    """Data that cannot be used as they are: which file and line, or which column and row, and what to do."""

    def _render_traceback_(self) -> list[str]:
        """In a notebook, show the message alone: the frames below the cell tell a learner nothing."""
        return [f"DataError: {self}"]


def did_you_mean(name: str, there: Collection[str]) -> str:
    """' Did you mean "x"?' for the nearest of the names that are there, or an empty text."""
    by_lower = {other.strip().lower(): other for other in there}
    near = difflib.get_close_matches(name.strip().lower(), by_lower, n=1)
    return f" Did you mean {by_lower[near[0]]!r}?" if near else ""


def find_column(name: str, columns: Sequence[str], where: str) -> str:
    """The column of that name, or the one that differs only in case and blanks around it.

    Raises DataError where there is none, or more than one; `where` names the file or the data set.
    """
    found = [c for c in columns if c == name] or [
        c for c in columns if c.strip().lower() == name.strip().lower()
    ]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(map(repr, columns)) or "no columns"
    if found:
        raise DataError(
            f"{where} has {len(found)} columns called {name!r} ({listed}). Rename all but one of them."
        )
    raise DataError(f"{where} has no column {name!r}.{did_you_mean(name, columns)} Its columns are {listed}.")


def _read_bytes(path: Path) -> bytes:
    """The file's bytes, unpacked where gzip packed them. Raises DataError that says what lies beside it."""
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataError(f"{path.name} is a damaged gzip file. Download or pack it again.") from None
    except OSError as error:
        folder = path if path.is_dir() else path.parent
        names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
        listed = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "") or "nothing"
        if path.is_dir():
            raise DataError(f"{path} is a folder. Name one of its files: {listed}.") from None
        if path.exists():
            raise DataError(f"{path} cannot be read: {error.strerror or error}.") from None
        hint = did_you_mean(path.name, names)
        beside = f"In its folder: {listed}." if folder.is_dir() else f"Nor is there a folder {folder}."
        raise DataError(f"There is no file {path}.{hint} {beside}") from None


def read_text(path: Path) -> str:
    """The file as text: UTF-8 or UTF-16 by its byte order mark, else UTF-8, else Windows-1252 with a warning.

    Raises DataError where the file cannot be read, is not text, or would lose characters in either encoding.
    """
    content = _read_bytes(path)
    if content.startswith(b"PK\x03\x04"):
        raise DataError(
            f"{path.name} is a workbook or a zip archive, not a text file. Save its table as 'CSV UTF-8'."
        )
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\0" in content:
        line = content.count(b"\n", 0, content.index(b"\0")) + 1
        raise DataError(
            f"{path.name}, line {line}: a zero byte, so this is no text file, or UTF-16 without a byte order mark. "
            "Save it as UTF-8."
        )
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
    try:
        if encoding != "utf-8":
            raise ValueError
        text = content.decode("cp1252")
    except ValueError:
        marked = (
            f"not {encoding}, as its first bytes say"
            if encoding != "utf-8"
            else "neither UTF-8 nor Windows-1252"
        )
        raise DataError(
            f"{path.name}, line {line}: these bytes are {marked}. Save the file as UTF-8."
        ) from None
    with warnings.catch_warnings():  # forgets what was told: the same cell, run again, must not look mended
        warnings.warn(
            f"{path.name} is not UTF-8 (line {line}): it was read as Windows-1252. If letters with accents look "
            "wrong, save the file as UTF-8.",
            stacklevel=3,
        )
    return text


def read_lines(path: Path) -> list[str]:
    r"""The lines of a text file. A line ends at \n, \r\n or \r alone: not at U+2028, U+0085 or a form feed, as
    `str.splitlines` has it, because these occur inside texts."""
    return read_text(path).replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_csv(path: Path, wanted: Sequence[str]) -> tuple[list[str], Rows]:
    """Header and rows of a CSV or TSV file; each row has as many cells as the header, and rows without text are
    left out.

    The delimiter is the one of `, ; tab |` under which the header has the `wanted` columns. Quotes pair as in RFC
    4180; in a tab-separated file where they do not, they count as text. Raises DataError with the line.
    """
    text = read_text(path)
    skipped = 0
    if text[:4].lower() == "sep=":  # Excel's own first line
        _, _, text = text.partition("\n")
        skipped = 1
    parsed = {mark: _first_row(text, mark) for mark in DELIMITERS}
    names = {name.strip().lower() for name in wanted}
    delimiter = max(
        DELIMITERS, key=lambda mark: (len(names & {c.lower() for c in parsed[mark]}), len(parsed[mark]))
    )
    rows = _parse(text, delimiter, path.name, skipped)
    if not rows:
        raise DataError(f"{path.name} is empty. Its first line should name the columns.")
    (_, header), *rows = rows
    known = names & {cell.strip().lower() for cell in header}
    if names and not known and not any(did_you_mean(name, header) for name in wanted):
        listed = ", ".join(map(reprlib.repr, header))
        raise DataError(
            f"{path.name} has no column {wanted[0]!r}. Its columns are {listed}, as its first line says. If that line "
            "is a row, write one with the names of the columns above it."
        )
    return header, [(line, _fit(cells, header, path.name, line)) for line, cells in rows]


def _first_row(text: str, delimiter: str) -> list[str]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return [cell.strip() for cell in next((row for row in rows if row), [])]


def _parse(text: str, delimiter: str, name: str, skipped: int) -> Rows:
    try:
        rows = _cells(text, delimiter, csv.QUOTE_MINIMAL, name, skipped)
        # A tab and a line end inside quotes: two quotes that are text have swallowed the rows between them.
        as_text = delimiter == "\t" and any("\t" in c and "\n" in c for _, cells in rows for c in cells)
    except DataError:
        if delimiter != "\t":
            raise
        as_text = True
    return _cells(text, delimiter, csv.QUOTE_NONE, name, skipped) if as_text else rows


def _cells(text: str, delimiter: str, quoting: Any, name: str, skipped: int) -> Rows:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, strict=True)
    rows, line = [], skipped + 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((line, cells))
            line = skipped + reader.line_num + 1
    except csv.Error:
        raise DataError(
            f"{name}, line {line}: a quote is opened and not closed where the cell ends. Close it, or write a "
            'quote that belongs to the text twice ("").'
        ) from None
    return rows


def _fit(cells: list[str], header: list[str], name: str, line: int) -> list[str]:
    """The cells of a row. Empty ones after the last column are left out. Raises DataError for any other misfit."""
    while len(cells) > len(header) and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) < len(header):
        problem = f"Its last column, {header[-1]!r}, is missing: complete the row"
    elif len(cells) > len(header):
        problem = "Put a text that holds the separator in double quotes"
    else:
        return cells
    raise DataError(
        f"{name}, line {line}: {len(cells)} cells, where the header names {len(header)} columns "
        f"({', '.join(header)}). {problem}."
    )


def read_json(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """The objects of a file of JSON lines, each with its line; or of one JSON array, each with its place from 1.

    Blank lines are left out. Raises DataError for a line that is no JSON object.
    """
    lines = read_lines(path)
    if "".join(lines).lstrip().startswith("["):
        found = list(enumerate(_loads("\n".join(lines), path.name, 1), 1))
    else:
        found = [(n, _loads(line, path.name, n)) for n, line in enumerate(lines, 1) if line.strip()]
    for number, row in found:
        if not isinstance(row, dict):
            raise DataError(
                f"{path.name}, line {number}: {type(row).__name__} where an object belongs, as in "
                '{"text": "...", "label": "..."}.'
            )
    return found


def _loads(text: str, name: str, line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(
            f"{name}, line {line + error.lineno - 1}, column {error.colno}: no JSON ({error.msg}). One object a "
            'line belongs here, as in {"text": "...", "label": "..."}.'
        ) from None
