"""Mean and standard deviation, fitted on training rows alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Normalization:
    """What turns a feature into (x - mean) / scale; both arrays have shape (features,)."""

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]


def fit_normalization(X: NDArray[np.float64]) -> Normalization:
    """Fits on X (rows, features), which must hold training rows only; a constant feature gets scale 1."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(X)
    return Normalization(mean=scaler.mean_.astype(np.float32), scale=scaler.scale_.astype(np.float32))
