"""Named arrays as people have them: .npz files."""

import zlib
from pathlib import Path
from zipfile import BadZipFile, is_zipfile

import numpy as np
from numpy.typing import NDArray

from tasks.data.own.folders import check_there
from tasks.specs import BakeoffError

X, Y = "X", "y"
MEND = "save numbers or text by numpy.savez(FILE, X=X, y=y)"


def read_arrays(path: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """The arrays `X` (rows, ...) and `y` (rows,) of a .npz file; nothing is unpickled.

    Raises:
        BakeoffError: when the file cannot be read, lacks one of them, holds pickled objects, or y is not one number or
            label a row.
    """
    check_there(path)
    try:
        return _checked(path, *_read(path))
    except (BadZipFile, zlib.error, EOFError) as error:
        raise BakeoffError(f"{path} cannot be read as .npz: {error or 'it is empty'}") from error
    except OSError as error:
        raise BakeoffError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BakeoffError(f"{path}: y holds bytes that are not UTF-8; save text as text, or in UTF-8") from error
    except ValueError as error:  # as NumPy says that something is pickled, which it takes any other file for as well
        if not is_zipfile(path):
            raise BakeoffError(f"{path} is no .npz file; {MEND}") from error
        raise BakeoffError(
            f"{path}: X or y cannot be read ({str(error).partition('.')[0]}), and nothing is unpickled; {MEND}"
        ) from error


def _read(path: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise BakeoffError(f"{path} is one array without a name; save two by numpy.savez(FILE, X=X, y=y)")
    with archive:
        missing = [name for name in (X, Y) if name not in archive.files]
        if missing:
            there = ", ".join(archive.files) or "none"
            raise BakeoffError(f"{path} has no array named {' and '.join(missing)}; there are: {there}")
        return archive[X], archive[Y]


def _checked(
    path: Path, examples: NDArray[np.generic], targets: NDArray[np.generic]
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
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
