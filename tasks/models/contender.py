"""What every contender can do, net or baseline: be checked, searched for, fitted, asked, kept and served."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.examples import Problem
from tasks.data.folds.splitting import Folds, Rows
from tasks.data.vectorization import DesignMatrix, Features, Labels
from tasks.fitting import Cost, Stopwatch
from tasks.metrics import MetricName, Task
from tasks.models.search import Budget, Choice, Range, Search, Settings, Space, TuningSpec, Value
from tasks.specs import BakeoffError, Family, Spec
from tasks.store import StoredFile

Floats = NDArray[np.float64]
Preparation = Literal["normalization", "encoding", "weighting", "selection", "best_epoch"]
ENOUGH = 0.3  # seconds from which what is timed is more than noise


@dataclass(frozen=True)
class FoldFits:
    """What fitting on all folds gave, before it is scored: each fold's held-out rows, and their predictions.

    Of nets, `history` is a file with their curves, and `best_epochs` are those whose weights were kept.
    """

    held_out: Sequence[Rows]
    predictions: Sequence[Floats]
    fitting: Stopwatch
    predicting: Stopwatch
    n_fits: int
    history: StoredFile | None = None
    best_epochs: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def cost(self) -> Cost:
        """What it took."""
        return Cost(
            cpu_seconds=self.fitting.seconds,
            predict_seconds=self.predicting.seconds,
            n_fits=self.n_fits,
            predicted_rows=sum(map(len, self.held_out)),
        )


@dataclass(frozen=True)
class FinalFit:
    """Models that were fitted on all training rows, a net for each seed, and for how many epochs."""

    models: Sequence[Any]
    epochs: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """What contenders are timed on: rows in random order, of which the first `least` are two of each class.

    A fold has so many rows to learn from (`training`) and to predict (`held_out`), and there are `n_folds`.
    """

    X: Features
    y: Labels
    arrays: DesignMatrix
    order: Rows
    least: int
    training: int
    held_out: int
    n_folds: int

    def part(self, rows: int) -> tuple[Rows, Rows]:
        """So many rows to learn from, and as many to predict as go with them."""
        predicted = max(1, round(rows * self.held_out / self.training))
        return self.order[:rows], self.order[-predicted:]


class CostEstimate(Spec):
    """What a contender would take on all folds and all training rows, in so many fits, and what was timed to say so."""

    name: str
    seconds: float
    fits: int
    basis: str


@dataclass(frozen=True)
class Flavor:
    """How MLflow keeps a library's models: its module's name, the model's file, what is required, further settings.

    That of Keras takes no signature with names, though it serves by one.
    """

    module: str
    file: str
    requires: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    takes_signature: bool = True


class ContenderSpec(Spec, ABC):
    """What is entered in an experiment: it says for itself how it is fitted, searched for, kept and served."""

    family: ClassVar[Family]
    suffix: ClassVar[str]  # of the file that a model is kept in
    gives_probabilities: ClassVar[bool] = True  # of classes; else decision values in the guise of probabilities
    takes_sequences: ClassVar[bool]  # whether its models are served words and steps, and not counts and summaries
    searches_at_once: ClassVar[bool]  # whether the searches of all folds run at once, and not one after the other

    search: dict[str, Range | Choice] | None = Field(
        None, description="what is searched for in place of the usual, by path: low and high, log; or choices"
    )
    tuning: TuningSpec | None = Field(None, description="search for settings, inside each fold's training rows")
    kind: str

    @property
    def is_net(self) -> bool:
        """Whether it needs TensorFlow, which one process alone loads."""
        return self.family == "network"

    @abstractmethod
    def check(self, problem: Problem, metric: MetricName) -> None:
        """Check that the contender can be fitted to such data and judged by the metric.

        Raises:
            BakeoffError: when it cannot, with what to choose instead.
        """

    def check_settings(self, problem: Problem) -> None:
        """Check, before anything is trained, that its library knows its settings, entered or to be searched for.

        Raises:
            BakeoffError: when it does not.
        """

    def load_library(self) -> None:
        """Load what takes seconds to be loaded, and report it."""

    # How it is fitted

    @abstractmethod
    def fit_folds(self, name: str, arrays: DesignMatrix, folds: Folds, chosen: Sequence[Any] = ()) -> FoldFits:
        """Fit on the training rows of each fold, and predict the rows held out.

        `chosen` are the contender with the settings that were found for each fold, where any were searched for.
        """

    @abstractmethod
    def fit_all(
        self, name: str, arrays: DesignMatrix, seeds: Sequence[int], best_epochs: Sequence[int] = ()
    ) -> FinalFit:
        """Fit on all training rows; `best_epochs` are those of the nets of the folds, if they say for how long."""

    @abstractmethod
    def predict(self, model: Any, X: Features, problem: Problem) -> Floats:
        """Predict by a model, fresh or loaded: (rows,), or probabilities (rows, classes), 0 for classes unseen."""

    @abstractmethod
    def estimate_cost(self, name: str, sample: Sample, share: float, n_seeds: int) -> CostEstimate:
        """Estimate what a run would take, from fits on a few rows, for about `share` seconds."""

    def preparations(self, problem: Problem) -> list[Preparation]:
        """Name what is fitted before or beside the model itself."""
        return []

    def on_rows(self, rows: float, all_rows: int, set_aside: float | None) -> Self:
        """Return the contender as it is entered on so many rows of all.

        `set_aside` is the share of its own rows by which a net finds its best epoch, where it has to.
        """
        return self

    # How its models are kept

    @abstractmethod
    def save(self, model: Any, path: Path) -> None:
        """Write the model in a format that runs no code when it is read.

        Raises:
            BakeoffError: when a setting of the model has no such format.
        """

    @abstractmethod
    def load(self, path: Path) -> Any:
        """Read what `save` wrote, as the library's own object; nothing is unpickled."""

    @abstractmethod
    def flavor(self, task: Task) -> Flavor:
        """Return how MLflow keeps the model."""

    @abstractmethod
    def exchange(self, model: Any, X: Features, problem: Problem, names: Sequence[str]) -> tuple[Features, Any]:
        """Return what the model takes when MLflow serves it, by these rows, and what it gives.

        `names` are those of a table's columns.
        """

    # How its settings are searched for

    def usual_space(self, task: Task) -> Space:
        """What is searched for where the contender does not say; empty where there is no usual space."""
        return {}

    def space(self, task: Task) -> Space:
        """What is searched for."""
        return self.search or self.usual_space(task)

    def inner_score(self, task: Task, metric: MetricName) -> MetricName | Literal["loss"]:
        """What settings are chosen by; a loss is the better, the less it is."""
        return metric

    @abstractmethod
    def run_searches(
        self, name: str, arrays: DesignMatrix, searches: Sequence[Search], metric: MetricName, seed: int, budget: Budget
    ) -> tuple[int, float]:
        """Search on each fold's training rows, as long as the budget allows. Return how many fits, and CPU seconds.

        Raises:
            BudgetError: when the budget does not suffice for one set of settings in each search.
            BakeoffError: when the contender as entered cannot be fitted.
        """

    def check_space(self, task: Task) -> None:
        """Check that there is a space to search, and its ends are settings that the contender can have.

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
        values = {path: dimension.ends for path, dimension in self.space(task).items()}
        return [
            self.with_settings({path: ends[min(number, len(ends) - 1)] for path, ends in values.items()})
            for number in range(max(map(len, values.values()), default=0))
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
            reason = " ".join(str(error).splitlines()[1:3]).strip()  # of pydantic's three lines for each fault
            raise BakeoffError(f"search: {', '.join(settings)}: {reason}") from error

    def with_found_settings(self, settings: Settings) -> Self:
        """The contender with the settings that a search found, as it is fitted by them."""
        return self.with_settings(settings)


def _lay_over(content: dict[str, Any], path: str, value: Value) -> None:
    *parents, key = path.split(".")
    for parent in parents:
        content = content.setdefault(parent, {})
        if not isinstance(content, dict):
            raise BakeoffError(f"search: {path} leads into {parent}, which is a value and no group of settings")
    content[key] = value
