"""CSV files of any delimiter and encoding that can be told, and their fields as text."""

import codecs
import csv
import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

DELIMITERS = (",", ";", "\t", "|")
SAMPLE = 100  # lines by which the delimiter is told
CHUNK = 2**24  # bytes that are read at once; a row must be shorter
# Marks at a file's beginning, the longer ones first.
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
ENCODINGS = ("utf-8", "cp1252")  # tried where there is no mark; what is no UTF-8 is as a rule Windows' own


class Format(NamedTuple):
    """How a CSV file is written: its encoding by Python's name, its delimiter, and its header.

    `header_ends` counts the rows up to the header and with it: 1, and more if empty ones come before.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    header_ends: int


def format_of(path: Path) -> Format:
    """How a CSV file is written; in one that ends in .tsv, tabs stand between the fields.

    A column without a name is called by its place, as in pandas: `Unnamed: 0`.

    Raises:
        BakeoffError: when the file has no rows.
        ValueError: when its bytes are no text, with the reason.
    """
    encoding = encoding_of(path)
    csv.field_size_limit(CHUNK)  # Python's own is 131,072, and a text may be longer
    with path.open(encoding=encoding, newline="") as stream:
        delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter_of([*islice(stream, SAMPLE)])
    with path.open(encoding=encoding, newline="") as stream:
        lines = csv.reader(stream, delimiter=delimiter)
        ends, header = next(((number, row) for number, row in enumerate(lines, start=1) if row), (0, []))
        if not any(lines):
            raise BakeoffError(f"{path} has {'a header, but ' if header else ''}no rows")
    names = tuple(name.strip() or f"Unnamed: {place}" for place, name in enumerate(header))
    return Format(encoding, delimiter, names, ends)


def fields(path: Path, form: Format, names: Sequence[str]) -> "pa.Table":
    """The fields of these columns as text, none missing; empty rows are left out.

    Raises:
        ValueError: when a row has too many or too few fields, with the first of them, or a quote is not closed.
    """
    import pyarrow as pa

    faults: list[Any] = []
    try:
        table = _parse(path, form, names, faults)
    except pa.ArrowInvalid:
        if not faults:
            raise
        _name_first_fault(path, form, names)
        raise
    if len(table):
        _check_quotes(path, form, table.slice(len(table) - 1).to_pylist()[0])
    return table


def _parse(path: Path, form: Format, names: Sequence[str], faults: list[Any], in_order: bool = False) -> "pa.Table":
    """Notes the rows at fault before it raises; only if they are read in order, each has its number."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    def refuse(row: Any) -> str:
        faults.append(row)
        return "error"

    return arrow.read_csv(
        path,
        arrow.ReadOptions(
            use_threads=not in_order,
            block_size=CHUNK,
            column_names=form.header,
            skip_rows_after_names=form.header_ends,
            encoding="utf8" if form.encoding.startswith("utf-8") else form.encoding,
        ),
        arrow.ParseOptions(delimiter=form.delimiter, newlines_in_values=True, invalid_row_handler=refuse),
        arrow.ConvertOptions(default_column_type=pa.large_string(), include_columns=names),
    )


def _name_first_fault(path: Path, form: Format, names: Sequence[str]) -> None:
    import pyarrow as pa

    faults: list[Any] = []
    try:
        _parse(path, form, names, faults, in_order=True)
    except pa.ArrowInvalid as error:
        row = faults[0]
        many = row.actual_columns > row.expected_columns
        mend = f"put text with a {form.delimiter!r} in it in double quotes" if many else "fill the row up"
        raise ValueError(
            f"row {row.number - form.header_ends}: {row.actual_columns} field(s) where the header has"
            f" {row.expected_columns}; {mend}"
        ) from error


def encoding_of(path: Path) -> str:
    """The encoding by the mark at the file's beginning, or else the first that all of its bytes fit.

    Raises:
        ValueError: when there is none.
    """
    with path.open("rb") as stream:
        beginning = stream.read(4)
    marked = [encoding for mark, encoding in MARKS if beginning.startswith(mark)]
    for encoding in marked or ENCODINGS:
        try:
            with path.open(encoding=encoding) as stream:
                while text := stream.read(CHUNK):
                    if "\0" in text:
                        raise ValueError("it holds bytes that are no text")
        except UnicodeDecodeError:
            continue
        if encoding == ENCODINGS[-1]:
            logger.info("%s is no UTF-8, and is read as Windows-1252", path)
        return encoding
    tried = " or ".join(marked or ("UTF-8", "UTF-16 or UTF-32 with a mark", "Windows-1252"))
    raise ValueError(f"its bytes are no text in {tried}; save it as UTF-8")


def _delimiter_of(lines: Sequence[str]) -> str:
    """The one that cuts all lines into as many fields as the header; the first in doubt."""

    def fit(delimiter: str) -> tuple[bool, float, int]:
        rows = [row for row in csv.reader(lines, delimiter=delimiter) if row] or [[]]
        width = len(rows[0])
        return width > 1, sum(len(row) == width for row in rows) / len(rows), width

    return max(DELIMITERS, key=fit)


def _check_quotes(path: Path, form: Format, last: dict[str, str]) -> None:
    """Refuses a file whose last field opens with a double quote that nothing closes: it may have swallowed rows."""
    if not any("\n" in text for text in last.values()):
        return
    with path.open(encoding=form.encoding, newline="") as stream:
        lines = csv.reader(stream, delimiter=form.delimiter, strict=True)
        try:
            for _ in lines:
                pass
        except csv.Error as error:
            raise ValueError(f"a double quote is not closed, or stands within a field: {error}") from error
