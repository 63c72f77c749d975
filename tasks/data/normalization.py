"""Mean and standard deviation, fitted on training rows alone."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Normalization:
    """What turns a feature into (x - mean) / scale; both arrays have shape (features,)."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]


NOTHING = Normalization(mean=np.empty(0, np.float32), scale=np.empty(0, np.float32))  # of a table without numbers


def fit_normalization(X: NDArray[np.float64]) -> Normalization:
    """Fits on X (rows, features), which must hold training rows only.

    Missing values, NaN, count for nothing. A constant feature gets scale 1, and one without any value mean 0 as well.
    """
    from sklearn.preprocessing import StandardScaler

    if not X.shape[1]:
        return NOTHING
    empty = np.isnan(X).all(axis=0)
    scaler = StandardScaler().fit(np.where(empty, 0.0, X) if empty.any() else X)
    return Normalization(mean=scaler.mean_.astype(np.float32), scale=scaler.scale_.astype(np.float32))


def fit_robust_normalization(X: NDArray[np.float64]) -> Normalization:
    """The median, and the distance of the quartiles, of X (rows, features), which must hold training rows only.

    Where the quartiles are the same, half the distance of the extremes takes their place (Holzmueller et al. 2024,
    "Better by Default", section 3). Missing values, NaN, count for nothing. A constant feature gets scale 1, and one
    without any value mean 0 as well.
    """
    if not X.shape[1]:
        return NOTHING
    known = np.where(np.isnan(X).all(axis=0), 0.0, X)
    least, first, median, third, most = np.nanquantile(known, [0, 0.25, 0.5, 0.75, 1], axis=0)
    scale = np.where(third > first, third - first, (most - least) / 2)
    return Normalization(mean=median.astype(np.float32), scale=np.where(scale > 0, scale, 1).astype(np.float32))


def fit_series_normalization(X: NDArray[np.floating[Any]], shape: tuple[int, ...]) -> Normalization:
    """Fits on the series of X (rows, time * features), which must hold training rows only.

    Each feature has one mean and one scale, over all steps that have a value; they are repeated for every step.
    """
    time, features = shape
    of_features = fit_normalization(X.reshape(-1, features).astype(np.float64))
    return Normalization(mean=np.tile(of_features.mean, time), scale=np.tile(of_features.scale, time))
