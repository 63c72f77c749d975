"""What there is to tell of a result, as tables, sentences and a page; and what all pictures share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Table:
    """Cells under headings.

    `columns` has a letter for each: l is flush left, r is flush right, w is left and may be wrapped.
    """

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    columns: str

    def markdown(self) -> list[str]:
        """Return the table as lines of Markdown, without its title."""
        return [f"| {' | '.join(cells)} |" for cells in (self.headings, ["---"] * len(self.headings), *self.rows)]


@dataclass(frozen=True)
class Presentation:
    """All that is told of a result.

    In the terminal: `tables`, `sentences` and, beside the result, a `note`. As a page: Markdown, which has its picture
    in images/`page_picture`. In MLflow: the `summary`, which is a verdict if it `decides` anything; the picture under
    the name `picture`; `metrics` as name, value and step; and `rows` of a CSV file.
    """

    tables: Sequence[Table]
    sentences: Sequence[str]
    style: str = "bold"
    apart: bool = False  # whether an empty line stands between tables and sentences
    note: str = ""
    page: str = ""
    page_picture: str = ""
    draw: Callable[[Path], Path] | None = None
    picture: str = ""
    summary: str = ""
    decides: bool = True
    metrics: Sequence[tuple[str, float, int]] = ()
    rows: Sequence[Mapping[str, object]] = ()


def page_of(heading: str, sentences: Sequence[str], picture: str, tables: Sequence[Table]) -> str:
    """Return a page: what there is to say, the picture (a line of Markdown), and the tables."""
    lines = [f"# {heading}", "", *(f"> {sentence}" for sentence in sentences), "", picture]
    for number, table in enumerate(tables):
        lines += ["", f"{table.title}{':' if number else '.'}", "", *table.markdown()]
    return "\n".join([*lines, ""])
