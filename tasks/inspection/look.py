"""What a look at a user's data gives."""

from dataclasses import dataclass

from tasks.data.datasets import AnyDataset
from tasks.data.examples import Raw
from tasks.data.own.arrangement import RowsSpec
from tasks.data.problem import Problem
from tasks.inspection.overview import Overview


@dataclass(frozen=True)
class Look:
    """What was seen, how the data are to be read and what came of reading them so, and comments on settings by name."""

    overview: Overview
    dataset: AnyDataset
    raw: Raw
    comments: dict[str, str]

    @property
    def problem(self) -> Problem:
        """That of the data, now that they have been read."""
        return self.raw.problem or self.dataset.problem

    @property
    def in_time_order(self) -> bool:
        """Whether later rows are to be predicted from earlier ones."""
        return isinstance(self.dataset, RowsSpec) and self.dataset.time_column is not None
