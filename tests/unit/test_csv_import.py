"""The importer's reading and deciding, without a database: every case is a line of a table."""

from collections.abc import Iterable

import pytest

from app.services.csv_import.columns import HeaderError, ImportRow, read_header, to_row
from app.services.csv_import.planning import Person, Plan, plan
from app.services.csv_import.reading import (
    BLOCK,
    MALFORMED,
    MAX_LINE,
    MAX_RECORD_LINES,
    TOO_LONG,
    TOO_WIDE,
    UNCLOSED,
    Record,
    RecordReader,
    UnreadableFileError,
)


def read(data: bytes, *, width: int | None = None, step: int = 1 << 30) -> list[Record]:
    reader = RecordReader()
    reader.width = width
    records: list[Record] = []
    for begin in range(0, len(data), step):
        reader.buffer(data[begin : begin + step], is_last=False)
        records += reader.records(is_last=False)
    reader.buffer(b"", is_last=True)
    return records + reader.records(is_last=True)


@pytest.mark.parametrize(
    ("data", "records"),
    [
        (b"", []),
        (b"a,b\n", [(1, ["a", "b"])]),
        (b"a,b", [(1, ["a", "b"])]),
        (b"a,b\r\nc,d\r\n", [(1, ["a", "b"]), (2, ["c", "d"])]),
        (b"a\n\n , \nb", [(1, ["a"]), (4, ["b"])]),
        (b'"a,b",c', [(1, ["a,b", "c"])]),
        (b'a,"x\ny"\nb,z', [(1, ["a", "x\ny"]), (3, ["b", "z"])]),
        (b'a,"x\r\ny",\xe2\x80\xa8\nb', [(1, ["a", "x\ny", "\u2028"]), (3, ["b"])]),
        (b'a,"say ""hi"""\nb', [(1, ["a", 'say "hi"']), (2, ["b"])]),
        (b'5" disk,b\nc', [(1, ['5" disk', "b"]), (2, ["c"])]),
    ],
)
def test_records_and_the_numbers_of_their_lines(data: bytes, records: list[tuple[int, list[str]]]) -> None:
    assert [(record.line, record.cells) for record in read(data)] == records


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b'a,b\nc,"d\ne,f\ng,h\n', [(1, None), (2, UNCLOSED), (3, None), (4, None)]),
        (b'a,"b\nc,"d"\ne,f\n', [(1, MALFORMED), (2, None), (3, None)]),
        (b"a,b,c\nd,e,\nf,g\n", [(1, TOO_WIDE), (2, None), (3, None)]),
        (b"a\rb,c\nd,e\n", [(1, MALFORMED), (2, None)]),
    ],
)
def test_a_broken_line_costs_itself_only(data: bytes, lines: list[tuple[int, str | None]]) -> None:
    assert [(record.line, record.error) for record in read(data, width=2)] == lines


def test_an_open_quote_swallows_no_more_than_its_bound() -> None:
    data = b'x,"open\n' + b"a,b\n" * (MAX_RECORD_LINES + 5) + b'y,"closed"\n'
    records = read(data)
    assert [record.line for record in records if record.error] == [1]
    assert len(records) == MAX_RECORD_LINES + 7


def test_memory_is_bounded_by_the_block() -> None:
    reader = RecordReader()
    total = 0
    for _ in range(100):
        reader.buffer(("u1,林晓,Python开发\n" * 1000).encode(), is_last=False)
        total += len(reader.records(is_last=False))
        assert len(reader._bytes) < 2 * BLOCK
        assert len(reader._lines) == 0
    reader.buffer(b"", is_last=True)
    assert total + len(reader.records(is_last=True)) == 100_000


def test_a_line_without_end_is_dropped_within_bounded_memory() -> None:
    reader = RecordReader()
    records: list[Record] = []
    for _ in range(3 * MAX_LINE // BLOCK):
        reader.buffer(b"x" * BLOCK, is_last=False)
        records += reader.records(is_last=False)
        assert len(reader._bytes) <= MAX_LINE + BLOCK
    reader.buffer(b"\nnext,one\n", is_last=True)
    records += reader.records(is_last=True)
    assert [(record.line, record.error) for record in records] == [(1, TOO_LONG), (2, None)]


def test_a_long_line_that_ends_within_its_block_is_refused_too() -> None:
    records = read(b"a" * (MAX_LINE + 1) + b"\nb\n")
    assert [(record.line, record.error) for record in records] == [(1, TOO_LONG), (2, None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("step", [1 << 30, 1000])
def test_encodings_that_spreadsheets_write(encoding: str, step: int) -> None:
    ascii_part = "a,b\n" * 40_000  # what is plain ASCII decides nothing
    records = read((ascii_part + "林晓,岗位㐀\n").encode(encoding), step=step)
    assert records[-1] == Record(40_001, ["林晓", "岗位㐀"])


def test_one_broken_line_does_not_decide_the_encoding() -> None:
    records = read("林晓\n".encode() + b"\xff\xfe\xfd\n" + "王强\n周宁\n".encode())
    assert [record.cells for record in records] == [["林晓"], [], ["王强"], ["周宁"]]
    assert records[1].error is not None
    assert "UTF-8" in records[1].error


def test_utf_16_is_refused_with_advice() -> None:
    with pytest.raises(UnreadableFileError, match="CSV UTF-8"):
        read("a,b\n".encode("utf-16"))


@pytest.mark.parametrize(
    ("line", "delimiter", "fields"),
    [
        ("user_id,name,phone", ",", ("user_id", "name", "phone")),
        ("姓名;岗位;手机号", ";", ("name", "position", "phone")),
        ("用户ID\t备注\t来源", "\t", ("user_id", "note", None)),
        (' "User Id" , 电话 ,bot', ",", ("user_id", "phone", "bot")),
        ("手机号,姓名,", ",", ("phone", "name", None)),
    ],
)
def test_headers(line: str, delimiter: str, fields: tuple[str | None, ...]) -> None:
    header = read_header(line)
    assert (header.delimiter, header.fields) == (delimiter, fields)


@pytest.mark.parametrize("line", ["name,position", "姓名", "phone,手机号", "13800138000,林晓", '"'])
def test_unusable_headers_name_what_is_missing_or_doubled(line: str) -> None:
    with pytest.raises(HeaderError, match=r"user_id|phone"):
        read_header(line)


HEADER = read_header("bot,user_id,name,position,phone,note")


@pytest.mark.parametrize(
    ("cells", "error"),
    [
        (["", "", "林晓"], "user_id"),
        (["", "u", "", "", "nonsense"], "电话"),
        (["", "u", "x" * 129], "name"),
        (["", "u", "", "x" * 65], "position"),
        (["", "u", "", "\ufdfa" * 10], "position"),
        (["", "u", "", "", "", "x" * 5001], "note"),
        (["", "u" * 257], "user_id"),
        (["b" * 65, "u"], "bot"),
        (["", "u\x00"], "NUL"),
    ],
)
def test_cells_that_cannot_be_stored_are_named(cells: list[str], error: str) -> None:
    assert error in str(to_row(HEADER, 2, cells))


def test_cells_are_cleaned_of_what_spreadsheets_add() -> None:
    row = to_row(HEADER, 2, ["", '="00123"', " 林晓 ", "", "\t'13800138000", ""])
    assert row == ImportRow(2, user_id="00123", name="林晓", phone="+8613800138000")


def decide(rows: Iterable[ImportRow], *known: Person) -> Plan:
    return plan(list(rows), known, bots={"second": 2}, default_bot=1, make_user_id=lambda: "c-made")


P, Q = "+8613800138000", "+8613900139000"


@pytest.mark.parametrize(
    ("rows", "known", "counts"),
    [
        ([ImportRow(2, user_id="u")], [], (1, 0, 0, 0)),
        ([ImportRow(2, phone=P)], [], (1, 0, 0, 0)),
        ([ImportRow(2, user_id="u", name="林晓")], [Person(7, 1, "u")], (0, 1, 0, 0)),
        ([ImportRow(2, user_id="u", name="林晓")], [Person(7, 1, "u", "林晓")], (0, 0, 1, 0)),
        ([ImportRow(2, user_id="u")], [Person(7, 2, "u")], (1, 0, 0, 0)),
        ([ImportRow(2, bot="second", user_id="u", note="n")], [Person(7, 2, "u")], (0, 1, 0, 0)),
        ([ImportRow(2, bot="nowhere", user_id="u")], [], (0, 0, 0, 1)),
        ([ImportRow(2, phone=P, name="林晓")], [Person(7, 2, "x", phone=P)], (0, 1, 0, 0)),
        ([ImportRow(2, bot="second", phone=P)], [Person(7, 1, "x", phone=P)], (1, 0, 0, 0)),
        ([ImportRow(2, phone=P)], [Person(7, 1, "x", phone=P), Person(8, 2, "y", phone=P)], (0, 0, 0, 1)),
        (
            [ImportRow(2, user_id="y", phone=P, note="n")],
            [Person(7, 1, "x", phone=P), Person(8, 1, "y", phone=P)],
            (0, 1, 0, 0),
        ),
        ([ImportRow(2, user_id="u", phone=P)], [Person(7, 1, "x", phone=P)], (0, 0, 0, 1)),
        ([ImportRow(2, user_id="u", phone=P)], [Person(7, 1, "c-1", phone=P, has_made_up_user=True)], (0, 1, 0, 0)),
        ([ImportRow(2, user_id="u"), ImportRow(3, user_id="u")], [], (1, 0, 1, 0)),
        ([ImportRow(2, phone=P), ImportRow(3, phone=P, name="林晓")], [], (1, 1, 0, 0)),
        ([ImportRow(2, user_id="u", phone=P), ImportRow(3, user_id="v", phone=P)], [], (1, 0, 0, 1)),
        ([ImportRow(2, user_id="u", phone=Q), ImportRow(3, phone=P)], [Person(7, 1, "u", phone=P)], (1, 1, 0, 0)),
    ],
)
def test_whom_a_line_means(rows: list[ImportRow], known: list[Person], counts: tuple[int, ...]) -> None:
    result = decide(rows, *known)
    assert (result.created, result.updated, result.unchanged, len(result.errors)) == counts


def test_empty_cells_leave_what_is_known() -> None:
    person = Person(7, 1, "u", "林晓", "Python开发", P, "备注")
    result = decide([ImportRow(2, user_id="u", note="新备注"), ImportRow(3, user_id="u", name="林小晓")], person)
    assert (person.name, person.position, person.phone, person.note) == ("林小晓", "Python开发", P, "新备注")
    assert result.changed == [person]
    assert (person.is_renamed, person.is_readdressed) == (True, False)


def test_a_real_user_id_takes_the_place_of_a_made_up_one() -> None:
    person = Person(7, 1, "c-1", phone=P, has_made_up_user=True)
    decide([ImportRow(2, user_id="u", phone=P), ImportRow(3, user_id="u", phone=Q)], person)
    assert (person.user_id, person.phone, person.is_readdressed) == ("u", Q, True)
