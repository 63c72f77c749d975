"""A data set on disk, whatever its form: tables, pictures or texts."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from tasks.metrics import Task
from tasks.specs import Spec
from tasks.store import StoredFile, load_arrays, store, store_arrays

if TYPE_CHECKING:
    import pandas as pd

Form = Literal["table", "pixels", "words"]
TARGET = "__target__"
HELD_OUT = "__held_out__"


@dataclass(frozen=True)
class WordLists:
    """Lists of word numbers, one for each text: text i is `words[offsets[i]:offsets[i + 1]]`."""

    words: NDArray[np.int32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> NDArray[np.int32]:
        return self.words[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: NDArray[np.intp]) -> "WordLists":
        """These texts, in this order."""
        lengths = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        positions = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return WordLists(self.words[positions], offsets)


@dataclass(frozen=True)
class Raw:
    """Examples as they are read: a frame of features, pictures (rows, height, width) of bytes, or texts.

    `y` (rows,) holds numbers or class numbers from 0; `held_out` (rows,) says which rows are kept for the test.
    """

    X: "pd.DataFrame | NDArray[np.uint8] | WordLists"
    y: NDArray[np.generic]
    held_out: NDArray[np.bool_]


class Examples(Spec):
    """A data set on disk: a Parquet file for a table, else a .npz file.

    `shape` is that of one example: (features,), (height, width), or (num_words,). `digest` depends on the values and
    column names alone, not on how the file was written.
    """

    name: str
    task: Task
    form: Form
    shape: tuple[int, ...]
    unit: str
    features: tuple[str, ...]
    classes: tuple[str, ...]
    brightest: int
    digest: str
    training_rows: int
    test_rows: int
    file: StoredFile

    @property
    def width(self) -> int:
        """The length of an example as a vector."""
        return int(np.prod(self.shape))


def keep(raw: Raw) -> tuple[StoredFile, str]:
    """Stores examples and gives their digest."""
    arrays: dict[str, NDArray[np.generic]] = {"y": raw.y, "held_out": raw.held_out}
    if isinstance(raw.X, WordLists):
        arrays |= {"words": raw.X.words, "offsets": raw.X.offsets}
        return store_arrays(**arrays), _digest(arrays)
    if isinstance(raw.X, np.ndarray):
        arrays["pixels"] = raw.X
        return store_arrays(**arrays), _digest(arrays)
    frame = raw.X.assign(**{TARGET: raw.y, HELD_OUT: raw.held_out})
    columns = {name: frame[name].to_numpy() for name in frame.columns}
    return store(".parquet", lambda path: frame.to_parquet(path, index=False)), _digest(columns)


def read_part(
    examples: Examples, held_out: bool
) -> tuple["pd.DataFrame | NDArray[np.uint8] | WordLists", NDArray[np.generic]]:
    """The features and the target (rows,) of the training part or of the held-out part."""
    if examples.form == "table":
        import pandas as pd

        frame = pd.read_parquet(examples.file.path)
        part = frame[frame[HELD_OUT] == held_out]
        return part[list(examples.features)], part[TARGET].to_numpy()
    arrays = load_arrays(examples.file)
    rows = np.flatnonzero(arrays["held_out"] == held_out)
    if examples.form == "words":
        texts = WordLists(arrays["words"].astype(np.int32, copy=False), arrays["offsets"].astype(np.int64, copy=False))
        return texts.take(rows), arrays["y"][rows]
    return arrays["pixels"][rows].astype(np.uint8, copy=False), arrays["y"][rows]


def _digest(columns: "dict[str, NDArray[np.generic]]") -> str:
    content = hashlib.sha256()
    for name, values in columns.items():
        content.update(f"{name} {values.dtype} {values.shape}".encode())
        content.update(np.ascontiguousarray(values).tobytes())
    return content.hexdigest()[:16]
