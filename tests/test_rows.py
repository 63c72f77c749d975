"""Files of rows: what is read is what stands there, and what cannot be read is said in a line."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tasks.data.files import encodings
from tasks.data.files.data_file import DataFile, write_rows
from tasks.specs import BakeoffError

CSV, PARQUET = Path("rows.csv"), Path("rows.parquet")


def refused(path: Path) -> str:
    with pytest.raises(BakeoffError) as error:
        DataFile(path).rows(["a"])
    assert "\n" not in str(error.value)
    return str(error.value)


def test_numbers_are_read_to_their_last_bit() -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.normal(size=1000), 10 ** generator.uniform(-300, 300, 1000)])
    CSV.write_text("\n".join(["a", *map(repr, values.tolist())]))
    np.testing.assert_array_equal(DataFile(CSV).rows(["a"]).a, values)


def test_columns_that_hold_no_numbers_stay_the_text_that_they_are() -> None:
    CSV.write_text('a,id,note\n1,007,NA\n 2 ,8.0,"x, y"\n')
    rows = DataFile(CSV).rows(["a", "note"])
    assert rows.a.tolist() == [1, 2]
    assert rows.id.tolist() == ["007", "8.0"]
    assert rows.note.tolist() == ["NA", "x, y"]
    write_rows(rows, Path("again.csv"))
    assert Path("again.csv").read_text() == 'a,id,note\n1,007,NA\n2,8.0,"x, y"\n'


def test_all_columns_may_hold_numbers() -> None:
    CSV.write_text("a,b\n1,2\n")
    assert DataFile(CSV).rows(None).dtypes.tolist() == [np.int64, np.int64]


def test_a_column_of_numbers_with_a_gap_stays_text() -> None:
    CSV.write_text("a,b\n1,2\n,3\n")
    assert DataFile(CSV).rows(None).to_dict("list") == {"a": ["1", ""], "b": [2, 3]}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_cuts_all_lines_alike(delimiter: str) -> None:
    rows = [["größe", "ort"], ["1,5", "Ulm; | am See"], ["2,5", "a\tb"]]
    CSV.write_text("\n".join(delimiter.join(f'"{field}"' for field in row) for row in rows), encoding="utf8")
    assert DataFile(CSV).rows(()).to_numpy().tolist() == rows[1:]


def test_decimal_commas_do_not_make_commas_the_delimiter() -> None:
    CSV.write_text("a;b;c\n1,5;2,5;x, y\n3,5;4,5;z\n")
    assert DataFile(CSV).column_names == ("a", "b", "c")


def test_a_column_alone_has_no_delimiter() -> None:
    CSV.write_text("a\n1\n\n2\n")
    assert DataFile(CSV).rows(["a"]).a.tolist() == [1, 2]


def test_tabs_delimit_what_ends_in_tsv() -> None:
    path = Path("rows.tsv")
    write_rows(pd.DataFrame({"a": ["1,2", "3"], "b": ["4;5", "6"]}), path)
    assert path.read_text() == "a\tb\n1,2\t4;5\n3\t6\n"
    assert DataFile(path).rows(()).to_dict("list") == {"a": ["1,2", "3"], "b": ["4;5", "6"]}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "utf-16-le with a mark", "utf-16-be with a mark"]
)
def test_the_encoding_is_told_by_its_mark_or_by_its_bytes(encoding: str) -> None:
    name, _, marked = encoding.partition(" ")
    mark = chr(0xFEFF) if marked else ""
    CSV.write_bytes(f"{mark}Größe;Straße\n1;Köln\n2;\n".encode(name))
    assert DataFile(CSV).rows(["Größe"]).to_dict("list") == {"Größe": [1, 2], "Straße": ["Köln", ""]}


def test_fields_may_hold_the_delimiter_quotes_and_line_ends() -> None:
    CSV.write_bytes(b'\r\n"a\nb",c\r\n"1, ""2""","x\r\ny"\r\n')
    assert DataFile(CSV).rows(()).to_dict("list") == {"a\nb": ['1, "2"'], "c": ["x\r\ny"]}


def test_names_lose_the_blanks_around_them_and_a_missing_one_is_the_place() -> None:
    CSV.write_text(",a, b\n0,1,2\n")
    assert DataFile(CSV).column_names == ("Unnamed: 0", "a", "b")
    assert DataFile(CSV).rows((), ["b", "Unnamed: 0"]).to_dict("list") == {"b": ["2"], "Unnamed: 0": ["0"]}


def test_a_long_text_is_read_whole() -> None:
    CSV.write_text(f"a,text\n1,{'word ' * 100_000}\n")
    assert len(DataFile(CSV).rows(["a"]).text[0]) == 500_000


def test_a_parquet_file_keeps_all_its_columns_and_a_named_index_is_one() -> None:
    pd.DataFrame({"a": [1.5, 2.5]}, index=pd.Index(["x", "y"], name="id")).to_parquet(PARQUET)
    rows = DataFile(PARQUET).rows(["a"])
    assert rows.to_dict("list") == {"a": [1.5, 2.5], "id": ["x", "y"]}
    write_rows(rows, Path("again.parquet"))
    pd.testing.assert_frame_equal(DataFile(Path("again.parquet")).rows(["a"]), rows)


def test_a_parquet_file_keeps_whole_numbers_that_no_float_can_hold() -> None:
    parquet.write_table(pa.table({"id": [2**53 + 1, None], "a.b": [True, None]}), PARQUET)
    rows = DataFile(PARQUET).rows((), ["a.b", "id"])
    assert rows.columns.tolist() == ["a.b", "id"]
    assert rows.id[0] == 2**53 + 1
    assert rows.isna().to_numpy().tolist() == [[False, False], [True, True]]


def test_a_suffix_may_be_written_large() -> None:
    Path("ROWS.CSV").write_text("a\n1\n")
    assert DataFile(Path("ROWS.CSV")).rows(["a"]).a.tolist() == [1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", None, "there is no file rows.csv"),
        ("rows.parquet", None, "there is no file rows.parquet"),
        ("rows.csv", b"", "rows.csv is empty; a table with rows is expected"),
        ("rows.parquet", b"", "rows.parquet is empty; a table with rows is expected"),
        ("rows.csv", b"\n\n", "rows.csv has no rows"),
        ("rows.csv", b"a,b\n", "rows.csv has a header, but no rows"),
        ("rows.csv", b"a,b", "rows.csv has a header, but no rows"),
        ("rows.csv", b"a,b\n\n\n", "rows.csv has a header, but no rows"),
        (
            "rows.csv",
            b"a,b\n1,2,3\n",
            "row 1: 3 field(s) where the header has 2; put text with a ',' in it in double quotes",
        ),
        ("rows.csv", b"a,b\n1,2\n1,2\n1,2,3\n", "row 3: 3 field(s) where the header has 2;"),
        ("rows.csv", b"a,b\n1,2\n1\n", "row 2: 1 field(s) where the header has 2; fill the row up"),
        ("rows.csv", b'a,b\n1,"2\n1,2\n1,2\n', "rows.csv cannot be read as csv: a double quote is not closed"),
        ("rows.csv", b"a,b,a\n1,2,3\n", "rows.csv has more than one column a; give each a name of its own"),
        ("rows.csv", b"a,b,a \n1,2,3\n", "rows.csv has more than one column a; give each a name of its own"),
        (
            "rows.csv",
            "ä,b\n".encode() * 4 + b"\xe9,2\n",
            "byte 0xe9 in line 5 is no UTF-8, as the rest of the file is;",
        ),
        ("rows.csv", b"a,b\n\x00,2\n", "rows.csv cannot be read as csv: it holds bytes that are no text"),
        ("rows.csv", b"\xff\xfea", "rows.csv cannot be read as csv: its bytes are no text in utf-16; save it as UTF-8"),
        ("rows.parquet", b"a,b\n1,2\n", "rows.parquet cannot be read as parquet: "),
        (
            "rows.xlsx",
            b"",
            "rows.xlsx: files that end in .csv, .tsv or .parquet are read and written, no others; save it as CSV",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    assert said in refused(Path(name))


def test_two_columns_of_a_parquet_file_with_one_name_are_refused() -> None:
    parquet.write_table(pa.Table.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]), PARQUET)
    assert refused(PARQUET) == "rows.parquet has more than one column a; give each a name of its own"


def test_a_parquet_file_without_rows_is_refused() -> None:
    parquet.write_table(pa.table({"a": pa.array([], pa.int64())}), PARQUET)
    assert refused(PARQUET) == "rows.parquet has no rows"


def test_a_file_that_is_cut_off_is_refused() -> None:
    pd.DataFrame({"a": range(1000)}).to_parquet(PARQUET)
    PARQUET.write_bytes(PARQUET.read_bytes()[:-100])
    assert refused(PARQUET).startswith("rows.parquet cannot be read as parquet: ")


def test_the_nearest_file_is_offered() -> None:
    Path("autos.csv").touch()
    assert refused(Path("auto.csv")) == "there is no file auto.csv; did you mean autos.csv?"


def test_the_nearest_column_is_offered() -> None:
    CSV.write_text("mpg,weight\n1,2\n")
    with pytest.raises(BakeoffError, match=r"^rows\.csv has no column mgp; did you mean mpg\?$"):
        DataFile(CSV).rows((), ["weight", "mgp"])
    with pytest.raises(BakeoffError, match=r"^rows\.csv has no column z; there are mpg, weight$"):
        DataFile(CSV).rows((), ["z"])


def test_a_folder_is_not_read_as_a_file() -> None:
    CSV.mkdir()
    assert refused(CSV) == "rows.csv is a folder; a file with rows is expected"


def test_what_the_user_may_not_read_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    CSV.write_text("a\n1\n")
    if os.geteuid():
        CSV.chmod(0)
    else:  # root may read everything
        monkeypatch.setattr(Path, "open", lambda *_, **__: (_ for _ in ()).throw(PermissionError(13, "denied")))
    assert refused(CSV) == "rows.csv may not be read by you; ask its owner, or copy it to a folder of yours"


def test_a_file_of_another_encoding_than_utf8_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    CSV.write_bytes("ä\n1\n".encode("cp1252"))
    with caplog.at_level("INFO", encodings.__name__):
        assert DataFile(CSV).column_names == ("ä",)
    assert caplog.messages == ["rows.csv is no UTF-8, and is read as cp1252, by its letters"]


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1252", "Köln München Straße"),
        ("cp1250", "Příbram Žďár Český"),
        ("cp1251", "Москва Казань Санкт-Петербург"),
        ("koi8_r", "Москва Казань Санкт-Петербург"),
        ("gb18030", "北京 上海 广州"),
        ("cp932", "東京 大阪 カタカナ"),
        ("euc_kr", "서울 부산 대구"),
        ("cp1253", "Αθήνα Πάτρα Ηράκλειο"),
    ],
)
def test_the_letters_tell_the_encoding(encoding: str, words: str) -> None:
    CSV.write_bytes("\n".join(["a,b", *(f"{word},1" for word in words.split() * 5)]).encode(encoding))
    assert DataFile(CSV).rows(["b"]).a.tolist() == words.split() * 5


def test_an_encoding_that_is_named_is_taken() -> None:
    CSV.write_bytes(b"a\n\xe9\n")
    assert DataFile(CSV, "cp1251").rows(()).a.tolist() == ["й"]
    CSV.write_bytes(b"a\n\x81\n")
    for name, said in (("cp1252", "its bytes are no text in cp1252"), ("latin-99", "there is no encoding latin-99")):
        with pytest.raises(BakeoffError, match=said):
            DataFile(CSV, name).rows(())


def test_a_quote_behind_a_blank_opens_a_field() -> None:
    CSV.write_text('a, job, y\n1, "smith", 0\n2, "clerk, senior", 1\n')
    assert DataFile(CSV).rows(["a", "y"]).to_dict("list") == {
        "a": [1, 2],
        "job": ["smith", "clerk, senior"],
        "y": [0, 1],
    }


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\na;b\n1;x\n2;y\n",
        "# exported by a tool\n# on a day\na,b\n1,x\n2,y\n",
        "a,b\n1,x\na,b\n2,y\n",
    ],
)
def test_what_tools_write_around_rows_is_no_row(text: str) -> None:
    CSV.write_text(text)
    assert DataFile(CSV).rows(["a"]).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


def test_rows_that_are_like_a_header_in_some_columns_stay_whichever_are_asked_for() -> None:
    CSV.write_text("a,b,c\na,b,9\n1,2,3\na,b,c\n")
    for columns in (["a", "b"], ["a", "b", "c"]):
        assert DataFile(CSV).rows((), columns).a.tolist() == ["a", "1"]
    CSV.write_text("text\nhello\ntext\n")
    assert DataFile(CSV).rows(()).text.tolist() == ["hello", "text"]
    CSV.write_text("name\nSmith, John\nDoe, Jane\n")
    with pytest.raises(BakeoffError, match="2 field\\(s\\) where the header has 1"):
        DataFile(CSV).rows(())


def test_a_delimiter_at_the_end_of_each_row_makes_a_column_without_a_name() -> None:
    CSV.write_text("a\tb\n1\tx\t\n2\ty\t\n")
    assert DataFile(CSV).rows(["a"]).to_dict("list") == {"a": [1, 2], "b": ["x", "y"], "Unnamed: 2": ["", ""]}


def test_the_name_of_a_column_may_be_written_in_two_ways() -> None:
    CSV.write_text("cafe\u0301\n1\n", encoding="utf8")
    pd.DataFrame({"cafe\u0301": [1]}).to_parquet(PARQUET)
    for path in (CSV, PARQUET):
        assert DataFile(path).rows(None, ["caf\u00e9"]).to_dict("list") == {"caf\u00e9": [1]}


@pytest.mark.parametrize("name", ["no/rows.csv", "no/rows.parquet"])
def test_a_file_that_cannot_be_written_is_named(name: str) -> None:
    with pytest.raises(BakeoffError, match=rf"{name} cannot be written: "):
        write_rows(pd.DataFrame({"a": [1]}), Path(name))
