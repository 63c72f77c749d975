"""What the contenders that are no nets have in common: how they are built, fitted, asked, searched for and timed.

To methods that know of no order, series are a table: each column's values in a few numbers. They are computed series by
series, so nothing is fitted. Missing values, and the steps after a series' end, count for nothing; what cannot be told
of a series, as a mean without values, is NaN.
"""

import importlib
import math
import time
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks import progress
from tasks.data.examples import Problem
from tasks.data.folds.splitting import Folds, Parts, Rows
from tasks.data.vectorization import DesignMatrix, Features, Labels
from tasks.fitting import Stopwatch, seed_of
from tasks.metrics import METRICS, MetricName, Task
from tasks.models.contender import ENOUGH, ContenderSpec, CostEstimate, FinalFit, Floats, FoldFits, Sample
from tasks.models.search import Budget, Search, Value
from tasks.parallel import apart, in_threads, jobs, side_by_side
from tasks.specs import BakeoffError, Family, did_you_mean

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

Setting = Value | list[Value]

MANY = 10**6  # rows with which every library has its own defaults
FIRST_ROWS, FEWEST_ROWS = 200, 100  # of the first fit that is timed, if it has at most FIRST_VALUES, and if it has more
FIRST_VALUES = 200_000
GROWTH = 4  # from one fit to the next
# The values' distribution as in tsfresh's minimal set of features (Christ et al. 2018), without those that follow from
# others (sum, variance, root mean square, absolute maximum), and, by its names too, where they begin, end and lead.
SUMMARIES = (
    "count", "mean", "standard_deviation", "minimum", "maximum", "median", "first", "last", "slope", "mean_abs_change"
)  # fmt: skip
PART = 2**20  # values that are summed up at a time; bounds memory, changes no result


@dataclass(frozen=True)
class Fitted:
    """A fitted model, and what the user should know of how the fit went."""

    model: Any
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class FittedFold:
    """What the rows held out are predicted to be, the processor's seconds of fitting and predicting, and warnings."""

    predictions: Floats
    fitting: float
    predicting: float
    warnings: tuple[str, ...]


class BaselineSpec(ContenderSpec):
    """An estimator by name; `params` holds any of its arguments, by its library's names."""

    family: ClassVar[Family] = "classic"
    takes_sequences = False
    searches_at_once = False
    regressor: ClassVar[str | None] = None
    classifier: ClassVar[str | None] = None

    params: dict[str, Setting] = Field({}, description="arguments of the estimator, by the library's names")

    def check(self, problem: Problem, metric: MetricName) -> None:
        """Check the task, and what is searched for."""
        self.check_space(problem.task)
        if self.regressor is None and problem.task == "regression":
            raise BakeoffError(f"{self.kind} predicts classes; for numbers choose ridge")
        if self.classifier is None and problem.task != "regression":
            raise BakeoffError(f"{self.kind} predicts numbers; for classes choose logistic_regression")

    def check_settings(self, problem: Problem) -> None:
        """Build the estimator, and those at the ends of what is searched for."""
        for entered in (self, *self.ends(problem.task)):
            entered.estimator(problem, seed=0)

    def estimator(self, problem: Problem, seed: int, rows: int = MANY) -> "BaseEstimator":
        """Build an unfitted estimator for so many training rows; what it draws at random, it draws from `seed`.

        Raises:
            BakeoffError: when `params` has a name that the library does not know, or the library is not there.
        """
        return self._unfitted(problem.task, seed, rows)

    @abstractmethod
    def fit(self, X: Features, y: Labels, problem: Problem, seed: int) -> Fitted:
        """Fit to training rows, with one thread where they are few.

        Raises:
            BakeoffError: when the library refuses a setting or the data.
        """

    @abstractmethod
    def served(self, model: Any, X: Features, problem: Problem) -> NDArray[np.generic]:
        """Return what the model's library gives by itself, and so a server that knows nothing of this project."""

    def fit_folds(self, name: str, arrays: DesignMatrix, folds: Folds, chosen: Sequence[Any] = ()) -> FoldFits:
        """Fit on the folds side by side."""
        pairs = list(folds.pairs())
        entered = chosen or [self] * len(pairs)
        seeds = [seed_of(folds.validation.seed, number) % 2**31 for number in range(len(pairs))]
        fitted = side_by_side(
            _fit_fold,
            [(own, arrays, *pair, seed) for own, pair, seed in zip(entered, pairs, seeds, strict=True)],
            arrays.n_bytes,
            lambda done: progress.report(f"{name}, fold", done, len(pairs)),
        )
        return FoldFits(
            held_out=[held_out for _, held_out in pairs],
            predictions=[fold.predictions for fold in fitted],
            fitting=Stopwatch(sum(fold.fitting for fold in fitted)),
            predicting=Stopwatch(sum(fold.predicting for fold in fitted)),
            n_fits=len(pairs),
            warnings=tuple(dict.fromkeys(warning for fold in fitted for warning in fold.warnings)),
        )

    def fit_all(
        self, name: str, arrays: DesignMatrix, seeds: Sequence[int], best_epochs: Sequence[int] = ()
    ) -> FinalFit:
        """Fit once, by the first seed."""
        progress.report(f"{name}, all training rows", 0, 1)
        X, y = _training(arrays)
        fitted = self.fit(arrays.in_vocabulary_of(X, np.arange(len(y))), y, arrays, seeds[0] % 2**31)
        progress.report(f"{name}, all training rows", 1, 1)
        return FinalFit([fitted.model], warnings=fitted.warnings)

    def run_searches(
        self, name: str, arrays: DesignMatrix, searches: Sequence[Search], metric: MetricName, seed: int, budget: Budget
    ) -> tuple[int, float]:
        """Search on each fold's training rows, several side by side, each by one set of settings after the other."""
        ended, what = list[int](), f"{name}, search"

        def search_through(number: int) -> None:
            search, share = searches[number], budget.of(number)
            while share.allows():
                progress.report(what, len(ended), len(searches))
                settings = search.ask()
                entered = (self.with_settings(settings), arrays, search.folds, metric, seed, bool(settings))
                score, seconds = apart(_inner_score, *entered, data_bytes=arrays.n_bytes)
                search.tell(settings, score)
                share.count(seconds)
            budget.end(share)
            ended.append(number)
            progress.report(what, len(ended), len(searches))

        in_threads(search_through, range(len(searches)))
        return sum(len(search.folds) * len(search.trials) for search in searches), budget.seconds

    def estimate_cost(self, name: str, sample: Sample, share: float, n_seeds: int) -> CostEstimate:
        """Fit on more and more rows; the first fit is made twice, for a library may be loaded meanwhile."""
        started = time.perf_counter()
        values_of_a_row = max(1, sample.X.size // sample.X.shape[0])  # of a sparse one, those that are stored
        some = max(FEWEST_ROWS, min(FIRST_ROWS, FIRST_VALUES // values_of_a_row))
        rows = min(sample.training, max(sample.least, some))
        self._seconds(sample, rows)
        timed = [(rows, self._seconds(sample, rows))]
        while rows < sample.training and timed[-1][1] < ENOUGH:
            if time.perf_counter() - started + GROWTH * timed[-1][1] > share:
                break
            rows = min(GROWTH * rows, sample.training)
            timed.append((rows, self._seconds(sample, rows)))
        one_after_the_other = math.ceil(sample.n_folds / jobs())
        seconds = one_after_the_other * extrapolate(timed, sample.training) + extrapolate(timed, len(sample.y))
        said = [(f"{rows:,}", f"{spent:.2g}") for rows, spent in timed[-2:]]
        basis, spent = (" and ".join(column) for column in zip(*said, strict=True))
        return CostEstimate(name=name, seconds=seconds, fits=sample.n_folds + 1, basis=f"{basis} rows: {spent} s")

    def _seconds(self, sample: Sample, rows: int) -> float:
        """Of a fit on so many rows, and of the prediction that goes with it."""
        training, held_out = sample.part(rows)
        started = time.perf_counter()
        fitted = self.fit(sample.X[training], sample.y[training], sample.arrays, seed=0)
        self.predict(fitted.model, sample.X[held_out], sample.arrays)
        return time.perf_counter() - started

    def exchange(self, model: Any, X: Features, problem: Problem, names: Sequence[str]) -> tuple[Features, Any]:
        """A table's columns have names, texts are counts of words, and series are a table of their summaries."""
        import pandas as pd

        taken = pd.DataFrame(X, columns=list(names)) if problem.form == "table" else without_order(X, problem)[0]
        return taken, self.served(model, taken, problem)

    def _defaults(self, task: Task, rows: int) -> Mapping[str, Setting]:
        """Arguments that differ from the library's own defaults, with so many training rows."""
        return {}

    def _known(self, arguments: Collection[str]) -> Mapping[str, str]:
        """What `params` may name, and by what name the constructor takes it, which lists these arguments."""
        return {name: name for name in arguments}

    def _unfitted(self, task: Task, seed: int, rows: int) -> Any:
        module, name = ((self.regressor if task == "regression" else self.classifier) or "").split(":")
        constructor = getattr(_import(module), name)
        defaults = self._defaults(task, rows)
        arguments = constructor(**defaults).get_params()
        seeded = {"random_state": seed} if "random_state" in arguments else {}
        return constructor(**{**defaults, **seeded, **self._given(name, arguments)})

    def _given(self, estimator: str, arguments: Collection[str]) -> dict[str, Setting]:
        """What `params` say, by the constructor's names, so that a default gives way to its argument's other names."""
        known, given = self._known(arguments), dict[str, Setting]()
        for name, value in self.params.items():
            if name not in known:
                hint = did_you_mean(name, known) or f"; it has {', '.join(sorted(arguments))}"
                raise BakeoffError(f"{estimator} has no argument {name!r}{hint}")
            if known[name] in given:
                raise BakeoffError(f"params.{name} is another name of what params say already; keep {known[name]}")
            given[known[name]] = value
        return given


def _fit_fold(contender: BaselineSpec, arrays: DesignMatrix, training: Rows, held_out: Rows, seed: int) -> FittedFold:
    """Fit on a fold's training rows and predict those held out, in whatever process."""
    (X, y), fitting, predicting = _training(arrays), Stopwatch(), Stopwatch()
    with fitting.running():
        known = arrays.in_vocabulary_of(X, training)
        fitted = contender.fit(known[training], y[training], arrays, seed)
    with predicting.running():
        predictions = contender.predict(fitted.model, known[held_out], arrays)
    return FittedFold(predictions, fitting.seconds, predicting.seconds, fitted.warnings)


def _inner_score(
    contender: BaselineSpec, arrays: DesignMatrix, folds: Sequence[Parts], metric: MetricName, seed: int, may_fail: bool
) -> tuple[float, float]:
    """The mean over the inner folds of a search, NaN where settings that may fail do, and CPU seconds."""
    (X, y), scores, fitting = _training(arrays), list[float](), Stopwatch()
    with fitting.running():
        try:
            for number, (training, held_out) in enumerate(folds):
                known = arrays.in_vocabulary_of(X, training)
                fitted = contender.fit(known[training], y[training], arrays, seed_of(seed, number) % 2**31)
                predicted = contender.predict(fitted.model, known[held_out], arrays)
                finite = np.isfinite(predicted).all()
                scores.append(METRICS[metric].score(y[held_out], predicted) if finite else np.nan)
        except BakeoffError:
            if not may_fail:  # as entered, it has to work
                raise
            scores.append(np.nan)
    return float(np.mean(scores)), fitting.seconds


@lru_cache(maxsize=1)
def _training(arrays: DesignMatrix) -> tuple[Features, Labels]:
    """X and y, which the next fold needs too."""
    return arrays.training()


def extrapolate(timed: Sequence[tuple[int, float]], rows: int) -> float:
    """The seconds for so many rows, on the straight line through the last two that were timed; not less than these."""
    last, seconds = timed[-1]
    if len(timed) == 1:
        return seconds * max(1.0, rows / last)
    before, earlier = timed[-2]
    return seconds + max(0.0, (seconds - earlier) / (last - before)) * max(0, rows - last)


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


def as_table(problem: Problem) -> Problem:
    """The problem that series are to methods that know of no order; any other is itself."""
    if problem.form != "series":
        return problem
    width = len(SUMMARIES) * (problem.shape[-1] if problem.shape else 1)  # the shape is unknown before they are read
    return Problem(task=problem.task, form="table", shape=(width,), classes=problem.classes, levels=(0,) * width)


def without_order(X: Features, problem: Problem) -> tuple[Features, Problem]:
    """Series (rows, time * features) as a table (rows, features * summaries), float64; all else as it is."""
    if problem.form != "series":
        return X, problem
    rows = max(1, PART // X.shape[1])
    parts = [X[start : start + rows].reshape(-1, *problem.shape) for start in range(0, len(X), rows)]
    summaries = [summarize(part.transpose(0, 2, 1).astype(np.float64)) for part in parts]
    return np.concatenate([each.reshape(len(each), -1) for each in summaries]), as_table(problem)


def summarize(series: Floats) -> Floats:
    """The `SUMMARIES` (..., 10) of series (..., time), by the values that are known.

    The standard deviation is that of the values themselves (divided by their number), the slope that of least squares
    on the number of the step, and the mean absolute change that from one known value to the next.
    """
    known = ~np.isnan(series)
    count = known.sum(axis=-1)
    order = np.argsort(~known, axis=-1, kind="stable")  # the steps with a value, and then the others
    values, steps = np.take_along_axis(series, order, axis=-1), order.astype(np.float64)
    there = np.arange(series.shape[-1]) < count[..., None]
    lowest_first = np.sort(series, axis=-1)  # NaN comes last
    mean, middle = _mean(values, there), _mean(steps, there)
    away, later = values - mean[..., None], steps - middle[..., None]
    summaries = (
        count.astype(np.float64),
        mean,
        np.sqrt(_mean(away**2, there)),
        lowest_first[..., 0],
        _at(lowest_first, count - 1),
        (_at(lowest_first, (count - 1) // 2) + _at(lowest_first, count // 2)) / 2,
        values[..., 0],
        _at(values, count - 1),
        _ratio(_mean(away * later, there), _mean(later**2, there)),
        _mean(np.abs(np.diff(values, axis=-1)), there[..., 1:]),
    )
    return np.stack(summaries, axis=-1)


def _mean(values: Floats, there: NDArray[np.bool_]) -> Floats:
    """Over those that are there; NaN where none is."""
    return _ratio(np.where(there, values, 0.0).sum(axis=-1), there.sum(axis=-1).astype(np.float64))


def _ratio(dividend: Floats, divisor: Floats) -> Floats:
    """NaN where the divisor is 0."""
    return np.divide(dividend, divisor, out=np.full_like(dividend, np.nan), where=divisor > 0)


def _at(values: Floats, place: NDArray[np.intp]) -> Floats:
    """The value at each series' own place; one that is past the end is the last, which is NaN where none is known."""
    last = values.shape[-1] - 1
    found: Floats = np.take_along_axis(values, np.clip(place, 0, last)[..., None], axis=-1)[..., 0]
    return found
