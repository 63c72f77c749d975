"""From fitted contenders to what they rest on, on the rows that are kept for the test."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tasks import progress
from tasks.data.builtin.word_lists import INDEX_FROM
from tasks.data.examples import Problem, StoredData
from tasks.data.terms import RESERVED
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Refit, load_model
from tasks.insight.importance import (
    Effect,
    Predict,
    Removal,
    choose_pictures,
    inputs_of,
    losses,
    occlusion_maps,
    patch_side,
    permutation_effects,
    shuffles,
    word_effects,
)
from tasks.metrics import MetricName
from tasks.prediction import words_of
from tasks.specs import Family, Spec
from tasks.store import StoredFile, store_arrays

Method = Literal["permutation", "removal", "occlusion"]
MOST_ROWS = 2000  # test rows that are looked at


class Explained(Spec):
    """A contender that was looked at."""

    name: str
    family: Family


class Explanation(Spec):
    """What an experiment's contenders rest on, on its test rows. `contenders` stand best first.

    `n_repeats` is how often each column was shuffled. `maps`, of pictures, is a file with `rows` (pictures,), their
    numbers among the test rows, the `pictures` themselves (pictures, height, width, ...), and `maps` (contenders,
    pictures, height, width): what the probability of the true class loses, for each pixel the mean over all patches
    that cover it.
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

    @property
    def foremost(self) -> tuple[Explained, ...]:
        """The best net and the best gradient boosting; the best two of all where one of them is not there."""
        best = {contender.family: contender for contender in reversed(self.contenders)}
        rivals = "network" in best and "boosting" in best
        return (best["network"], best["boosting"]) if rivals else self.contenders[:2]

    @property
    def second_class(self) -> str:
        """The class that words speak for where there are two; empty where numbers are predicted."""
        return self.classes[1] if self.classes else ""

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


def explain(
    experiment: str,
    refits: Sequence[Refit],
    examples: StoredData,
    arrays: DesignMatrix,
    metric: MetricName,
    n_repeats: int,
    seed: int,
) -> Explanation:
    """Find what the contenders rest on, best first as they are given; of several seeds the first net is asked.

    Raises:
        BakeoffError: when there are too few texts to tell anything of a word, or the words cannot be had.
    """
    explanation = Explanation(
        experiment=experiment,
        dataset=examples.name,
        form=examples.form,
        method="permutation",
        metric=metric,
        unit=examples.unit,
        classes=examples.classes,
        contenders=tuple(Explained(name=refit.name, family=refit.contender.family) for refit in refits),
        rows=0,
        effects=(),
    )
    if examples.form == "words":
        return _explain_texts(explanation, refits, examples, arrays, seed)
    if examples.form == "pixels":
        return _explain_pictures(explanation, refits, arrays, seed)
    return _explain_columns(explanation, refits, examples, arrays, n_repeats, seed)


def some_rows(y: NDArray[np.generic], seed: int) -> NDArray[np.intp]:
    """Draw the numbers, ascending, of at most MOST_ROWS rows, so that all classes, or all sizes of y, have a share."""
    if len(y) <= MOST_ROWS:
        return np.arange(len(y))
    drawn = np.random.default_rng(seed).permutation(len(y))
    by_target = drawn[np.argsort(y[drawn], kind="stable")]
    return np.sort(by_target[np.linspace(0, len(y) - 1, MOST_ROWS).round().astype(np.intp)])


def _explain_columns(
    explanation: Explanation,
    refits: Sequence[Refit],
    examples: StoredData,
    arrays: DesignMatrix,
    n_repeats: int,
    seed: int,
) -> Explanation:
    X, y = arrays.test()
    rows = some_rows(y, seed)
    groups = arrays.group_numbers("test")
    columns, orders = inputs_of(examples), shuffles(len(rows), n_repeats, seed)
    effects: list[Effect] = []
    for name, predict in _predictors(refits, arrays):
        own = None if groups is None else groups[rows]
        effects += permutation_effects(name, predict, X[rows], y[rows], columns, orders, explanation.metric, own)
    return explanation.model_copy(update={"rows": len(rows), "n_repeats": n_repeats, "effects": tuple(effects)})


def _explain_texts(
    explanation: Explanation, refits: Sequence[Refit], examples: StoredData, arrays: DesignMatrix, seed: int
) -> Explanation:
    X, y = arrays.test()
    rows = some_rows(y, seed)
    removal = Removal(X[rows], column_names(examples, arrays))
    found = {name: losses(predict, removal) for name, predict in _predictors(refits, arrays)}
    judges = [each.name for each in explanation.contenders if each.family != "floor"] or [*found]
    effects = word_effects(found, judges, removal, arrays.classes)
    return explanation.model_copy(update={"method": "removal", "rows": len(rows), "effects": tuple(effects)})


def _explain_pictures(
    explanation: Explanation, refits: Sequence[Refit], arrays: DesignMatrix, seed: int
) -> Explanation:
    X, y = arrays.test()
    rows = choose_pictures(y, seed)
    cover = arrays.training()[0].mean(axis=0)
    maps = np.stack(
        [occlusion_maps(predict, X[rows], y[rows], cover, arrays.shape) for _, predict in _predictors(refits, arrays)]
    )
    labels = [arrays.classes[int(number)] for number in y[rows]]
    effects = [
        Effect(contender=contender.name, feature=f"picture {row}", label=label, effect=float(lost.max()), rows=1)
        for contender, own in zip(explanation.contenders, maps, strict=True)
        for row, label, lost in zip(rows, labels, own, strict=True)
    ]
    found = {"method": "occlusion", "rows": len(rows), "patch": patch_side(arrays.shape), "effects": tuple(effects)}
    pictures = X[rows].reshape(len(rows), *arrays.shape)
    return explanation.model_copy(update=found | {"maps": store_arrays(rows=rows, maps=maps, pictures=pictures)})


def column_names(examples: StoredData, arrays: DesignMatrix) -> tuple[str, ...]:
    """Return the word or the pair of words of each column (columns,); empty for the columns that stand for no word.

    Raises:
        BakeoffError: when a text data set's words cannot be had.
    """
    first = RESERVED if examples.tokens else 1 + INDEX_FROM
    names = ("",) * first + words_of(examples, arrays)[: arrays.width - first]
    return names + ("",) * (arrays.width - len(names))


def _predictors(refits: Sequence[Refit], problem: Problem) -> Iterator[tuple[str, Predict]]:
    """Each contender's name and its prediction for features, one after the other: a model may be large."""
    for number, refit in enumerate(refits):
        progress.report("what it rests on, contender", number, len(refits))
        yield refit.name, partial(refit.contender.predict, load_model(refit), problem=problem)
    progress.report("what it rests on, contender", len(refits), len(refits))
