"""What a user asks `bakeoff init` to look at."""

from collections.abc import Collection
from pathlib import Path
from typing import Literal

from pydantic import Field

from tasks.data.columns import ColumnKind
from tasks.data.own.folders import is_folder
from tasks.specs import BakeoffError, Spec, did_you_mean, listed

IGNORE: Literal["ignore"] = "ignore"


class Asked(Spec):
    """A file or folder, and what was said of its columns: which is the target, the text, and so on, and their kinds."""

    path: Path
    target: str | None = None
    text: str | None = None
    id: str | None = None
    time: str | None = None
    group: str | None = None
    columns: dict[str, ColumnKind | Literal["ignore"]] = Field({})

    @property
    def is_folder(self) -> bool:
        """Whether it is one, as far as the user may see that."""
        return is_folder(self.path)

    @property
    def kinds(self) -> dict[str, ColumnKind]:
        """Of the columns whose kind was said."""
        return {name: kind for name, kind in self.columns.items() if kind != IGNORE}

    @property
    def ignored(self) -> set[str]:
        """The columns that are not to be looked at."""
        return {name for name, kind in self.columns.items() if kind == IGNORE}

    def check_columns(self, there: Collection[str]) -> str:
        """The target, if all columns that were named are there.

        Raises:
            BakeoffError: when one is not, is to be ignored, or has two uses, or two uses do not go together.
        """
        if self.target is None:
            raise BakeoffError(f"{self.path}: which column is to be predicted? --target COLUMN, one of {listed(there)}")
        named = {"target": self.target, "text": self.text, "id": self.id, "time": self.time, "group": self.group}
        uses = {option: name for option, name in named.items() if name is not None}
        for option, name in [*uses.items(), *(("column", name) for name in self.columns)]:
            if name not in there:
                hint = did_you_mean(name, there) or f"; there are {listed(there)}"
                raise BakeoffError(f"{self.path} has no column {name!r}, which --{option} names{hint}")
        for name in uses.values():
            options = [f"--{option}" for option, other in uses.items() if other == name]
            if len(options) > 1:
                raise BakeoffError(f"column {name} cannot be {' and '.join(options)} at once")
            if name in self.ignored:
                raise BakeoffError(f"column {name} is {options[0]}, and cannot be ignored; leave out one of the two")
        if self.group and self.time:
            raise BakeoffError("--group and --time do not go together; choose one")
        return self.target
