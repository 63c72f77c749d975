"""Small made data, shared by several files of tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from tasks.data.examples import Form, Problem, count_groups
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Evaluation, FinalScore, Refit, Result
from tasks.fitting import Cost
from tasks.metrics import Task
from tasks.models.baselines.classic import DummySpec
from tasks.models.contenders import Contender
from tasks.store import StoredFile, load_arrays, store_arrays
from tasks.verdict.comparison import Decision, Verdict

CLASSES: dict[Task, tuple[str, ...]] = {"regression": (), "binary": ("a", "b"), "multiclass": ("a", "b", "c")}
NO_FILE = StoredFile(digest="0" * 16, suffix=".npz")


def shadow_our_packages(folder: Path) -> None:
    """Put a file and a package of a user's into a folder that are called as our packages, and end what imports them."""
    for name in ("tasks.py", "flows/__init__.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("raise SystemExit('this is a file of the user')")


def problem_of(task: Task, form: Form = "table", shape: tuple[int, ...] | None = None) -> Problem:
    """A problem with two or three classes, or none; an example has 8 values, a series two at each of 4 steps."""
    usual = (4, 2) if form == "series" else (8,)
    return Problem(task=task, form=form, shape=usual if shape is None else shape, classes=CLASSES[task])


def arrays_of(task: Task, y: Sequence[float], X: NDArray[np.float64] | None = None, n_test: int = 0) -> DesignMatrix:
    """Rows with these targets; the last `n_test` of them are held out for the test."""
    targets = np.asarray(y, np.float64 if task == "regression" else np.int64)
    features = np.random.default_rng(0).normal(size=(len(targets), 3)) if X is None else X
    cut = len(targets) - n_test
    return DesignMatrix(
        task=task,
        form="table",
        shape=features.shape[1:],
        classes=() if task == "regression" else tuple("abcdefgh"[: targets.max() + 1]),
        file=store_arrays(X_train=features[:cut], y_train=targets[:cut], X_test=features[cut:], y_test=targets[cut:]),
    )


def grouped_arrays(
    task: Task, y: Sequence[float], groups: Sequence[int], X: NDArray[np.float64] | None = None
) -> DesignMatrix:
    """Rows with these targets that belong to groups of these numbers; a fifth of the groups is for the test as well."""
    plain, of_rows = arrays_of(task, y, X), np.asarray(groups)
    kept = load_arrays(plain.file)
    test = np.flatnonzero(of_rows % 5 == 0)
    parts = {"X_test": kept["X_train"][test], "y_test": kept["y_train"][test], "groups_test": of_rows[test]}
    file = store_arrays(**{**kept, **parts, "groups_train": of_rows})
    return plain.model_copy(update={"file": file, "groups": count_groups(of_rows)})


def made_arrays(task: Task, rows: int = 40, n_test: int = 10) -> DesignMatrix:
    """Rows that can be learned: the target follows the first feature."""
    X = np.random.default_rng(1).normal(size=(rows, 3))
    if task == "regression":
        return arrays_of(task, 3 * X[:, 0] + 10, X, n_test)
    n_classes = 2 if task == "binary" else 3
    y = np.arange(rows) % n_classes
    X[:, 0] = y + 0.1 * X[:, 0]
    return arrays_of(task, y, X, n_test)


def mixed_arrays(task: Task = "binary", rows: int = 300, n_test: int = 60) -> DesignMatrix:
    """A number, a category of 3 levels and one of 30, all with gaps: the target follows the level of the first
    category, and whether the number is missing."""
    generator = np.random.default_rng(2)
    X = np.column_stack([generator.normal(50, 9, rows), *(generator.integers(0, n, rows) for n in (3, 30))])
    X[generator.random(X.shape) < [0.4, 0.05, 0.05]] = np.nan
    amount = np.nan_to_num(X[:, 1]) + 2 * np.isnan(X[:, 0])
    edges = {"regression": [], "binary": [1.5], "multiclass": [0.5, 2.5]}[task]
    y = np.digitize(amount, edges) if edges else amount + 0.1 * generator.normal(size=rows)
    return arrays_of(task, y.tolist(), X, n_test).model_copy(update={"levels": (0, 3, 30)})


def text_arrays(X: csr_matrix | None = None, y: NDArray[np.generic] | None = None) -> DesignMatrix:
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
    return DesignMatrix(
        task="binary", form="words", shape=(X.shape[1],), classes=("no", "yes"), file=store_arrays(**arrays)
    )


def hats(rows: int, time: int = 16) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Series (rows, time) of noise with one peak (-1, 2, -1) and one dip (1, -2, 1); the class says whether the peak
    comes first. Neither has a mean or a slope, so nothing tells it but their order."""
    generator = np.random.default_rng(0)
    y = np.arange(rows) % 2
    series = generator.normal(scale=0.3, size=(rows, time))
    hat = np.array([-1.0, 2.0, -1.0])
    for row in range(rows):
        first = generator.integers(1, time - 6)
        second = generator.integers(first + 3, time - 3)
        for place, sign in ((first, 1), (second, -1)) if y[row] else ((first, -1), (second, 1)):
            series[row, place : place + 3] += sign * hat
    return series.astype(np.float32), y


def series_arrays() -> DesignMatrix:
    """Series of 3 to 6 steps and 2 features, 60 of them and 12 for the test: one of them rises in one class alone."""
    generator = np.random.default_rng(0)
    y = np.arange(72) % 2
    series = generator.normal(size=(72, 6, 2)).astype(np.float32)
    series[:, :, 1] += np.outer(y, np.arange(6))
    series[generator.random(series.shape) < 0.1] = np.nan
    series[np.arange(6) >= generator.integers(3, 7, size=(72, 1))] = np.nan
    X = series.reshape(72, -1)
    file = store_arrays(X_train=X[:60], y_train=y[:60], X_test=X[60:], y_test=y[60:])
    return DesignMatrix(task="binary", form="series", shape=(6, 2), classes=("flat", "rising"), file=file)


def picture_arrays() -> DesignMatrix:
    """Pictures of 6 x 5 pixels, 60 of them and 12 for the test, with a bright row or a bright column."""
    y = np.arange(72) % 2
    pictures = np.random.default_rng(0).random((72, 6, 5), np.float32) / 2
    pictures[y == 0, 2] = 1
    pictures[y == 1, :, 2] = 1
    X = pictures.reshape(72, -1)
    file = store_arrays(X_train=X[:60], y_train=y[:60], X_test=X[60:], y_test=y[60:])
    return DesignMatrix(task="binary", form="pixels", shape=(6, 5), classes=("row", "column"), file=file)


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
        cost=Cost(cpu_seconds=2.0, predict_seconds=0.25, n_fits=len(scores), predicted_rows=100),
        predictions=predictions,
        history=history,
        best_epochs=tuple(best_epochs),
    )


def final_of(name: str, scores: Sequence[float], predictions: StoredFile = NO_FILE) -> FinalScore:
    """Scores on the test rows as if they had been found, with an interval of plus and minus 1 around the first."""
    return FinalScore(name=name, scores=tuple(scores), interval=(scores[0] - 1, scores[0] + 1), predictions=predictions)


def result_of(evaluation: Evaluation, test: FinalScore | None = None, refit: Refit | None = None) -> Result:
    """A result with this evaluation, the rest as if it had been found."""
    name, contender = evaluation.name, evaluation.contender
    fitted = refit or Refit(name=name, contender=contender, models=(NO_FILE,), cpu_seconds=0.5)
    return Result(evaluation=evaluation, refit=fitted, test=test or final_of(name, [2.5]))


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
