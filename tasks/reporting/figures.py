"""What all pictures share: their colours, their size and how they are saved."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.specs import Family

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#1f5fa8", "#d1660f", "#777777"
FAMILY_COLOURS: Mapping[Family, str] = {"network": BLUE, "boosting": ORANGE, "classic": "#3f8f4f", "floor": GREY}
BLANK = 1 / 3  # share of pixels without any light, from which on they are the ground; of the published pictures, 0.49


def figure(width: float, height: float) -> "Figure":
    """A figure of its own, in inches: pyplot would keep it in a global list, and pick a screen."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(picture: "Figure", path: Path) -> Path:
    """Saves a figure as PNG and gives the path back."""
    picture.savefig(path, dpi=120)
    return path


def is_ink(pictures: NDArray[np.generic]) -> bool:
    """Whether they are of strokes on a black ground, as digits are, which people know as black on white."""
    return pictures.ndim == 3 and float(np.mean(pictures == 0)) > BLANK
