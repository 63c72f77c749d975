"""What a learning curve is made on: which rows are learned from at each size, and which score.

At every size a contender is fitted on subsets of the training rows and scored on the rows that the experiment holds
out. With folds these are those of its own folds, so that the curves end at the experiment's own scores. With a hold-out
they are the test rows, on which its verdict rests too, and the subsets come from all other rows: those that it holds
out judge a net's epochs, so that a score on them would flatter nets. A curve chooses nothing by its scores, so they may
be scored on the test rows.

What a number of rows is worth shows only if nothing else changes. Boosting grows as many trees at every size; a net
takes as many steps at every size, as its schedule and its epochs are meant for so many. With a hold-out, where the rows
held out would say which epoch is the best, a net sets a tenth of its own rows aside for that.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tasks.data.splitting import Folds
from tasks.data.subsets import Subsets, check_sizes, draw_subsets, missing_class, most_rows, spread_sizes
from tasks.data.vectorization import Arrays, Features
from tasks.models.contenders import Contender
from tasks.models.networks import EarlyStoppingSpec, NetworkSpec
from tasks.specs import BakeoffError, Spec
from tasks.store import store_arrays

ScoredOn = Literal["folds", "test rows", "rows held out"]
REPEATS = 5  # subsets of a size with a hold-out, and half as many where they have many rows and differ less
FEW_ROWS = 0.1  # share of the rows up to which they are few
SET_ASIDE = 0.1  # share of its own rows by which a net finds its best epoch


class Ground(Spec):
    """What a curve is made on: the rows, what is learned from at each size, and how many rows a fold has at most."""

    arrays: Arrays
    subsets: tuple[Subsets, ...]
    all_rows: int
    scored_on: ScoredOn


def lay_out(arrays: Arrays, folds: Folds, sizes: Sequence[int], repeats: int | None) -> Ground:
    """Draws what is learned from at each size; without `sizes`, at sizes that are spread up to all rows.

    At each, every fold learns from rows of every class; of sizes that nobody asked for, those too small for that are
    left out.

    Raises:
        BakeoffError: when so many rows, or so many repeats, cannot be had.
    """
    held_out = folds.validation.kind == "hold_out"
    scored_on: ScoredOn = "rows held out" if held_out else "folds"
    if held_out:
        folds = folds.model_copy(update={"validation": folds.validation.model_copy(update={"n_seeds": 1})})
    if held_out and not arrays.terms:  # the user's texts for the test are kept in the vocabulary of all training rows
        (arrays, folds), scored_on = with_test_rows(arrays, folds), "test rows"
    chosen = tuple(sorted(set(sizes))) if sizes else spread_sizes(folds, len(arrays.classes))
    check_sizes(chosen, folds)
    available = len(folds.held_out())
    if not held_out and repeats and repeats > available:
        raise BakeoffError(f"there are {available} repeats of {folds.validation.label} to take {repeats} from")
    most = most_rows(folds)
    count = (
        partial(_repeats_with_hold_out, most=most, asked=repeats or REPEATS)
        if held_out
        else lambda _: repeats or available
    )
    subsets = _with_all_classes(draw_subsets(arrays, folds, chosen, count), arrays, asked=bool(sizes))
    return Ground(arrays=arrays, subsets=subsets, all_rows=most, scored_on=scored_on)


def _with_all_classes(drawn: Sequence[Subsets], arrays: Arrays, asked: bool) -> tuple[Subsets, ...]:
    """The subsets of the sizes at which each fold learns from every class; of sizes that were asked for, all must."""
    missing = [missing_class(subsets, arrays) for subsets in drawn]
    for subsets, name in zip(drawn, missing, strict=True):
        if asked and name:
            raise BakeoffError(
                f"--sizes has {subsets.size:,}, but of so many rows a fold would learn from none of class {name};"
                " choose more, or leave --sizes out"
            )
    kept = tuple(subsets for subsets, name in zip(drawn, missing, strict=True) if not name)
    if len(kept) < 2:
        raise BakeoffError(
            f"only with all rows do all folds learn from rows of each class ({next(filter(None, missing))} is missing"
            " else), and a curve needs two sizes; choose fewer validation.n_splits, or add rows of that class"
        )
    return kept


def with_test_rows(arrays: Arrays, folds: Folds) -> tuple[Arrays, Folds]:
    """The rows for training and then those for the test as one part, of which the latter are held out."""
    (X, y), (X_test, y_test) = arrays.training(), arrays.test()
    numbers = np.full((1, len(y) + len(y_test)), -1, np.int32)
    numbers[0, len(y) :] = 0
    parts = {"y_train": np.concatenate([y, y_test]), **_stored(X, X_test)}
    validation = folds.validation.model_copy(update={"validation_rows": len(y_test)})
    pooled = arrays.model_copy(update={"file": store_arrays(**parts)})
    return pooled, Folds(validation=validation, rows=numbers.shape[1], file=store_arrays(held_out=numbers))


def _stored(X: Features, more: Features) -> dict[str, NDArray[np.generic]]:
    """The rows of both, as the file of arrays has them."""
    if isinstance(X, np.ndarray):
        return {"X_train": np.concatenate([X, more])}
    from scipy.sparse import vstack

    both = vstack([X, more], format="csr")
    return {"counts_train": both.data, "indices_train": both.indices, "indptr_train": both.indptr}


def _repeats_with_hold_out(size: int, most: int, asked: int) -> int:
    return asked if size <= FEW_ROWS * most else math.ceil(asked / 2)


def at_size(contender: Contender, subsets: Subsets, all_rows: int) -> Contender:
    """The contender as it is entered at a size: a net with as many steps as on all rows."""
    if not isinstance(contender, NetworkSpec):
        return contender
    of_all, own = (math.ceil(rows / contender.batch_size) for rows in (all_rows, subsets.mean_rows))
    epochs = max(1, round(contender.epochs * of_all / own))
    stopping = contender.early_stopping
    if stopping:
        stopping = stopping.model_copy(update={"patience": max(1, round(stopping.patience * of_all / own))})
    elif subsets.validation.kind == "hold_out" and contender.tuning is None:
        stopping = EarlyStoppingSpec(patience=epochs, validation_fraction=SET_ASIDE)
    return contender.model_copy(update={"epochs": epochs, "early_stopping": stopping})
