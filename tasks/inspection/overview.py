"""What was seen of a data set, for people to read."""

from typing import Literal

from tasks.data.columns import ColumnKind
from tasks.metrics import Task
from tasks.specs import Spec


def counted(number: int, what: str) -> str:
    """So many of something, such as "1 row" or "2,000 rows"."""
    return f"{number:,} {what}" + ("" if number == 1 else "es" if what.endswith("s") else "s")


def printable(text: str) -> str:
    """On one line, whatever signs a user's file has; YAML would not take others in a comment."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


class Suspicion(Spec):
    """What is wrong with a column, `what` in a word or two; `left_out` says that it had better be no feature."""

    what: str
    said: str
    left_out: bool


class ColumnSeen(Spec):
    """A column of a table: how many rows have no value, how many values differ, and what they are like.

    A few whole numbers `may_be_codes` of categories.
    """

    name: str
    kind: ColumnKind
    missing: int
    distinct: int
    said: str
    may_be_codes: bool = False
    suspicion: Suspicion | None = None

    @property
    def is_feature(self) -> bool:
        """Whether contenders should get it."""
        return self.suspicion is None or not self.suspicion.left_out


class ClassSeen(Spec):
    """A class and how many rows have it."""

    label: str
    rows: int


class Amounts(Spec):
    """Numbers in short."""

    mean: float
    std: float
    least: float
    greatest: float
    distinct: int


class TargetSeen(Spec):
    """What is to be predicted: classes in the order of their numbers, or amounts; and how many rows lack it."""

    name: str
    task: Task
    missing: int
    classes: tuple[ClassSeen, ...] = ()
    amounts: Amounts | None = None


class Overview(Spec):
    """What was seen of so many `rows`, which are called `examples`; `facts` is what else there is to tell."""

    source: str
    rows: int
    examples: Literal["rows", "texts", "images", "series"]
    target: TargetSeen
    columns: tuple[ColumnSeen, ...] = ()
    facts: tuple[str, ...] = ()
    duplicates: int = 0

    @property
    def suspects(self) -> tuple[ColumnSeen, ...]:
        """The columns that something is wrong with."""
        return tuple(column for column in self.columns if column.suspicion)
