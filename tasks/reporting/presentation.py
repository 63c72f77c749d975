"""What is told of a study's result, once for all that show it: the terminal, a page of documentation and MLflow."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


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
