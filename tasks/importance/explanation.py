"""What was found of what a result rests on, as one document."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks.metrics import MetricName
from tasks.specs import Family, Spec
from tasks.store import StoredFile

Floats = NDArray[np.float64]
Predict = Callable[[Any], Floats]  # features of rows to (rows,), or probabilities (rows, classes)
Method = Literal["permutation", "removal", "occlusion"]


class Explained(Spec):
    """A contender that was looked at."""

    name: str
    family: Family


class Effect(Spec):
    """What it does to one contender that one thing is not there: a column, a word, or a part of a picture.

    Of a column it is by how much the metric worsens when the column's values are shuffled. Of a word it is what the
    predicted probability of `label`, or the predicted number, loses on those `rows` that have the word. Of a picture of
    class `label` it is the most that the probability of this class loses when a patch is covered.
    """

    contender: str
    feature: str
    label: str = ""
    effect: float
    interval: tuple[float, float] | None = Field(None, description="95 %; none for a single picture")
    rows: int


class Explanation(Spec):
    """What an experiment's contenders rest on, on its test rows. `contenders` stand best first.

    `n_repeats` is how often each column was shuffled. `maps`, of pictures, is a file with `rows` (pictures,), their
    numbers among the test rows, and `maps` (contenders, pictures, height, width): what the probability of the true
    class loses, for each pixel the mean over all patches that cover it.
    """

    experiment: str
    dataset: str
    form: str
    method: Method
    metric: MetricName
    unit: str
    classes: tuple[str, ...]
    contenders: tuple[Explained, ...]
    rows: int
    n_repeats: int = 0
    patch: int = Field(0, description="the side of the square that covers a part of a picture, in pixels")
    effects: tuple[Effect, ...]
    maps: StoredFile | None = None
    mlflow_experiment_id: str = ""
    mlflow_run_id: str = ""

    def best(self, family: Family) -> Explained | None:
        """The best contender of a family."""
        return next((each for each in self.contenders if each.family == family), None)

    @property
    def foremost(self) -> tuple[Explained, ...]:
        """The best net and the best gradient boosting; the best two of all where one of them is not there."""
        pair = tuple(each for each in (self.best("network"), self.best("boosting")) if each)
        return pair if len(pair) == 2 else self.contenders[:2]

    def of(self, contender: str, label: str = "") -> dict[str, Effect]:
        """A contender's effects on one label, by feature."""
        return {each.feature: each for each in self.effects if (each.contender, each.label) == (contender, label)}

    def ranked(self, label: str = "") -> list[str]:
        """The features for one label, that with the largest effect first, as a mean over all contenders but floors."""
        judged = [each.name for each in self.contenders if each.family != "floor"] or [self.contenders[0].name]
        effects: dict[str, list[float]] = {}
        for each in self.effects:
            if each.label == label and each.contender in judged:
                effects.setdefault(each.feature, []).append(each.effect)
        return sorted(effects, key=lambda feature: -float(np.mean(effects[feature])))
