"""Small made data, shared by several files of tests."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tasks.comparison import Decision, Verdict
from tasks.costs import Cost
from tasks.data.problem import Form, Problem
from tasks.data.vectorization import Arrays
from tasks.evaluation import Evaluation
from tasks.metrics import Task
from tasks.models.baselines.floor import DummySpec
from tasks.models.contenders import Contender
from tasks.refitting import FinalScore
from tasks.store import StoredFile, store_arrays

CLASSES: dict[Task, tuple[str, ...]] = {"regression": (), "binary": ("a", "b"), "multiclass": ("a", "b", "c")}
NO_FILE = StoredFile(digest="0" * 16, suffix=".npz")


def problem_of(task: Task, form: Form = "table", shape: tuple[int, ...] = (8,)) -> Problem:
    """A problem with two or three classes, or none."""
    return Problem(task=task, form=form, shape=shape, classes=CLASSES[task])


def arrays_of(task: Task, y: Sequence[float], X: NDArray[np.float64] | None = None, n_test: int = 0) -> Arrays:
    """Rows with these targets; the last `n_test` of them are held out for the test."""
    targets = np.asarray(y, np.float64 if task == "regression" else np.int64)
    features = np.random.default_rng(0).normal(size=(len(targets), 3)) if X is None else X
    cut = len(targets) - n_test
    return Arrays(
        task=task,
        form="table",
        shape=features.shape[1:],
        classes=() if task == "regression" else tuple("abcdefgh"[: targets.max() + 1]),
        file=store_arrays(X_train=features[:cut], y_train=targets[:cut], X_test=features[cut:], y_test=targets[cut:]),
    )


def made_arrays(task: Task, rows: int = 40, n_test: int = 10) -> Arrays:
    """Rows that can be learned: the target follows the first feature."""
    X = np.random.default_rng(1).normal(size=(rows, 3))
    if task == "regression":
        return arrays_of(task, 3 * X[:, 0] + 10, X, n_test)
    n_classes = 2 if task == "binary" else 3
    y = np.arange(rows) % n_classes
    X[:, 0] = y + 0.1 * X[:, 0]
    return arrays_of(task, y, X, n_test)


def text_arrays(X: csr_matrix | None = None, y: NDArray[np.generic] | None = None) -> Arrays:
    """Texts of 40 words, 120 of them and 20 for the test, or those given: words 2 to 7 tell the two classes apart,
    whatever their counts."""
    if X is None or y is None:
        generator = np.random.default_rng(0)
        y = np.arange(120) % 2
        present = generator.random((120, 40)) < 0.2
        present[:, 2:8] |= (y == 1)[:, None] & (generator.random((120, 6)) < 0.7)
        present[:, 0] = False
        X = csr_matrix(present * generator.integers(1, 4, present.shape), dtype=np.float32)
    cut = X.shape[0] * 5 // 6
    parts = {"train": slice(0, cut), "test": slice(cut, None)}
    arrays = {f"y_{part}": y[rows].astype(np.int64) for part, rows in parts.items()}
    for part, rows in parts.items():
        counts = X[rows].data.astype(np.uint8)
        arrays |= {f"counts_{part}": counts, f"indices_{part}": X[rows].indices, f"indptr_{part}": X[rows].indptr}
    return Arrays(task="binary", form="words", shape=(X.shape[1],), classes=("no", "yes"), file=store_arrays(**arrays))


def picture_arrays() -> Arrays:
    """Pictures of 6 x 5 pixels, 60 of them and 12 for the test, with a bright row or a bright column."""
    y = np.arange(72) % 2
    pictures = np.random.default_rng(0).random((72, 6, 5), np.float32) / 2
    pictures[y == 0, 2] = 1
    pictures[y == 1, :, 2] = 1
    X = pictures.reshape(72, -1)
    file = store_arrays(X_train=X[:60], y_train=y[:60], X_test=X[60:], y_test=y[60:])
    return Arrays(task="binary", form="pixels", shape=(6, 5), classes=("row", "column"), file=file)


def evaluation_of(
    name: str,
    scores: Sequence[float],
    contender: Contender | None = None,
    predictions: StoredFile = NO_FILE,
    history: StoredFile | None = None,
    best_epochs: Sequence[int] = (),
) -> Evaluation:
    """An evaluation as if it had been run."""
    return Evaluation(
        name=name,
        contender=contender or DummySpec(),
        scores=tuple(scores),
        cost=Cost(fit_seconds=1.5, cpu_seconds=2.0, predict_seconds=0.25, n_fits=len(scores), predicted_rows=100),
        predictions=predictions,
        history=history,
        best_epochs=tuple(best_epochs),
    )


def final_of(name: str, scores: Sequence[float], predictions: StoredFile = NO_FILE) -> FinalScore:
    """Scores on the test rows as if they had been found, with an interval of plus and minus 1 around the first."""
    return FinalScore(name=name, scores=tuple(scores), interval=(scores[0] - 1, scores[0] + 1), predictions=predictions)


def verdict_of(
    decision: Decision,
    difference: float,
    first: str = "net",
    second: str = "trees",
    repeats_needed: int | None = None,
    n_pairs: int = 1,
) -> Verdict:
    """A verdict as if it had been found, with an interval of plus and minus 1 around the difference."""
    p_value = 0.4 if decision == "undecided" else 0.012
    return Verdict(
        first=first,
        second=second,
        difference=difference,
        interval=(difference - 1, difference + 1),
        p_value=p_value,
        p_adjusted=p_value * n_pairs,
        n_pairs=n_pairs,
        p_first_better=0.01,
        p_equivalent=0.97,
        p_second_better=0.02,
        decision=decision,
        repeats_needed=repeats_needed,
    )
