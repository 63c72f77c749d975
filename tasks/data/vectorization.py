"""From a table to arrays: what every contender takes, before anything is fitted."""

import numpy as np
from numpy.typing import NDArray

from tasks.data.datasets import Table, read_part
from tasks.metrics import Task
from tasks.specs import Spec
from tasks.store import StoredFile, load_arrays, store_arrays


class Arrays(Spec):
    """The vectorized data: a file with X (rows, features) and y (rows,) of the training part and of the test part.

    X is float64. y is float64 for regression; otherwise it holds class numbers, as integers from 0.
    """

    task: Task
    classes: tuple[str, ...]
    features: tuple[str, ...]
    file: StoredFile

    @property
    def n_outputs(self) -> int:
        """Columns of a prediction: 1 for regression, else one for each class."""
        return max(1, len(self.classes))

    def training(self) -> tuple[NDArray[np.float64], NDArray[np.generic]]:
        """X and y of the rows that contenders may learn from."""
        return self._part("train")

    def test(self) -> tuple[NDArray[np.float64], NDArray[np.generic]]:
        """X and y of the rows that are scored once, by the champion."""
        return self._part("test")

    def _part(self, part: str) -> tuple[NDArray[np.float64], NDArray[np.generic]]:
        arrays = load_arrays(self.file)
        return arrays[f"X_{part}"].astype(np.float64, copy=False), arrays[f"y_{part}"]


def vectorize(table: Table) -> Arrays:
    """Turns a table's rows into arrays of numbers; nothing is fitted here, so nothing can leak between folds."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for part, held_out in (("train", False), ("test", True)):
        X, y = read_part(table, held_out)
        arrays[f"X_{part}"] = X.to_numpy(np.float64)
        arrays[f"y_{part}"] = y if table.task == "regression" else y.astype(np.int64)
    return Arrays(task=table.task, classes=table.classes, features=table.features, file=store_arrays(**arrays))
