"""The columns of a user's table, and what becomes of their values."""

from typing import Literal

from tasks.specs import Spec

ColumnKind = Literal["number", "boolean", "category", "date"]


class Column(Spec):
    """A column of a file; `levels` are a category's values as text, in the order of their numbers."""

    name: str
    kind: ColumnKind
    levels: tuple[str, ...] = ()
