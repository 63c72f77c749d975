"""What the contenders that are no nets have in common: how they are built, fitted, asked, saved and loaded."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.data.problem import Problem
from tasks.data.vectorization import Features, Labels
from tasks.metrics import MetricName, Task
from tasks.models.search import Tunable
from tasks.specs import BakeoffError, Family, did_you_mean

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Scalar = bool | int | float | str | None
Setting = Scalar | list[Scalar]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fitted:
    """A fitted model, and what the user should know of how the fit went."""

    model: Any
    warnings: tuple[str, ...] = ()


class BaselineSpec(Tunable, ABC):
    """An estimator by name; `params` holds any of its constructor's arguments, by its library's names."""

    kind: str
    family: ClassVar[Family] = "classic"
    regressor: ClassVar[str | None] = None
    classifier: ClassVar[str | None] = None
    suffix: ClassVar[str]
    gives_probabilities: ClassVar[bool] = True  # of classes; else decision values in the guise of probabilities

    params: dict[str, Setting] = Field({}, description="constructor arguments, by the library's names")

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Finds out whether the contender can be fitted to such data and judged by the metric.

        Raises:
            BakeoffError: when it cannot, with what to choose instead.
        """
        self.check_space(problem.task)
        if self.regressor is None and problem.task == "regression":
            raise BakeoffError(f"{self.kind} predicts classes; for numbers choose ridge")
        if self.classifier is None and problem.task != "regression":
            raise BakeoffError(f"{self.kind} predicts numbers; for classes choose logistic_regression")

    @abstractmethod
    def estimator(self, problem: Problem, seed: int) -> "BaseEstimator":
        """An unfitted estimator; what it draws at random, it draws from `seed`.

        Raises:
            BakeoffError: when `params` has a name that the constructor does not know, or the library is not there.
        """

    @abstractmethod
    def fit(self, X: Features, y: Labels, problem: Problem, seed: int) -> Fitted:
        """Fits to training rows, with one thread where they are few.

        Raises:
            BakeoffError: when the library refuses a setting or the data.
        """

    @abstractmethod
    def predict(self, model: Any, X: Features, problem: Problem) -> Floats:
        """A model's prediction, fresh or loaded: (rows,), or probabilities (rows, classes), 0 for classes unseen."""

    @abstractmethod
    def served(self, model: Any, X: Features, problem: Problem) -> NDArray[np.generic]:
        """What the model's library gives by itself, and so a server that knows nothing of this project."""

    @abstractmethod
    def save(self, model: Any, path: Path) -> None:
        """Writes the model in a format that runs no code when it is read.

        Raises:
            BakeoffError: when a setting of the model has no such format.
        """

    @abstractmethod
    def load(self, path: Path) -> Any:
        """Reads what `save` wrote."""

    def _defaults(self, task: Task) -> Mapping[str, Setting]:
        """Arguments that differ from the library's own defaults."""
        return {}

    def _unfitted(self, task: Task, seed: int) -> Any:
        module, name = ((self.regressor if task == "regression" else self.classifier) or "").split(":")
        constructor = getattr(_import(module), name)
        defaults = self._defaults(task)
        known = constructor(**defaults).get_params()
        for given in self.params:
            if given not in known:
                hint = did_you_mean(given, known) or f"; it has {', '.join(sorted(known))}"
                raise BakeoffError(f"{name} has no argument {given!r}{hint}")
        seeded = {"random_state": seed} if "random_state" in known else {}
        return constructor(**{**defaults, **seeded, **self.params})


def _import(module: str) -> Any:
    """A module by name; LightGBM and XGBoost come with an extra, and need OpenMP from the system."""
    library = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise BakeoffError(f"{library} is not installed; `pip install -e '.[boosting]'` brings it") from error
    except (OSError, ValueError) as error:
        raise BakeoffError(
            f"{library} cannot be loaded, as a rule for want of OpenMP; install libgomp1 (Debian) or libomp (macOS)."
            f" It says: {str(error).splitlines()[0]}"
        ) from error


def spread(shares: Floats, classes: Labels, n_outputs: int) -> Floats:
    """Shares of these classes as probabilities (rows, n_outputs) that sum to 1 even if single precision left a rest."""
    probabilities = np.zeros((len(shares), n_outputs))
    probabilities[:, classes.astype(np.int64)] = shares / shares.sum(axis=1, keepdims=True)
    return probabilities


@contextmanager
def mendable(error_type: type[Exception] = ValueError) -> Iterator[None]:
    """What a library says of a setting's value, or of the data, is for the user to mend."""
    try:
        yield
    except (ValueError, TypeError, error_type) as error:
        raise BakeoffError(" ".join(str(error).split())) from error
