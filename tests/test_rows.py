from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.data.own.rows import read_rows, write_rows
from tasks.specs import BakeoffError

CSV, PARQUET = Path("rows.csv"), Path("rows.parquet")


def test_numbers_are_read_to_their_last_bit() -> None:
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.normal(size=1000), 10 ** generator.uniform(-300, 300, 1000)])
    CSV.write_text("\n".join(["a", *map(repr, values.tolist())]))
    np.testing.assert_array_equal(read_rows(CSV, ["a"]).a, values)


def test_columns_that_hold_no_numbers_stay_the_text_that_they_are() -> None:
    CSV.write_text('a,id,note\n1,007,NA\n 2 ,8.0,"x, y"\n')
    rows = read_rows(CSV, ["a"])
    assert rows.a.tolist() == [1, 2]
    assert rows.id.tolist() == ["007", "8.0"]
    assert rows.note.tolist() == ["NA", "x, y"]
    write_rows(rows, Path("again.csv"))
    assert Path("again.csv").read_text() == 'a,id,note\n1,007,NA\n2,8.0,"x, y"\n'


def test_all_columns_may_hold_numbers() -> None:
    CSV.write_text("a,b\n1,2\n")
    assert read_rows(CSV, None).dtypes.tolist() == [np.int64, np.int64]


def test_a_parquet_file_keeps_all_its_columns_and_a_named_index_is_one() -> None:
    pd.DataFrame({"a": [1.5, 2.5]}, index=pd.Index(["x", "y"], name="id")).to_parquet(PARQUET)
    rows = read_rows(PARQUET, ["a"])
    assert rows.to_dict("list") == {"a": [1.5, 2.5], "id": ["x", "y"]}
    write_rows(rows, Path("again.parquet"))
    pd.testing.assert_frame_equal(read_rows(Path("again.parquet"), ["a"]), rows)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", None, "there is no file rows.csv"),
        ("rows.parquet", None, "there is no file rows.parquet"),
        ("rows.csv", b"", "rows.csv cannot be read as csv: No columns to parse from file"),
        ("rows.csv", b"a,b\n", "rows.csv has no rows"),
        ("rows.csv", b"a,b\n1,2,3\n", "rows.csv cannot be read as csv: its rows have more fields than its header"),
        ("rows.csv", b"a,b\n1,2\n1,2,3\n", "Expected 2 fields in line 3, saw 3"),
        ("rows.csv", b"\xff\xfe", "rows.csv cannot be read as csv: 'utf-8' codec can't decode"),
        ("rows.parquet", b"a,b\n1,2\n", "rows.parquet cannot be read as parquet: "),
        ("rows.xlsx", b"", "rows.xlsx: files that end in .csv or .parquet are read and written, and no others"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_with_the_reason(name: str, content: bytes | None, said: str) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(BakeoffError) as refused:
        read_rows(Path(name), ["a"])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_is_not_read_as_a_file() -> None:
    CSV.mkdir()
    with pytest.raises(BakeoffError, match=r"rows\.csv cannot be read: Is a directory"):
        read_rows(CSV, ["a"])


@pytest.mark.parametrize("name", ["no/rows.csv", "no/rows.parquet"])
def test_a_file_that_cannot_be_written_is_named(name: str) -> None:
    with pytest.raises(BakeoffError, match=rf"{name} cannot be written: "):
        write_rows(pd.DataFrame({"a": [1]}), Path(name))
