"""A file of the user's, read once: the rows of a CSV or Parquet file, or the arrays X and y of a .npz file."""

import csv
import functools
import io
import logging
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from tasks.data.files.encodings import encoding_of
from tasks.data.files.folders import check_there
from tasks.specs import BakeoffError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

logger = logging.getLogger(__name__)

SUFFIXES = (".csv", ".tsv", ".parquet")
EXCEL = (".xls", ".xlsx", ".xlsm", ".ods")
DELIMITERS = (",", ";", "\t", "|")
SAMPLE = 100  # lines by which the delimiter is told
CHUNK = 2**24  # bytes that are read at once; a row must be shorter
BLANK_BEFORE_QUOTE = r'(?m)(^|[{}]) +"'
X, Y = "X", "y"
MEND = "save numbers or text by numpy.savez(FILE, X=X, y=y)"

NamedArrays = tuple[NDArray[np.generic], NDArray[np.generic]]


class Dialect(NamedTuple):
    """How a CSV file is written: its encoding by Python's name, its delimiter, and its header.

    `header_ends` counts the rows up to the header and with it: 1, and more if empty ones, remarks or Excel's `sep=`
    come before. The names of the header are stripped, or made up; `written` has them as they are.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    header_ends: int
    written: tuple[str, ...]


class DataFile:
    """A file at a path. It is decoded and parsed when that is first asked for, and what was read is held."""

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path, self._named = path, encoding
        self._held: pa.Table | None = None

    @cached_property
    def column_names(self) -> tuple[str, ...]:
        """The names of the columns; one without a name is called by its place, as in pandas: `Unnamed: 0`.

        Raises:
            BakeoffError: when the file cannot be read, or two columns have the same name.
        """
        check_suffix(self.path)
        with _readable(self.path):
            own = self._parquet.schema_arrow.names if self._is_parquet else self._dialect.header
        names = [unicodedata.normalize("NFC", name) for name in own]
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise BakeoffError(
                f"{self.path} has more than one column {', '.join(twice[:3])}; give each a name of its own"
            )
        return tuple(names)

    def rows(self, numbers: Collection[str] | None, columns: Sequence[str] | None = None) -> "pd.DataFrame":
        """Return the rows, with all columns or those that are asked for.

        In a CSV file, those of the columns `numbers` (of all, if None) in which every field is a number are read as
        numbers, each to its last bit. The others stay the text that they are: an "007" does not become 7, and no value
        is missing. In a Parquet file, each column has the type that it has there; text is as in a CSV file.

        Raises:
            BakeoffError: when the file cannot be read, has no rows, has not these columns, or two of the same name.
        """
        names = [*(self.column_names if columns is None else columns)]
        missing = [name for name in names if name not in self.column_names]
        if missing:
            hint = did_you_mean(missing[0], self.column_names) or f"; there are {', '.join(self.column_names[:10])}"
            raise BakeoffError(f"{self.path} has no column {missing[0]}{hint}")
        with _readable(self.path):
            if self._held is None or not {*names} <= {*self._held.column_names}:
                self._held = self._read_parquet(names) if self._is_parquet else self._csv(names)
            rows = self._frame(self._held.select(names), numbers)
        if rows.empty:
            raise BakeoffError(f"{self.path} has no rows")
        return rows

    @cached_property
    def arrays(self) -> NamedArrays:
        """The arrays `X` (rows, ...) and `y` (rows,) of a .npz file; nothing is unpickled.

        Raises:
            BakeoffError: when the file cannot be read, lacks one of them, holds pickled objects, or y is not one number
                or label a row.
        """
        path = self.path
        check_there(path)
        try:
            return _checked(path, *_read_archive(path))
        except (BadZipFile, zlib.error, EOFError) as error:
            raise BakeoffError(f"{path} cannot be read as .npz: {error or 'it is empty'}") from error
        except OSError as error:
            raise BakeoffError(f"{path} cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise BakeoffError(f"{path}: y holds bytes that are not UTF-8; save text as text, or in UTF-8") from error
        except ValueError as error:  # as NumPy says that something is pickled, which it takes any other file for too
            if not is_zipfile(path):
                raise BakeoffError(f"{path} is no .npz file; {MEND}") from error
            reason = str(error).partition(".")[0]
            raise BakeoffError(f"{path}: X or y cannot be read ({reason}), and nothing is unpickled; {MEND}") from error

    @property
    def is_archive(self) -> bool:
        """Whether it has arrays, and no rows."""
        return self.path.suffix.lower() == ".npz"

    @property
    def _is_parquet(self) -> bool:
        return self.path.suffix.lower() == ".parquet"

    @cached_property
    def _parquet(self) -> Any:
        from pyarrow import parquet

        return parquet.ParquetFile(self.path)

    def _read_parquet(self, names: Sequence[str]) -> "pa.Table":
        written = {unicodedata.normalize("NFC", name): name for name in self._parquet.schema_arrow.names}
        own = {written[name]: name for name in names}
        table: pa.Table = self._parquet.read(columns=[*own]).rename_columns(own)
        return table

    @property
    def encoding(self) -> str:
        """That of a CSV file, by Python's name; none of another."""
        if self.path.suffix.lower() not in (".csv", ".tsv"):
            return ""
        with _readable(self.path):
            return self._dialect.encoding

    @cached_property
    def _dialect(self) -> Dialect:
        """How the CSV file is written; in one that ends in .tsv, tabs stand between the fields."""
        path, encoding = self.path, encoding_of(self.path, self._named)
        csv.field_size_limit(CHUNK)  # Python's own is 131,072, and a text may be longer
        with path.open(encoding=encoding, newline="") as stream:
            sample = [*islice(stream, SAMPLE)]
        said = re.match(r"sep=(.)\s*$", sample[0]) if sample else None  # as Excel writes it
        delimiter = said[1] if said else "\t" if path.suffix.lower() == ".tsv" else _delimiter_of(sample)
        rows = [*csv.reader(sample, delimiter=delimiter, skipinitialspace=True)]
        before = 1 if said else _preamble(rows)
        with path.open(encoding=encoding, newline="") as stream:
            lines = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
            numbered = islice(enumerate(lines, start=1), before, None)
            ends, header = next(((number, row) for number, row in numbered if row), (0, []))
            if not any(lines):
                raise BakeoffError(f"{path} has {'a header, but ' if header else ''}no rows")
        if all(row[len(header) :] == [""] for row in rows[ends:] if row):
            header = [*header, ""]  # a delimiter ends each row, and the header has none at its end
        given = (unicodedata.normalize("NFC", name.strip()) for name in header)
        names = tuple(name or f"Unnamed: {place}" for place, name in enumerate(given))
        return Dialect(encoding, delimiter, names, ends, tuple(header))

    def _csv(self, names: Sequence[str]) -> "pa.Table":
        """The fields of these columns as text, none missing; empty rows are left out, and the header where it is again.

        Files that were joined have it more than once. All columns are looked at, so that no row is left out for some
        columns that is there for others.
        """
        import pyarrow.compute as pc

        table, header = self._fields(names), self._dialect.header
        written = dict(zip(header, self._dialect.written, strict=True))
        if len(table):
            self._check_quotes(table.slice(len(table) - 1).to_pylist()[0])

        def is_header(rows: "pa.Table") -> Any:
            return functools.reduce(pc.and_, [pc.equal(rows[name], written[name]) for name in rows.column_names])

        if len(header) < 2 or not pc.any(is_header(table)).as_py():
            return table
        again = is_header(self._fields(header))
        if times := pc.sum(again).as_py():
            logger.info("%s has its header %d times more; it was joined of files", self.path, times)
        return table.filter(pc.invert(again))

    def _fields(self, names: Sequence[str], in_order: bool = False) -> "pa.Table":
        """The fields of these columns as text.

        A row with too many or too few fields, or a quote that is not closed, is a ValueError. Only if rows are read in
        order, each has its number.
        """
        import pyarrow as pa
        from pyarrow import csv as arrow

        faults: list[Any] = []

        def refuse(row: Any) -> str:
            faults.append(row)
            return "error"

        encoding, delimiter, header, header_ends, _ = self._dialect
        try:
            return arrow.read_csv(
                self._without_blanks() or self.path,
                arrow.ReadOptions(
                    use_threads=not in_order,
                    block_size=CHUNK,
                    column_names=header,
                    skip_rows_after_names=header_ends,
                    encoding="utf8" if encoding.startswith("utf-8") else encoding,
                ),
                arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=refuse),
                arrow.ConvertOptions(default_column_type=pa.large_string(), include_columns=names),
            )
        except pa.ArrowInvalid as error:
            if not faults:
                raise
            if not in_order:
                return self._fields(names, in_order=True)
            there, needed = faults[0].actual_columns, faults[0].expected_columns
            mend = f"put text with a {delimiter!r} in it in double quotes" if there > needed else "fill the row up"
            raise ValueError(
                f"row {faults[0].number - header_ends}: {there} field(s) where the header has {needed}; {mend}"
            ) from error

    def _without_blanks(self) -> Any:
        """The file without blanks in front of double quotes, if it has such: Arrow would take the quotes for text."""
        import pyarrow as pa

        encoding, delimiter = self._dialect.encoding, self._dialect.delimiter
        pattern = BLANK_BEFORE_QUOTE.format(re.escape(delimiter))
        with self.path.open(encoding=encoding, newline="") as stream:
            if not re.search(pattern, "".join(islice(stream, SAMPLE))):
                return None
        with self.path.open(encoding=encoding, newline="") as stream:
            lines = csv.reader(stream, delimiter=delimiter, skipinitialspace=True)
            written = io.StringIO(newline="")
            csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(lines)
        return pa.BufferReader(written.getvalue().encode(encoding))

    def _check_quotes(self, last: dict[str, str]) -> None:
        """Refuse a file whose last field opens with a double quote that nothing closes: it may have swallowed rows."""
        if not any("\n" in text for text in last.values()):
            return
        with self.path.open(encoding=self._dialect.encoding, newline="") as stream:
            try:
                for _ in csv.reader(stream, delimiter=self._dialect.delimiter, strict=True):
                    pass
            except csv.Error as error:
                raise ValueError(f"a double quote is not closed, or stands within a field: {error}") from error

    def _frame(self, table: "pa.Table", numbers: Collection[str] | None) -> "pd.DataFrame":
        """A frame, without what pandas noted of an index in a Parquet file, which would take a column away."""
        import pandas as pd
        import pyarrow as pa

        def type_of(kind: Any) -> pd.ArrowDtype | None:
            """Arrow's, whose whole numbers may be missing, but for text and categories."""
            types = pa.types
            own = types.is_string(kind) or types.is_large_string(kind) or types.is_dictionary(kind)
            return None if own else pd.ArrowDtype(kind)

        mapper = type_of if self._is_parquet else None
        if not self._is_parquet:
            read = dict(zip(table.column_names, table.itercolumns(), strict=True))
            chosen = {name: _as_numbers(read[name]) for name in read if numbers is None or name in numbers}
            table = pa.table(read | chosen)
        frame: pd.DataFrame = table.to_pandas(ignore_metadata=True, split_blocks=True, types_mapper=mapper)
        return frame


def check_suffix(path: Path) -> None:
    """Check that it is a kind of file that is read and written here.

    Raises:
        BakeoffError: when it is not.
    """
    if path.suffix.lower() not in SUFFIXES:
        *others, last = SUFFIXES
        excel = "; save it as CSV" if path.suffix.lower() in EXCEL else ""
        raise BakeoffError(
            f"{path}: files that end in {', '.join(others)} or {last} are read and written, no others{excel}"
        )


def write_rows(rows: "pd.DataFrame", path: Path) -> None:
    """Write rows in the format that the path's suffix names.

    Raises:
        BakeoffError: when the file cannot be written.
    """
    check_suffix(path)
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            rows.to_parquet(path, index=False)
        else:
            rows.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    except OSError as error:
        raise BakeoffError(f"{path} cannot be written: {error.strerror or error}") from error


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Whatever goes wrong when a table is read is said in a line."""
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


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _delimiter_of(lines: Sequence[str]) -> str:
    """The one that cuts most lines into the same number of fields; the first in doubt."""

    def fit(delimiter: str) -> tuple[bool, float, int]:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row] or [[]]
        width = Counter(map(len, rows)).most_common(1)[0][0]
        return width > 1, sum(len(row) == width for row in rows) / len(rows), width

    return max(DELIMITERS, key=fit)


def _preamble(rows: Sequence[Sequence[str]]) -> int:
    """How many rows stand before the header: remarks behind a #, or of one field and followed by an empty row."""
    remarks = next((number for number, row in enumerate(rows) if len(row) > 1), 0)
    are_remarks = all(not row or row[0].startswith("#") for row in rows[:remarks]) or [] in rows[1:remarks]
    return remarks if are_remarks and all(len(row) > 1 for row in rows[remarks:] if row) else 0


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


def _read_archive(path: Path) -> NamedArrays:
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise BakeoffError(f"{path} is one array without a name; save two by numpy.savez(FILE, X=X, y=y)")
    with archive:
        missing = [name for name in (X, Y) if name not in archive.files]
        if missing:
            there = ", ".join(archive.files) or "none"
            raise BakeoffError(f"{path} has no array named {' and '.join(missing)}; there are: {there}")
        return archive[X], archive[Y]


def _checked(path: Path, examples: NDArray[np.generic], targets: NDArray[np.generic]) -> NamedArrays:
    for name, array in ((X, examples), (Y, targets)):
        if not isinstance(array, np.ndarray):  # but bytes, as NumPy gives what begins as no array does
            raise BakeoffError(f"{path}: {name} is no array; {MEND}")
    if targets.dtype.kind not in "biufUSM":
        raise BakeoffError(f"{path}: y holds {targets.dtype}; numbers or text are needed")
    if targets.ndim != 1 or examples.ndim == 0 or len(examples) != len(targets):
        raise BakeoffError(
            f"{path}: X has shape {examples.shape} and y {targets.shape}; y must have one target for each row of X"
        )
    if not len(targets):
        raise BakeoffError(f"{path} has no rows")
    return examples, np.char.decode(targets.astype(np.bytes_), "utf-8") if targets.dtype.kind == "S" else targets
