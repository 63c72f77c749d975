"""A search by Optuna, on the training rows of one fold and nothing else."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tasks.data.splitting import HoldOutSpec, Parts, Rows, Validation, pairs_of
from tasks.data.vectorization import Arrays, Labels
from tasks.fitting import seed_of
from tasks.models.search import Choice, Range, Space, TuningSpec, Value
from tasks.specs import BakeoffError
from tasks.tuning.record import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial as OptunaTrial

Settings = dict[str, Value]


class Search:
    """The settings that are tried on some rows, one after the other or several at a time.

    The first are the contender's own, which may lie outside the space: so no search ends with settings that its folds
    found worse than those. The others are Optuna's proposals, by the tree-structured Parzen estimator (Bergstra et al.
    2011), at random at first.

    Args:
        number: of the fold whose training rows these are.
        folds: training rows and held-out rows within that fold's training rows; no other row is looked at.
        space: what is searched for.
        greater_is_better: the direction of the score.
        seed: for the proposals.
    """

    def __init__(self, number: int, folds: Sequence[Parts], space: Space, greater_is_better: bool, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.number, self.folds, self.trials = number, list(folds), list[Trial]()
        self._space = {path: distribution(each) for path, each in space.items()}
        self._sign = 1 if greater_is_better else -1
        self._study = optuna.create_study(
            direction="maximize" if greater_is_better else "minimize",
            sampler=optuna.samplers.TPESampler(seed=seed % 2**32),
        )
        self._asked: list[OptunaTrial | None] = []

    def ask(self) -> Settings:
        """The next settings to try; none, which means the contender as entered, at first."""
        self._asked.append(self._study.ask(self._space) if self._asked else None)
        asked = self._asked[-1]
        return dict(asked.params) if asked else {}

    def tell(self, settings: Settings, score: float) -> None:
        """The score of the settings that were asked for longest ago; one that is no finite number counts as failed."""
        from optuna.trial import TrialState

        number, failed = len(self.trials), not np.isfinite(score)
        asked = self._asked[number]
        if asked:
            self._study.tell(asked, *([None, TrialState.FAIL] if failed else [score]))
        self.trials.append(Trial(search=self.number, number=number, settings=settings, score=None if failed else score))

    @property
    def best(self) -> Settings:
        """The settings with the best score; the first of several.

        Raises:
            BakeoffError: when none could be fitted.
        """
        scored = [each for each in self.trials if each.score is not None]
        if not scored:
            raise BakeoffError("none of the settings that were tried gave a finite score; look at `search`")
        return max(scored, key=lambda each: self._sign * (each.score or 0.0)).settings


def searches_of(
    pairs: Sequence[Parts],
    arrays: Arrays,
    validation: Validation,
    space: Space,
    tuning: TuningSpec,
    greater: bool,
    final: bool = True,
) -> list[Search]:
    """A search on each fold's training rows, and, if there is to be a final model, one on all rows.

    Raises:
        BakeoffError: when the training rows of a fold cannot be split once more.
    """
    y, groups = arrays.y("train"), arrays.group_numbers("train")
    parts = [training for training, _ in pairs] + ([np.arange(len(y))] if final else [])
    inner = [_inner(rows, y, arrays.classes, groups, validation, tuning) for rows in parts]
    return [
        Search(number, folds, space, greater, seed_of(validation.seed, number)) for number, folds in enumerate(inner)
    ]


def _inner(
    rows: Rows, y: Labels, classes: tuple[str, ...], groups: Labels | None, validation: Validation, tuning: TuningSpec
) -> list[Parts]:
    """Folds within some rows, of the same kind as the experiment's own."""
    if isinstance(validation, HoldOutSpec):
        held_out = max(1, round(len(rows) * validation.validation_rows / len(y)))
        inner: Validation = HoldOutSpec(seed=validation.seed, validation_rows=held_out)
    else:
        inner = type(validation)(seed=validation.seed, n_splits=tuning.n_splits)
    try:
        numbers = inner.draw(y[rows], classes, None if groups is None else groups[rows])
    except BakeoffError as error:
        raise BakeoffError(
            f"tuning: the {len(rows)} training rows of a fold cannot be split into {inner.label} once more; lower"
            f" tuning.n_splits, or leave tuning out: {error}"
        ) from error
    return [(rows[training], rows[held_out]) for training, held_out in pairs_of(inner, numbers)]


def distribution(dimension: Range | Choice) -> "BaseDistribution":
    """One dimension of a space as Optuna has it."""
    from optuna import distributions

    if isinstance(dimension, Choice):
        return distributions.CategoricalDistribution(dimension.choices)
    kind: Any = distributions.IntDistribution if dimension.whole else distributions.FloatDistribution
    made: BaseDistribution = kind(dimension.low, dimension.high, log=dimension.log)
    return made
