"""From fitted contenders to what they rest on, on the rows that are kept for the test."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks import progress
from tasks.data.examples import Examples
from tasks.data.problem import Problem
from tasks.data.published.texts import INDEX_FROM
from tasks.data.terms import RESERVED
from tasks.data.vectorization import Arrays
from tasks.importance.explanation import Effect, Explained, Explanation, Floats, Predict
from tasks.importance.occlusion import choose_pictures, occlusion_maps, patch_side
from tasks.importance.permutation import inputs_of, permutation_effects, shuffles
from tasks.importance.words import Removal, losses, word_effects
from tasks.metrics import MetricName
from tasks.models.contenders import Contender
from tasks.prediction import words_of
from tasks.refitting import Refit, load_model, predict_by
from tasks.store import store_arrays

MOST_ROWS = 2000  # test rows that are looked at


def explain(
    experiment: str,
    refits: Sequence[Refit],
    examples: Examples,
    arrays: Arrays,
    metric: MetricName,
    n_repeats: int,
    seed: int,
) -> Explanation:
    """What the contenders rest on, best first as they are given; of several seeds the first net is asked.

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
        contenders=tuple(Explained(name=each.name, family=each.contender.family) for each in refits),
        rows=0,
        effects=(),
    )
    if examples.form == "words":
        return _explain_texts(explanation, refits, examples, arrays, seed)
    if examples.form == "pixels":
        return _explain_pictures(explanation, refits, arrays, seed)
    return _explain_columns(explanation, refits, examples, arrays, n_repeats, seed)


def some_rows(y: NDArray[np.generic], seed: int) -> NDArray[np.intp]:
    """The numbers, ascending, of at most MOST_ROWS rows, drawn so that all classes, or all sizes of y, have a share."""
    if len(y) <= MOST_ROWS:
        return np.arange(len(y))
    drawn = np.random.default_rng(seed).permutation(len(y))
    by_target = drawn[np.argsort(y[drawn], kind="stable")]
    return np.sort(by_target[np.linspace(0, len(y) - 1, MOST_ROWS).round().astype(np.intp)])


def _explain_columns(
    explanation: Explanation, refits: Sequence[Refit], examples: Examples, arrays: Arrays, n_repeats: int, seed: int
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
    explanation: Explanation, refits: Sequence[Refit], examples: Examples, arrays: Arrays, seed: int
) -> Explanation:
    X, y = arrays.test()
    rows = some_rows(y, seed)
    removal = Removal(X[rows], column_names(examples, arrays))
    found = {name: losses(predict, removal) for name, predict in _predictors(refits, arrays)}
    judges = [each.name for each in explanation.contenders if each.family != "floor"] or [*found]
    effects = word_effects(found, judges, removal, arrays.classes)
    return explanation.model_copy(update={"method": "removal", "rows": len(rows), "effects": tuple(effects)})


def _explain_pictures(explanation: Explanation, refits: Sequence[Refit], arrays: Arrays, seed: int) -> Explanation:
    X, y = arrays.test()
    rows = choose_pictures(y, seed)
    cover = arrays.training()[0].mean(axis=0)
    maps = np.stack(
        [occlusion_maps(predict, X[rows], y[rows], cover, arrays.shape) for _, predict in _predictors(refits, arrays)]
    )
    effects = [
        Effect(
            contender=each.name,
            feature=f"picture {row}",
            label=arrays.classes[int(y[row])],
            effect=float(lost.max()),
            rows=1,
        )
        for each, own in zip(explanation.contenders, maps, strict=True)
        for row, lost in zip(rows, own, strict=True)
    ]
    found = {"method": "occlusion", "rows": len(rows), "patch": patch_side(arrays.shape), "effects": tuple(effects)}
    return explanation.model_copy(update=found | {"maps": store_arrays(rows=rows, maps=maps)})


def column_names(examples: Examples, arrays: Arrays) -> tuple[str, ...]:
    """The word or the pair of words of each column (columns,); empty for the columns that stand for no word.

    Raises:
        BakeoffError: when a text data set's words cannot be had.
    """
    first = RESERVED if examples.ngrams else 1 + INDEX_FROM
    names = ("",) * first + words_of(examples, arrays)[: arrays.width - first]
    return names + ("",) * (arrays.width - len(names))


def _predictors(refits: Sequence[Refit], problem: Problem) -> Iterator[tuple[str, Predict]]:
    """Each contender's name and its prediction for features, one after the other: a model may be large."""
    for number, each in enumerate(refits):
        progress.report("what it rests on, contender", number, len(refits))
        yield each.name, partial(_predict, each.contender, load_model(each), problem)
    progress.report("what it rests on, contender", len(refits), len(refits))


def _predict(contender: Contender, model: Any, problem: Problem, X: Any) -> Floats:
    return predict_by(contender, model, X, problem)
