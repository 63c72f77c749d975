"""What is seen of a table's columns, what is chosen for data, and what a run is expected to take."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from builders import arrays_of
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import TypeAdapter

from flows.experiment import in_yaml
from tasks.data.examples import ColumnKind
from tasks.data.files.forms import FORMS
from tasks.data.files.images import ImagesSpec
from tasks.data.files.own_spec import OwnSpec
from tasks.data.files.presets import Size
from tasks.data.files.profile import ColumnProfile, profile_columns
from tasks.data.files.proposal import choose_equivalence, choose_metric, one_digit
from tasks.data.files.series import SeriesSpec
from tasks.data.files.tables import TableFileSpec
from tasks.data.files.target_column import Target
from tasks.data.files.texts import TextFileSpec
from tasks.data.folds.splitting import KFoldSpec, pairs_of
from tasks.evaluation.run_estimate import probe
from tasks.metrics import Task
from tasks.models.baselines.classic import DummySpec, RidgeSpec
from tasks.models.baselines.estimators import extrapolate
from tasks.models.contenders import Contender
from tasks.models.nets.network_spec import NetworkSpec

ROWS = 200
AMOUNTS = np.random.default_rng(1).normal(10, 3, ROWS)
CLASSES = np.arange(ROWS) % 2


def target_of(y: NDArray[Any], known: NDArray[np.bool_] | None = None) -> Target:
    """Whole numbers are classes."""
    classes = tuple(f"c{label}" for label in range(y.max() + 1)) if y.dtype.kind == "i" else ()
    return Target("y", y, classes, np.ones(len(y), np.bool_) if known is None else known)


def seen(values: Any, y: NDArray[Any] = AMOUNTS, **kinds: ColumnKind) -> ColumnProfile:
    """What is seen of one column."""
    (column,), _ = profile_columns(pd.DataFrame({"column": pd.Series(values)}), kinds, target_of(y))
    return column


def suspicion(values: Any, y: NDArray[Any] = AMOUNTS) -> str | None:
    found = seen(values, y).warning
    return found.what if found else None


def contenders(form: type[OwnSpec], size: Size) -> dict[str, Contender]:
    """Those that are entered for data of a form and size."""
    entries = form.contenders(size)
    return TypeAdapter(dict[str, Contender]).validate_python({name: entry for name, (entry, _) in entries.items()})


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.arange(ROWS), "an id"),
        ([f"user{row}" for row in range(ROWS)], "an id"),
        (np.arange(ROWS) * 7919 % 10007, "an id"),
        (np.linspace(0, 1, ROWS), None),  # a measurement
        (pd.date_range("2020-01-01", periods=ROWS), None),
        ([f"the {row}th of {row}" for row in range(ROWS)], "free text"),
        (["x"] * ROWS, "constant"),
        (["x"] * (ROWS - 1) + [None], None),  # that it is missing may say something
        ([None] * ROWS, "empty"),
        (AMOUNTS, "copy of the target"),
        (AMOUNTS * 1.8 + 32, "copy of the target"),
        (AMOUNTS + np.random.default_rng(0).normal(0, 0.1, ROWS), "a leak?"),
        (AMOUNTS + np.random.default_rng(0).normal(0, 2, ROWS), None),  # a good predictor, and no more
        (np.random.default_rng(0).choice([1e308, -1e308], ROWS), None),
    ],
)
def test_a_column_that_is_of_no_use_or_too_good_is_told_from_the_others(values: Any, what: str | None) -> None:
    assert suspicion(values) == what


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.where(CLASSES, "Y", "N"), "copy of the target"),
        (np.where(CLASSES, None, 1.0), "copy of the target"),  # filled in for one class alone
        (np.where(CLASSES, 2, np.arange(ROWS) % 3), None),
        (CLASSES * 10 + np.random.default_rng(0).normal(size=ROWS), "a leak?"),
        (CLASSES + np.random.default_rng(0).normal(size=ROWS), None),
    ],
)
def test_a_column_that_tells_the_class_is_told_from_one_that_helps(values: Any, what: str | None) -> None:
    assert suspicion(values, CLASSES) == what


def test_whole_numbers_that_all_differ_may_be_amounts_where_rows_are_few() -> None:
    amounts = np.random.default_rng(0).permutation(5000)[:60]
    assert suspicion(amounts, AMOUNTS[:60]) is None


def test_a_column_that_the_user_wants_is_kept_whatever_is_wrong_with_it() -> None:
    assert not seen(np.arange(ROWS)).is_feature
    assert seen(np.arange(ROWS), column="number").is_feature


def test_missing_values_and_those_that_differ_are_counted_in_rows_that_have_a_target() -> None:
    frame = pd.DataFrame({"a": [1.0, 1.0, None, 2.0, None], "b": ["x", "y", "x", None, "x"]})
    target = target_of(np.array([0, 1, 0, 1]), np.array([True, True, True, True, False]))
    (a, b), _ = profile_columns(frame, {}, target)
    assert (a.kind, a.missing, a.distinct) == ("number", 1, 2)
    assert (b.kind, b.missing, b.distinct, b.said) == ("category", 1, 2, "2 times 'x'")


@given(st.lists(st.tuples(st.sampled_from([0.0, -0.0, 1.5, None]), st.sampled_from(["x", "", None])), min_size=2))
def test_rows_that_are_the_same_as_an_earlier_one_are_counted(rows: list[tuple[float | None, str | None]]) -> None:
    frame = pd.DataFrame(rows, columns=["a", "b"]).astype({"a": float, "b": object})
    y = np.arange(len(rows)) % 2
    _, duplicates = profile_columns(frame, {}, target_of(y))
    tidy = frame.assign(b=frame["b"].replace("", None), y=y)  # an empty field is a missing value
    assert duplicates == tidy.duplicated().sum()


def test_rows_that_differ_in_whatever_way_are_not_the_same() -> None:
    rows = np.arange(60)
    _, duplicates = profile_columns(pd.DataFrame({"a": rows % 4, "y": rows % 2}), {}, target_of(rows % 3))
    assert duplicates == 60 - 12


@pytest.mark.parametrize(
    ("rows", "metric"),
    [((50, 50), "accuracy"), ((90, 10), "roc_auc"), ((40, 35, 25), "accuracy"), ((900, 60, 50, 40), "macro_f1")],
)
def test_classes_that_are_very_uneven_are_not_judged_by_accuracy(rows: tuple[int, ...], metric: str) -> None:
    target = target_of(np.repeat(np.arange(len(rows)), rows))
    assert choose_metric(target, dependent=False)[0] == metric
    assert choose_metric(target, dependent=True)[0] in ("accuracy", "macro_f1")
    assert choose_equivalence(target, choose_metric(target, dependent=False)[0], sum(rows))[0] == 0.01


@given(st.floats(1e-300, 1e300))
def test_one_digit_is_within_a_third_of_the_number(value: float) -> None:
    assert one_digit(value) == pytest.approx(value, rel=0.34)
    assert sum(digit != "0" for digit in f"{one_digit(value):e}".partition("e")[0] if digit.isdigit()) == 1


@pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])
@pytest.mark.parametrize("rows", [100, 5_000, 1_000_000])
def test_whatever_the_data_a_net_boosting_an_older_method_and_the_floor_are_entered(task: Task, rows: int) -> None:
    classes = {"regression": 0, "binary": 2, "multiclass": 20}[task]
    shapes = {TableFileSpec: (30,), ImagesSpec: (8, 8), SeriesSpec: (9, 2), TextFileSpec: (20_000,)}
    for form in FORMS:
        entered = contenders(form, Size(task, rows, shapes[form], classes))
        assert {contender.family for contender in entered.values()} == {"network", "boosting", "classic", "floor"}


def test_a_net_learns_a_number_in_standard_deviations() -> None:
    for task, classes in (("regression", 0), ("binary", 2)):
        net = contenders(TableFileSpec, Size(task, 100, (3,), classes))["dense"]
        assert isinstance(net, NetworkSpec)
        assert net.standardize_target == (task == "regression")


def test_a_large_table_is_spared_what_would_take_too_long() -> None:
    large, small = (contenders(TableFileSpec, Size("regression", rows, (30,), 0)) for rows in (800_000, 800))
    assert "random_forest" not in large
    assert large["dense"].epochs < small["dense"].epochs


@pytest.mark.parametrize("side", [1, 2, 3, 5, 8, 64])
def test_a_convolutional_net_is_entered_where_its_convolutions_leave_something(side: int) -> None:
    from tasks.data.examples import Problem

    entered = contenders(ImagesSpec, Size("binary", 100, (side, side), 2))
    problem = Problem(task="binary", form="pixels", shape=(side, side), classes=("a", "b"))
    assert ("conv" in entered) == (side > 1)
    for contender in entered.values():
        contender.check(problem, "accuracy")


def test_time_is_expected_to_follow_the_line_through_the_last_two_fits() -> None:
    assert extrapolate([(10, 9.0), (100, 1.0), (200, 2.0)], 1000) == pytest.approx(10)
    assert extrapolate([(100, 1.0)], 300) == pytest.approx(3)
    assert extrapolate([(100, 1.0), (200, 0.9)], 1000) == pytest.approx(0.9)  # no quicker than what was timed
    assert extrapolate([(100, 1.0), (200, 2.0)], 200) == pytest.approx(2)


def test_every_fold_and_the_last_fit_are_in_what_is_expected() -> None:
    arrays = arrays_of("regression", np.arange(60.0), n_test=10)
    folds = KFoldSpec(n_splits=5, n_repeats=2)
    pairs = [*pairs_of(folds, folds.draw(arrays.y("train"), ()))]
    entered: dict[str, Contender] = {"floor": DummySpec(), "line": RidgeSpec()}
    found = probe(entered, arrays, pairs, n_seeds=1)
    assert [each.fits for each in found.contenders] == [11, 11]
    assert all(0 < each.seconds < 60 for each in found.contenders)
    assert found.expected > found.measured > 10_000_000


@given(st.text(), st.text())
def test_any_text_is_read_back_from_yaml_as_a_key_and_as_a_value(key: str, value: str) -> None:
    import yaml

    text = in_yaml({key: value})
    assert "\n" not in text
    assert yaml.safe_load(text) == {key: value}
