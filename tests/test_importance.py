"""What contenders rest on: columns, words and parts of pictures, found by taking them away."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.sparse import csr_matrix

from tasks.data.examples import Column, StoredData
from tasks.data.folds.splitting import KFoldSpec
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import refit
from tasks.insight.explanation import MOST_ROWS, Explanation, explain, some_rows
from tasks.insight.importance import (
    CANDIDATES,
    ColumnInputs,
    Removal,
    choose_pictures,
    inputs_of,
    losses,
    occlusion_maps,
    permutation_effects,
    shuffles,
    word_effects,
)
from tasks.models.baselines.boosting import HistGradientBoostingSpec
from tasks.models.baselines.classic import RidgeSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import SGDSpec
from tasks.specs import BakeoffError
from tasks.store import load_arrays
from tests.builders import NO_FILE, evaluation_of, made_arrays, picture_arrays, series_arrays

TREES = HistGradientBoostingSpec(params={"max_iter": 20, "min_samples_leaf": 2})
NET = DenseSpec(units=(4,), epochs=2, batch_size=8, optimizer=SGDSpec())
Floats = NDArray[np.float64]


def examples_of(arrays: DesignMatrix, features: tuple[str, ...], columns: tuple[Column, ...] = ()) -> StoredData:
    counts = {"training_rows": len(arrays.y("train")), "test_rows": len(arrays.y("test"))}
    own = {"name": "made", "unit": "", "brightest": 1, "digest": "0", "file": NO_FILE}
    return StoredData(**arrays.fields(), **counts, **own, features=features, columns=columns)


def explained(
    arrays: DesignMatrix, contenders: dict[str, Contender], examples: StoredData, n_repeats: int = 5
) -> Explanation:
    best_epochs = {name: (2,) if isinstance(each, DenseSpec) else () for name, each in contenders.items()}
    refits = [
        refit(evaluation_of(name, [1.0], each, best_epochs=best_epochs[name]), arrays, KFoldSpec())
        for name, each in contenders.items()
    ]
    metric = "mae" if arrays.task == "regression" else "accuracy"
    return explain("made", refits, examples, arrays, metric, n_repeats, seed=0)


def test_all_contenders_get_the_same_shuffles() -> None:
    """Two contenders that predict alike get the same effects to the last bit, whoever is asked before or after."""
    seen: dict[str, list[Floats]] = {"a": [], "b": []}
    X, y = np.random.default_rng(0).normal(size=(50, 2)), np.arange(50.0)
    columns, orders = [ColumnInputs("x", (0,)), ColumnInputs("z", (1,))], shuffles(50, 3, seed=4)

    def predicting(name: str, rows: Floats) -> Floats:
        seen[name].append(rows.copy())
        return rows[:, 0]

    for name in seen:
        permutation_effects(name, lambda rows, name=name: predicting(name, rows), X, y, columns, orders, "mae")
    assert len(seen["a"]) == 3
    assert all(np.array_equal(a, b) for a, b in zip(seen["a"], seen["b"], strict=True))
    assert all(np.array_equal(np.sort(order), np.arange(50)) for order in orders)


def test_contenders_of_an_experiment_that_are_the_same_have_the_same_importances() -> None:
    arrays = made_arrays("regression", 120, 60)
    found = explained(arrays, {"one": TREES, "net": NET, "two": TREES}, examples_of(arrays, ("a", "b", "c")))
    one, two = found.of("one"), found.of("two")
    assert [each.effect for each in one.values()] == [each.effect for each in two.values()]
    assert [each.interval for each in one.values()] == [each.interval for each in two.values()]
    assert [each.effect for each in found.of("net").values()] != [each.effect for each in one.values()]


def test_a_column_that_decides_comes_first() -> None:
    arrays = made_arrays("regression", 200, 100)
    found = explained(arrays, {"trees": TREES, "ridge": RidgeSpec()}, examples_of(arrays, ("decides", "b", "c")))
    assert found.ranked()[0] == "decides"
    for name in ("trees", "ridge"):
        effect = found.of(name)["decides"]
        assert effect.interval is not None
        assert effect.interval[0] > 1
        assert effect.effect > 1
        assert effect.interval[0] < effect.effect < effect.interval[1]


def test_a_column_of_noise_has_an_interval_over_zero() -> None:
    arrays = made_arrays("regression", 200, 100)
    found = explained(arrays, {"trees": TREES, "ridge": RidgeSpec()}, examples_of(arrays, ("decides", "b", "c")))
    for name in ("trees", "ridge"):
        for noise in ("b", "c"):
            low, high = found.of(name)[noise].interval or (1.0, 1.0)
            assert low <= 0.02
            assert high >= 0
            assert high < 0.1


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "macro_f1", "roc_auc"])
def test_importance_is_a_worsening_whichever_way_the_metric_goes(metric: str) -> None:
    generator = np.random.default_rng(1)
    y = np.arange(200) % 2
    X = np.column_stack([y + 0.3 * generator.normal(size=200), generator.normal(size=200)])

    def predict(rows: Floats) -> Floats:
        p = 1 / (1 + np.exp(-8 * (rows[:, 0] - 0.5)))
        return np.column_stack([1 - p, p])

    columns = [ColumnInputs("decides", (0,)), ColumnInputs("noise", (1,))]
    decides, noise = permutation_effects("me", predict, X, y, columns, shuffles(200, 4, 0), metric)  # type: ignore[arg-type]
    assert decides.effect > 0.2
    assert (noise.effect, *noise.interval) == pytest.approx((0, 0, 0), abs=1e-12)  # sums are rounded in another order


def test_the_parts_of_a_date_are_shuffled_as_one() -> None:
    columns = (Column(name="when", kind="date"), Column(name="size", kind="number"))
    names = ("when:year", "when:month", "when:weekday", "when:elapsed", "size")
    arrays = made_arrays("regression").model_copy(update={"shape": (5,)})
    assert inputs_of(examples_of(arrays, names, columns)) == [
        ColumnInputs("when", (0, 1, 2, 3)),
        ColumnInputs("size", (4,)),
    ]


def test_of_series_a_value_is_shuffled_at_all_of_its_times() -> None:
    """It is the second value that rises in one class alone."""
    arrays = series_arrays()
    columns = tuple(Column(name=name, kind="number") for name in ("id", "time", "still", "rising"))
    examples = examples_of(arrays, (), columns)
    assert inputs_of(examples)[1] == ColumnInputs("rising", (1, 3, 5, 7, 9, 11))
    assert explained(arrays, {"trees": TREES}, examples, n_repeats=10).ranked() == ["rising", "still"]


def test_many_rows_are_thinned_out_with_every_class_among_them() -> None:
    y = np.where(np.arange(9000) % 300 == 0, 2, np.arange(9000) % 2)
    rows = some_rows(y, seed=0)
    assert len(set(rows)) == MOST_ROWS
    shares = np.bincount(y[rows]) / MOST_ROWS - np.bincount(y) / 9000
    assert np.abs(shares).max() < 0.002
    assert np.array_equal(some_rows(y[:50], seed=0), np.arange(50))


def made_texts(rows: int = 300) -> tuple[csr_matrix, tuple[str, ...], NDArray[np.int64]]:
    """Texts of six words and a pair, in which `good` decides; two columns are reserved."""
    present = np.random.default_rng(0).random((rows, 9)) < 0.5
    present[:, :2] = False
    names = ("", "", "film", "good", "the", "of", "not", "rare", "not good")
    present[:, 7] = np.arange(rows) < 3
    present[:, 8] = present[:, 3] & present[:, 6]
    return csr_matrix(present.astype(np.float32)), names, present[:, 3].astype(np.int64)


def test_the_word_that_decides_comes_first() -> None:
    X, names, _ = made_texts()

    def predict(texts: csr_matrix) -> Floats:
        p = 0.1 + 0.6 * np.asarray(texts[:, 3].todense()).ravel() - 0.3 * np.asarray(texts[:, 2].todense()).ravel() / 2
        return np.column_stack([1 - p, p])

    removal = Removal(X, names)
    effects = word_effects({"me": losses(predict, removal)}, ["me"], removal, ("bad", "good"))
    ranked = sorted(effects, key=lambda each: -each.effect)
    assert (ranked[0].feature, ranked[-1].feature) == ("good", "film")
    assert ranked[0].effect == pytest.approx(0.6)
    assert ranked[-1].effect == pytest.approx(-0.15)
    assert ranked[0].interval == pytest.approx((0.6, 0.6))
    assert ranked[0].rows == X[:, 3].nnz
    assert "rare" not in {each.feature for each in effects}


def test_a_words_interval_is_that_of_a_t_test_on_its_texts() -> None:
    X, names, _ = made_texts(15)

    def predict(texts: csr_matrix) -> Floats:
        dense = texts.toarray()
        return dense[:, 3] * (dense[:, [2, 4, 5, 6]] @ [0.3, -0.2, 0.1, 0.5])

    removal = Removal(X, names)
    place = list(removal.candidates).index(3)
    lost = stats.ttest_1samp(predict(X[X.toarray()[:, 3] > 0]), 0).confidence_interval(0.95)
    assert losses(predict, removal).interval(place, 0) == pytest.approx((lost.low, lost.high))


def test_a_word_takes_its_pairs_along_and_nothing_else() -> None:
    X, names, _ = made_texts()
    removal = Removal(X, names)
    rows = np.flatnonzero(np.asarray(X[:, 8].todense()).ravel())
    for word, gone in ((6, {6, 8}), (3, {3, 8}), (8, {8}), (4, {4})):
        left = removal.without(rows, np.full(len(rows), word)).toarray()
        expected = X[rows].toarray()
        expected[:, sorted(gone)] = 0
        assert np.array_equal(left, expected)


def test_of_several_classes_each_has_words_of_its_own() -> None:
    X, names, _ = made_texts()

    def predict(texts: csr_matrix) -> Floats:
        counts = np.asarray(texts[:, [3, 4, 5]].todense())
        return (0.1 + counts) / (0.1 + counts).sum(axis=1, keepdims=True)

    removal = Removal(X, names)
    effects = word_effects({"me": losses(predict, removal)}, ["me"], removal, ("a", "b", "c"))
    for label, word in zip("abc", ("good", "the", "of"), strict=True):
        assert max((each for each in effects if each.label == label), key=lambda each: each.effect).feature == word


def test_texts_too_few_to_tell_anything_are_refused() -> None:
    X, names, _ = made_texts(12)
    with pytest.raises(BakeoffError, match=r"no word is in 10 or more of the 12 test texts.*keep more rows"):
        _ = Removal(X, names).candidates
    assert CANDIDATES == 1000


def test_occlusion_finds_where_the_answer_is() -> None:
    """A contender that looks at one pixel loses its answer with that pixel, and with its neighbours in a patch."""
    X = np.zeros((2, 64), np.float32)
    X[0, 8 * 2 + 5] = 1

    def predict(rows: Floats) -> Floats:
        p = rows[:, 8 * 2 + 5].astype(np.float64)
        return np.column_stack([1 - p, p])

    maps = occlusion_maps(predict, X, np.array([1, 0]), np.zeros(64, np.float32), (8, 8))
    assert maps.shape == (2, 8, 8)
    assert np.unravel_index(maps[0].argmax(), (8, 8)) == (2, 5)
    assert maps[0, 2, 5] == 1
    far = np.ones((8, 8), bool)
    far[1:4, 4:7] = False
    assert not maps[0][far].any()
    assert not maps[1].any()


def test_pictures_in_colour_are_covered_in_all_colours() -> None:
    X = np.ones((1, 6 * 5 * 3), np.float32)
    covered: list[Floats] = []

    def predict(rows: Floats) -> Floats:
        covered.append(rows)
        return np.tile([0.0, 1.0], (len(rows), 1))

    maps = occlusion_maps(predict, X, np.array([1]), np.zeros(90, np.float32), (6, 5, 3))
    pictures = covered[1].reshape(-1, 6, 5, 3)
    assert maps.shape == (1, 6, 5)
    assert np.array_equal((pictures == 0).any(axis=-1), (pictures == 0).all(axis=-1))
    assert (pictures == 0).any(axis=(0, 3)).all()


def test_as_many_pictures_are_shown_of_each_class_whatever_is_predicted() -> None:
    y = np.repeat([0, 1, 2, 5], [50, 20, 3, 90])
    rows = choose_pictures(y, seed=0)
    assert np.bincount(y[rows]).tolist() == [5, 5, 3, 0, 0, 5]
    assert np.array_equal(rows, choose_pictures(y, seed=0))


def test_pictures_and_columns_of_an_experiment_are_explained_by_its_kept_models() -> None:
    arrays = picture_arrays()
    found = explained(arrays, {"net": NET, "trees": TREES}, examples_of(arrays, ()))
    assert found.maps is not None
    assert load_arrays(found.maps)["maps"].shape == (2, found.rows, 6, 5)
    assert (found.method, found.patch, found.rows) == ("occlusion", 1, 12)
    assert [each.name for each in found.foremost] == ["net", "trees"]
