"""Files as people have them: encodings, line ends, separators, quotes; and one sentence for what cannot be read."""

import gzip
import json
import warnings
from pathlib import Path

import pytest

from course_utils.data.files import DataError, find_column, read_csv, read_json, read_lines, read_text
from course_utils.data.tags import iob2, read_conll

HEADER = "id,text,label\n"
PLAIN = HEADER + "1,café,good\n2,bus,bad\n"
ROWS = (["id", "text", "label"], [(2, ["1", "café", "good"]), (3, ["2", "bus", "bad"])])


def file(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def csv(folder: Path, content: str | bytes, encoding: str = "utf-8") -> tuple[list[str], list[tuple]]:
    return read_csv(file(folder, content, encoding), ["text", "label"])


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-bom", "utf-16-be-bom"])
def test_unicode_files_are_read_by_their_mark(tmp_path: Path, encoding: str) -> None:
    content = ("\ufeff" * encoding.endswith("-bom") + PLAIN).encode(encoding.removesuffix("-bom"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert csv(tmp_path, content) == ROWS


def test_windows_1252_is_read_and_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"mine.csv is not UTF-8 \(line 2\): it was read as Windows-1252"):
        assert csv(tmp_path, PLAIN, "cp1252") == ROWS


def test_a_file_that_is_still_windows_1252_is_told_again(tmp_path: Path) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")  # Python's own: once for each line of code
        for _ in range(2):
            csv(tmp_path, PLAIN, "cp1252")
    assert len(told) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text\na\n\x81\xff\n", r"mine.csv, line 3: these bytes are neither UTF-8 nor Windows-1252"),
        (b"text\na\x00b\n", r"mine.csv, line 2: a zero byte"),
        (b"\xff\xfea", r"mine.csv, line 1: these bytes are not utf-16, as its first bytes say"),
        (b"PK\x03\x04...", r"a workbook or a zip archive.*'CSV UTF-8'"),
        (b"\x1f\x8b\x08nonsense", r"mine.csv is a damaged gzip file"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_text(file(tmp_path, content))


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    assert csv(tmp_path, gzip.compress(PLAIN.encode())) == ROWS


# Lines


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\x85", "\f", "\v", "\x1c"])
def test_only_line_ends_end_a_line(tmp_path: Path, separator: str) -> None:
    text = f"a{separator}b"
    assert read_lines(file(tmp_path, f"{text}\nc")) == [text, "c"]
    assert csv(tmp_path, f"{HEADER}1,{text},good\n")[1] == [(2, ["1", text, "good"])]
    rows = [{"text": text}, {"text": "c"}]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert [row for _, row in read_json(file(tmp_path, lines))] == rows
    assert read_conll(file(tmp_path, f"{text}\tB-PER\n")) == [(1, [text], ["B-PER"])]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_systems_line_ends_are_read(tmp_path: Path, end: str) -> None:
    assert csv(tmp_path, PLAIN.replace("\n", end)) == ROWS
    assert read_lines(file(tmp_path, f"a{end}b{end}")) == ["a", "b", ""]


# Separators, quotes, rows


@pytest.mark.parametrize("delimiter", list(",;\t|"))
def test_the_delimiter_is_the_one_that_gives_the_wanted_columns(tmp_path: Path, delimiter: str) -> None:
    quoted = f'id{delimiter}text{delimiter}label\n1{delimiter}"a, b; c\td|e"{delimiter}good\n'
    assert csv(tmp_path, quoted)[1] == [(2, ["1", "a, b; c\td|e", "good"])]


def test_a_comma_in_another_columns_name_does_not_decide(tmp_path: Path) -> None:
    assert csv(tmp_path, "a,b,c;text;label\n1;x;y\n")[0] == ["a,b,c", "text", "label"]


def test_excels_first_line_names_the_delimiter_and_lines_still_count(tmp_path: Path) -> None:
    assert csv(tmp_path, "sep=;\r\ntext;label\r\na;good\r\n") == (["text", "label"], [(3, ["a", "good"])])


def test_quoted_line_ends_blank_rows_and_empty_last_cells(tmp_path: Path) -> None:
    content = HEADER + '1,"a ""b""\nc",good\n\n,,\n2,d,bad,\n'
    assert csv(tmp_path, content)[1] == [(2, ["1", 'a "b"\nc', "good"]), (6, ["2", "d", "bad"])]
    long = "a" * 200_000
    assert csv(tmp_path, f"{HEADER}1,{long},good\n")[1][0][1][1] == long


def test_quotes_in_a_tab_separated_file_may_be_text(tmp_path: Path) -> None:
    content = 'text\tlabel\n"He said\tgood\nhe "went" home\tbad\nand left"\tgood\n'
    texts = [cells[0] for _, cells in csv(tmp_path, content)[1]]
    assert texts == ['"He said', 'he "went" home', 'and left"']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"mine.csv is empty"),
        (
            HEADER + "1,a,good\n2,b\n",
            r"line 3: 2 cells, where the header names 3 columns \(id, text, label\)",
        ),
        (HEADER + "1,a, and b,good\n", r"line 2: 4 cells.*in double quotes"),
        (HEADER + '1,"a,good\n2,b,bad\n', r"line 2: a quote is opened and not closed"),
        (HEADER + '1,a,good\n2,"b" c,bad\n', r"line 3: a quote is opened and not closed where the cell ends"),
    ],
)
def test_a_row_that_does_not_fit_is_named_by_its_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        csv(tmp_path, content)
    assert "mine.csv" in str(raised.value) and "\n" not in str(raised.value)


def test_a_column_is_found_whatever_its_case() -> None:
    assert find_column("text", ["ID", " Text "], "x.csv") == " Text "
    assert find_column("text", ["Text", "text"], "x.csv") == "text"
    with pytest.raises(DataError, match="x.csv has 2 columns called 'text'"):
        find_column("text", ["Text", "TEXT"], "x.csv")


# JSON lines


def test_blank_lines_and_a_byte_order_mark_are_no_rows(tmp_path: Path) -> None:
    assert read_json(file(tmp_path, '\ufeff{"a": 1}\n\n{"a": 2}\n\n')) == [(1, {"a": 1}), (3, {"a": 2})]


def test_an_array_is_read_as_its_rows(tmp_path: Path) -> None:
    assert read_json(file(tmp_path, '[\n {"a": 1},\n {"a": 2}\n]')) == [(1, {"a": 1}), (2, {"a": 2})]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": 1}\n{"a": \n', r"mine.csv, line 2, column 7: no JSON"),
        ('{"a": 1}\n5\n', r"mine.csv, line 2: int where an object belongs"),
        ('[{"a": 1}, 5]', r"mine.csv, line 2: int where an object belongs"),
    ],
)
def test_a_line_that_is_no_object_is_named(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_json(file(tmp_path, content))


# Tags


NAMED = [(1, ["Budi", "S.", "pergi"], ["B-PER", "I-PER", "O"]), (5, ["Bali"], ["B-LOC"])]


@pytest.mark.parametrize(
    "content",
    [
        "Budi\tB-PER\nS.\tI-PER\npergi\tO\n\nBali\tB-LOC\n",
        "Budi B-PER\nS. I-PER\npergi O\n\nBali B-LOC",
        "Budi  NNP _  B-PER\nS. NNP _ I-PER\npergi VB _ O\n \nBali NNP _ B-LOC\n\n\n",
        "Budi\tNNP\tB-PER\nS.\tNNP\tI-PER\npergi\tVB\tO\n-DOCSTART-\t-X-\tO\nBali\tNNP\tB-LOC\n",
        "Budi\tB-PER\r\nS.\tI-PER\r\npergi\tO\r\n\r\nBali\tB-LOC\r\n",
        "\ufeffBudi\tB-PER,B-ORG\nS.\tI-PER,O\npergi\tO\n\t\nBali\tB-LOC\n",
    ],
)
def test_conll_in_its_common_forms_is_the_same_sentences(tmp_path: Path, content: str) -> None:
    assert read_conll(file(tmp_path, content)) == NAMED


def test_comments_are_no_words_and_a_hash_is_one(tmp_path: Path) -> None:
    content = "# id 7\tdomain=en\n# text\n#bali\tB-LOC\n# O\n-DOCSTART- -X- -X- O\n\nx O\n"
    assert read_conll(file(tmp_path, content)) == [(3, ["#bali", "#"], ["B-LOC", "O"]), (7, ["x"], ["O"])]


@pytest.mark.parametrize("line", ["pergi", "B-PER\tBudi", "Budi PERSON", "Budi\t", "pergi ke Bali"])
def test_a_line_without_a_tag_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(DataError, match=r"mine.csv, line 3: .* does not end with a tag"):
        read_conll(file(tmp_path, f"Ana\tB-PER\n\n{line}\n"))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("I-PER I-PER B-PER O I-LOC", "B-PER I-PER B-PER O B-LOC"),  # IOB1
        ("B-PER I-PER O B-LOC B-LOC", "B-PER I-PER O B-LOC B-LOC"),  # IOB2
        ("B-PER I-PER E-PER S-PER S-LOC O", "B-PER I-PER I-PER B-PER B-LOC O"),  # BIOES
        ("B-PER L-PER U-LOC U-LOC", "B-PER I-PER B-LOC B-LOC"),  # BILOU
        (
            "S-PER I-PER E-PER E-PER",
            "B-PER B-PER I-PER B-PER",
        ),  # broken: an entity that has ended does not go on
        ("B-PER I-LOC O I-PER", "B-PER B-LOC O B-PER"),
    ],
)
def test_every_scheme_becomes_iob2(tags: str, expected: str) -> None:
    assert iob2(tags.split()) == expected.split()


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("B-person I-person", "B-PER I-PER"),
        ("B-corporation I-person", "B-ORG B-PER"),
        ("B-group I-corporation", "B-ORG I-ORG"),  # two types of the source, one of the course
        ("B-product I-person", "O B-PER"),  # not a type that the course has
    ],
)
def test_a_sources_types_become_the_courses(tags: str, expected: str) -> None:
    types = {"person": "PER", "corporation": "ORG", "group": "ORG"}
    assert iob2(tags.split(), types) == expected.split()


@pytest.mark.parametrize("tag", ["PER", "LABEL_1", "X-PER", "B_PER", "", "B-"])
def test_what_is_no_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="is no tag"):
        iob2(["O", tag])
