"""Parts of pictures: what the probability of the true class loses when a patch is covered.

This is the occlusion of Zeiler & Fergus ("Visualizing and understanding convolutional networks", ECCV 2014), which asks
any model alike. A patch is covered by what the training pictures have there on average: on a black ground, where there
is nothing as a rule, it covers nothing.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.importance.explanation import Floats, Predict

Pixels = NDArray[np.float32]
MOST_PICTURES = 20
SIDE = 4  # a patch is a quarter of the picture's shorter side
STEPS = 3  # and is moved by a third of its own


def choose_pictures(y: NDArray[np.generic], seed: int) -> NDArray[np.intp]:
    """The numbers of test pictures, as many of each class, drawn whatever is predicted for them; class by class."""
    order = np.random.default_rng(seed).permutation(len(y))
    present = np.unique(y)
    of_each = max(1, MOST_PICTURES // len(present))
    chosen = [order[y[order] == label][:of_each] for label in present]
    return np.concatenate(chosen[:MOST_PICTURES])


def patch_side(shape: tuple[int, ...]) -> int:
    """How many pixels wide and high a patch is, in pictures of shape (height, width) or (height, width, colours)."""
    return max(1, round(min(shape[:2]) / SIDE))


def occlusion_maps(
    predict: Predict, X: Pixels, y: NDArray[np.generic], cover: Pixels, shape: tuple[int, ...]
) -> Floats:
    """What the probability of the true class loses (pictures, height, width), per pixel.

    It is the mean over all patches that cover the pixel.

    Args:
        predict: gives probabilities (rows, classes) for rows of pixels.
        X: the pictures (pictures, pixels).
        y: their classes (pictures,), as numbers.
        cover: what a patch shows (pixels,).
        shape: that of a picture.
    """
    places = _places(shape)
    labels = y.astype(np.int64)
    before = predict(X)[np.arange(len(X)), labels]
    maps = np.zeros((len(X), *shape[:2]))
    for number, (row, label) in enumerate(zip(X, labels, strict=True)):
        covered = np.where(_per_colour(places, shape), cover, row)
        lost = before[number] - predict(covered.astype(np.float32))[:, label]
        maps[number] = np.tensordot(lost, places, axes=1) / places.sum(axis=0)
    return maps


def _places(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where each patch lies (patches, height, width); together they cover every pixel."""
    side = patch_side(shape)
    starts = [_starts(length, side) for length in shape[:2]]
    places = np.zeros((len(starts[0]) * len(starts[1]), *shape[:2]), np.bool_)
    for number, (top, left) in enumerate((top, left) for top in starts[0] for left in starts[1]):
        places[number, top : top + side, left : left + side] = True
    return places


def _starts(length: int, side: int) -> list[int]:
    return sorted({*range(0, length - side + 1, max(1, side // STEPS)), length - side})


def _per_colour(places: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The places as masks of a picture's row of numbers (patches, pixels)."""
    return np.repeat(places.reshape(len(places), -1), int(np.prod(shape[2:])), axis=1)
