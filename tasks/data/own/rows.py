"""Rows as people have them: CSV or Parquet files, read whole or by columns."""

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.data.own.delimited import fields, format_of
from tasks.data.own.folders import check_there
from tasks.specs import BakeoffError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = (".csv", ".tsv", ".parquet")
EXCEL = (".xls", ".xlsx", ".xlsm", ".ods")


def check_suffix(path: Path) -> None:
    """Finds out whether it is a kind of file that is read and written here.

    Raises:
        BakeoffError: when it is not.
    """
    if path.suffix.lower() not in SUFFIXES:
        *others, last = SUFFIXES
        excel = "; save it as CSV" if path.suffix.lower() in EXCEL else ""
        raise BakeoffError(
            f"{path}: files that end in {', '.join(others)} or {last} are read and written, no others{excel}"
        )


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def read_rows(path: Path, numbers: Collection[str] | None, columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """The rows of a file, with all columns or those that are asked for.

    In a CSV file, those of the columns `numbers` (of all, if None) in which every field is a number are read as
    numbers, each to its last bit. The others stay the text that they are: an "007" does not become 7, and no value is
    missing. In a Parquet file, each column has the type that it has there; text is as in a CSV file.

    Raises:
        BakeoffError: when the file cannot be read, has no rows, has not these columns, or two of the same name.
    """
    check_suffix(path)
    with _readable(path):
        rows = _read_parquet(path, columns) if _is_parquet(path) else _read_csv(path, numbers, columns)
    if rows.empty:
        raise BakeoffError(f"{path} has no rows")
    return rows


def column_names(path: Path) -> tuple[str, ...]:
    """The names of the columns of a file; one without a name is called by its place, as in pandas: `Unnamed: 0`.

    Raises:
        BakeoffError: when the file cannot be read, or two columns have the same name.
    """
    check_suffix(path)
    with _readable(path):
        return _parquet_names(path) if _is_parquet(path) else _each_once(path, format_of(path).header)


def write_rows(rows: "pd.DataFrame", path: Path) -> None:
    """Writes rows in the format that the path's suffix names.

    Raises:
        BakeoffError: when the file cannot be written.
    """
    check_suffix(path)
    try:
        if _is_parquet(path):
            rows.to_parquet(path, index=False)
        else:
            rows.to_csv(path, index=False, sep="\t" if path.suffix.lower() == ".tsv" else ",")
    except OSError as error:
        raise BakeoffError(f"{path} cannot be written: {error.strerror or error}") from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever goes wrong when a file is read is said in a line."""
    from pyarrow import ArrowException

    check_there(path)
    try:
        with path.open("rb") as stream:
            if not stream.read(1):
                raise BakeoffError(f"{path} is empty; a table with rows is expected")
        yield
    except IsADirectoryError as error:
        raise BakeoffError(f"{path} is a folder; a file with rows is expected") from error
    except PermissionError as error:
        raise BakeoffError(f"{path} may not be read by you; ask its owner, or copy it to a folder of yours") from error
    except OSError as error:
        raise BakeoffError(f"{path} cannot be read: {error.strerror or _first_line(error)}") from error
    except (ValueError, csv.Error, ArrowException) as error:
        raise BakeoffError(f"{path} cannot be read as {path.suffix[1:]}: {_first_line(error)}") from error


def _read_csv(path: Path, numbers: Collection[str] | None, columns: Sequence[str] | None) -> "pd.DataFrame":
    import pyarrow as pa

    form = format_of(path)
    names = _chosen(path, _each_once(path, form.header), columns)
    read = {
        name: _as_numbers(column) if numbers is None or name in numbers else column
        for name, column in zip(names, fields(path, form, names).itercolumns(), strict=True)
    }
    rows: pd.DataFrame = pa.table(read).to_pandas(split_blocks=True)
    return rows


def _as_numbers(column: "pa.ChunkedArray[Any]") -> "pa.ChunkedArray[Any]":
    """A column of text as whole numbers or as numbers, or as it is where one field is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    trimmed = pc.utf8_trim_whitespace(column)
    try:
        found = pc.cast(trimmed, pa.float64())
    except pa.ArrowInvalid:
        return column
    try:
        return pc.cast(trimmed, pa.int64())
    except pa.ArrowInvalid:
        return found


def _read_parquet(path: Path, columns: Sequence[str] | None) -> "pd.DataFrame":
    """Without what pandas noted of an index, which would take a column away."""
    import pandas as pd
    import pyarrow as pa
    from pyarrow import parquet

    def type_of(kind: Any) -> pd.ArrowDtype | None:
        """Arrow's, whose whole numbers may be missing, but for text and categories."""
        types = pa.types
        own = types.is_string(kind) or types.is_large_string(kind) or types.is_dictionary(kind)
        return None if own else pd.ArrowDtype(kind)

    names = _chosen(path, _parquet_names(path), columns)
    table = parquet.ParquetFile(path).read(columns=names).select(names)
    rows: pd.DataFrame = table.to_pandas(ignore_metadata=True, split_blocks=True, types_mapper=type_of)
    return rows


def _parquet_names(path: Path) -> tuple[str, ...]:
    from pyarrow import parquet

    return _each_once(path, parquet.read_schema(path).names)


def _each_once(path: Path, names: Sequence[str]) -> tuple[str, ...]:
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise BakeoffError(f"{path} has more than one column {', '.join(twice[:3])}; give each a name of its own")
    return tuple(names)


def _chosen(path: Path, there: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    """The columns that are asked for, which must be there."""
    missing = [name for name in columns or () if name not in there]
    if missing:
        hint = did_you_mean(missing[0], there) or f"; there are {', '.join(there[:10])}"
        raise BakeoffError(f"{path} has no column {missing[0]}{hint}")
    return [*(there if columns is None else columns)]


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
