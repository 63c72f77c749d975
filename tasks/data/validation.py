"""What all ways to hold training rows out have in common."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.vectorization import Labels
from tasks.specs import Spec

Rows = NDArray[np.int64]
Numbers = NDArray[np.int32]
Parts = tuple[Rows, Rows]


class ValidationSpec(Spec):
    """How training rows are held out to score contenders by."""

    seed: int = Field(0, ge=0, lt=2**32, description="decides folds, initial weights and shuffles")

    def learned(self, numbers: Numbers, fold: int) -> Rows:
        """Which rows are learned from while those of a fold are held out; `numbers` (rows,) are those of one repeat."""
        return np.flatnonzero(numbers != fold)

    def set_aside(self, rows: Rows, share: float, seed: int, labels: Labels | None, groups: Labels | None) -> Parts:
        """Splits a share off the rows that are learned from, for early stopping; stratified by labels (all rows,).

        Raises:
            ValueError: when a part would be empty, or a class has too few rows.
        """
        from sklearn.model_selection import train_test_split

        stratify = labels[rows] if labels is not None else None
        kept, aside = train_test_split(rows, test_size=share, random_state=seed % 2**31, stratify=stratify)
        return kept, aside
