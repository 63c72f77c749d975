"""What may be searched for in a contender's settings, how far, and on what budget."""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from tasks.metrics import Task
from tasks.specs import BakeoffError, Spec

Value = bool | int | float | str | None


class Range(Spec):
    """Numbers from `low` to `high`, both included; whole ones if both are whole; `log`: evenly by their logarithm."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _rises(self) -> "Range":
        if not self.low < self.high:
            raise ValueError(f"low is {self.low:g}, and must lie below high, {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low is {self.low:g}, which has no logarithm; choose one above 0, or log: false")
        return self

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are tried."""
        return isinstance(self.low, int) and isinstance(self.high, int)


class Choice(Spec):
    """One of these values."""

    choices: tuple[Value, ...] = Field(min_length=2)


Space = Mapping[str, Range | Choice]  # settings by their path in a contender, such as `params.max_depth`


class TuningSpec(Spec):
    """The budget of a search, in seconds or in trials, and the folds that judge it inside the training rows.

    There is a search for each fold of the experiment, and one for the model that is kept. Seconds are those of all of
    them together, and shared out evenly; trials are those of each.
    """

    seconds: PositiveFloat | None = Field(None, description="of all searches together, by the clock")
    trials: PositiveInt | None = Field(None, description="settings that are tried in each search, as entered first")
    n_splits: int = Field(3, ge=2, description="folds of the training rows that each setting is scored on")

    @model_validator(mode="after")
    def _one_budget(self) -> "TuningSpec":
        if (self.seconds is None) == (self.trials is None):
            raise ValueError("set one of seconds and trials")
        return self


class Tunable(Spec):
    """A contender whose settings can be searched for."""

    search: dict[str, Range | Choice] | None = Field(
        None, description="what is searched for in place of the usual, by path: low and high, log; or choices"
    )
    tuning: TuningSpec | None = Field(None, description="search for settings, inside each fold's training rows")

    def usual_space(self, task: Task) -> Space:
        """What is searched for where the contender does not say; empty where there is no usual space."""
        return {}

    def space(self, task: Task) -> Space:
        """What is searched for."""
        return self.search or self.usual_space(task)

    def check_space(self, task: Task) -> None:
        """Finds out whether there is a space to search, and its ends are settings that the contender can have.

        Raises:
            BakeoffError: when not.
        """
        if (self.search is not None or self.tuning) and not self.space(task):
            raise BakeoffError("there is no usual space to search for this kind; say what to try in `search`")
        self.ends(task)

    def ends(self, task: Task) -> list[Self]:
        """The contender at the ends of what is searched for, and with each choice; none without a search.

        Raises:
            BakeoffError: when it cannot have such a setting.
        """
        if self.search is None and self.tuning is None:
            return []
        values = {path: _ends(each) for path, each in self.space(task).items()}
        most = max((len(each) for each in values.values()), default=0)
        return [
            self.with_settings({path: each[min(k, len(each) - 1)] for path, each in values.items()})
            for k in range(most)
        ]

    def with_settings(self, settings: Mapping[str, Value]) -> Self:
        """The same contender with these settings, by path, and nothing more to search for.

        Raises:
            BakeoffError: when it cannot have one of them.
        """
        content = self.model_dump() | {"search": None, "tuning": None}
        for path, value in settings.items():
            _lay_over(content, path, value)
        try:
            return type(self).model_validate(content)
        except ValueError as error:
            raise BakeoffError(f"search: {', '.join(settings)}: {_reason(error)}") from error


def _ends(dimension: Range | Choice) -> tuple[Value, ...]:
    if isinstance(dimension, Choice):
        return dimension.choices
    kind = int if dimension.whole else float
    return kind(dimension.low), kind(dimension.high)


def _lay_over(content: dict[str, Any], path: str, value: Value) -> None:
    *parents, key = path.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise BakeoffError(f"search: {path} leads into {parent}, which is a value and no group of settings")
    content[key] = value


def _reason(error: ValueError) -> str:
    """The first line that says what is wrong, of pydantic's three for each fault."""
    return " ".join(str(error).splitlines()[1:3]).strip()
