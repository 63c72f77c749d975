"""A contender's results as tables in long form, for whoever wants to ask their own questions of them."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tasks.data.vectorization import Arrays
from tasks.evaluation import Evaluation
from tasks.store import StoredFile, load_arrays

if TYPE_CHECKING:
    import pandas as pd


def write_frames(evaluation: Evaluation, arrays: Arrays, folder: Path) -> None:
    """Writes out_of_fold.parquet and, of a net, history.parquet."""
    out_of_fold_frame(evaluation, arrays).to_parquet(folder / "out_of_fold.parquet", index=False)
    if evaluation.history is not None:
        history_frame(evaluation.history).to_parquet(folder / "history.parquet", index=False)


def out_of_fold_frame(evaluation: Evaluation, arrays: Arrays) -> "pd.DataFrame":
    """A row for each repeat (or seed) and row held out: what it was, and was predicted to be (p_CLASS for classes)."""
    import pandas as pd

    kept = load_arrays(evaluation.predictions)
    rows, predictions = kept["rows"].astype(np.int64, copy=False), kept["out_of_fold"]
    repeats = len(predictions)
    frame = pd.DataFrame(
        {
            "repeat": np.repeat(np.arange(repeats), len(rows)),
            "row": np.tile(rows, repeats),
            "actual": np.tile(arrays.y("train")[rows], repeats),
        }
    )
    if not arrays.classes:
        return frame.assign(prediction=predictions.ravel())
    flat = predictions.reshape(repeats * len(rows), len(arrays.classes))
    return frame.assign(**{f"p_{name}": flat[:, k] for k, name in enumerate(arrays.classes)})


def history_frame(history: StoredFile) -> "pd.DataFrame":
    """A row for each epoch and fold, with the four curves' values."""
    import pandas as pd

    curves = load_arrays(history)
    epochs, folds = curves["loss"].shape
    index = {"epoch": np.repeat(np.arange(1, epochs + 1), folds), "fold": np.tile(np.arange(folds), epochs)}
    return pd.DataFrame(index | {name: curve.ravel() for name, curve in curves.items()})
