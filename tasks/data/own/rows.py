"""Rows as people have them: CSV or Parquet files."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.specs import BakeoffError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".parquet")


def check_suffix(path: Path) -> None:
    """Finds out whether it is a kind of file that is read and written here.

    Raises:
        BakeoffError: when it is not.
    """
    if path.suffix not in SUFFIXES:
        raise BakeoffError(f"{path}: files that end in {' or '.join(SUFFIXES)} are read and written, and no others")


def read_rows(path: Path, numbers: Collection[str] | None) -> "pd.DataFrame":
    """The rows of a file.

    In a CSV file, the columns `numbers` (all, if None) are read as numbers, each to its last bit. The others stay the
    text that they are: an "007" does not become 7.

    Raises:
        BakeoffError: when the file cannot be read, or has no rows.
    """
    check_suffix(path)
    try:
        rows = _read_csv(path, numbers) if path.suffix == ".csv" else _read_parquet(path)
    except FileNotFoundError as error:
        raise BakeoffError(f"there is no file {path}") from error
    except OSError as error:
        raise BakeoffError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # as pandas' and Arrow's own errors are
        raise BakeoffError(f"{path} cannot be read as {path.suffix[1:]}: {_first_line(error)}") from error
    if rows.empty:
        raise BakeoffError(f"{path} has no rows")
    return rows


def write_rows(rows: "pd.DataFrame", path: Path) -> None:
    """Writes rows in the format that the path's suffix names.

    Raises:
        BakeoffError: when the file cannot be written.
    """
    check_suffix(path)
    try:
        if path.suffix == ".csv":
            rows.to_csv(path, index=False)
        else:
            rows.to_parquet(path, index=False)
    except OSError as error:
        raise BakeoffError(f"{path} cannot be written: {error.strerror or error}") from error


def _read_csv(path: Path, numbers: Collection[str] | None) -> "pd.DataFrame":
    import pandas as pd

    header = pd.read_csv(path, nrows=0).columns
    text = {column: str for column in header if numbers is not None and column not in numbers}
    rows = pd.read_csv(path, dtype=text, keep_default_na=False)
    if not isinstance(rows.index, pd.RangeIndex):  # pandas took the first field of each row for a name
        raise ValueError("its rows have more fields than its header")
    return rows


def _read_parquet(path: Path) -> "pd.DataFrame":
    """Without what pandas noted of an index, which would take a column away."""
    import pandas as pd

    return pd.read_parquet(path, engine="pyarrow", to_pandas_kwargs={"ignore_metadata": True})


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
