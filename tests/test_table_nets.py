"""RealMLP and TabM: what they compute, how they learn in a stack, and that they are saved without code of ours."""

from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tasks.data.encoding import fit_robust_normalization
from tasks.data.examples import Form
from tasks.metrics import Task
from tasks.models.nets.layers import Inputs
from tasks.models.nets.network_spec import NetworkSpec, as_prediction, output_layer
from tasks.models.nets.networks import DenseSpec, RealMLPSpec, TableSpec, TabMSpec
from tasks.models.nets.optimizers import AdamWSpec
from tasks.models.nets.stacked_optimizer import coslog, flat_cos
from tasks.models.nets.stacking import build_stack
from tasks.models.nets.table_nets import MemberNTKDense, MemberNumbers
from tasks.models.nets.training import Member, Stack
from tasks.specs import BakeoffError
from tests.builders import made_arrays, mixed_arrays, problem_of
from tests.tiers import quick_first

REALMLP = RealMLPSpec(units=(8, 6), epochs=3, batch_size=64)
TABM = TabMSpec(units=(8, 6), k=3, epochs=3)
CASES: list[tuple[TableSpec, Task, bool]] = [
    (REALMLP, "regression", True),
    (REALMLP, "multiclass", False),
    (TABM, "regression", False),
    (TABM, "binary", True),
    (TabMSpec(units=(8,), k=2, embed_numbers=False, batch_size=64), "multiclass", True),
    (RealMLPSpec(units=(), embed_numbers=False, epochs=3, batch_size=16), "binary", False),
]
IDS = [f"{spec.kind}-{task}-{'mixed' if mixed else 'numbers'}" for spec, task, mixed in CASES]
SEEDS = (5, 6)


@pytest.fixture(autouse=True)
def without_xla(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes seconds to compile a program that runs for milliseconds; other tests, and one here, have it."""
    for kind in (RealMLPSpec, TabMSpec, DenseSpec):
        monkeypatch.setattr(kind, "compiled", False)


def table(task: Task, mixed: bool) -> Any:
    return mixed_arrays(task) if mixed else made_arrays(task, rows=120)


def members(n: int) -> list[Member]:
    """Two that learn from different rows, in as many batches as not."""
    return [Member(np.arange(n - 40 * k), seed=seed) for k, seed in enumerate(SEEDS)]


@cache
def trained(number: int) -> Stack:
    spec, task, mixed = CASES[number]
    arrays = table(task, mixed)
    X, y = arrays.training()
    stack = Stack(spec, X, y, arrays, members(len(y)))
    stack.fit(2)
    return stack


@pytest.mark.parametrize("number", quick_first(range(len(CASES)), {0, 3}), ids=IDS)
def test_a_saved_net_predicts_raw_rows_as_its_member_does_and_needs_no_code_of_ours(number: int, tmp_path: Any) -> None:
    _, task, mixed = CASES[number]
    X, _ = table(task, mixed).training()
    stack, output = trained(number), output_layer(task, 3 if task == "multiclass" else 2)
    expected = stack.predict([np.arange(len(X))] * 2)
    stack.unstack(1).save(tmp_path / "net.keras")
    net = keras.models.load_model(tmp_path / "net.keras", safe_mode=True)
    assert "tasks" not in (tmp_path / "net.keras").read_bytes().decode("latin1")
    mine = as_prediction(np.asarray(net(X.astype(np.float32)), np.float64), output)
    np.testing.assert_allclose(mine, expected[1], rtol=1e-5, atol=1e-5)
    assert not np.allclose(expected[0], expected[1], atol=1e-3)


@pytest.mark.parametrize("number", quick_first([0, 3], {1}), ids=[IDS[0], IDS[3]])
def test_a_member_trained_alone_ends_like_the_same_member_in_a_stack_whatever_rows_are_held_out(number: int) -> None:
    spec, task, mixed = CASES[number]
    arrays = table(task, mixed)
    X, y = arrays.training()
    other = X.copy()
    other[-40:, 0] = np.roll(X[-40:, 0], 1) * 1000
    together, alone = Stack(spec, X, y, arrays, members(len(y))), Stack(spec, other, y, arrays, members(len(y))[1:])
    for stack in (together, alone):
        stack.fit(3)
    for mine, theirs in zip(together.unstack(1).get_weights(), alone.unstack(0).get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("spec", [REALMLP, TABM], ids=["realmlp", "tabm"])
def test_first_weights_depend_on_the_members_own_seed_alone(spec: NetworkSpec) -> None:
    stack = build_stack(spec, (1, "linear"), Inputs(3), [11, 12, 11])
    (alone,) = (build_stack(spec, (1, "linear"), Inputs(3), [11]).kernels[:1],)
    for kernel in stack.kernels[:2]:
        np.testing.assert_array_equal(kernel[0], kernel[2])
        assert not np.array_equal(kernel[0], kernel[1])
    np.testing.assert_array_equal(stack.kernels[0][0], alone[0][0])


# The formulas


def test_numbers_are_clipped_smoothly_and_embedded_and_other_inputs_stay() -> None:
    layer = MemberNumbers(2, embedded=True)
    x = np.array([[[0.5, 300.0, 1.0]]], np.float32)
    layer(x)
    layer.begin([0], 0)
    w1, b1, w2, b2 = layer.weights_of(0)  # the frequencies with 2 pi in them
    assert (np.abs(b1) <= np.pi).all()
    clipped = np.array([0.5, 300]) / np.sqrt(1 + np.array([0.5, 300]) ** 2 / 9)
    assert clipped[1] < 3
    embedded = [np.cos(w1[n, 0] * clipped[n] + b1[n]) @ w2[n] + b2[n] for n in range(2)]
    expected = [clipped[0], *embedded[0], clipped[1], *embedded[1], 1]
    np.testing.assert_allclose(layer(x)[0, 0], expected, rtol=1e-4, atol=1e-4)


def test_a_dense_layer_of_realmlp_keeps_the_spread_of_its_inputs_at_first() -> None:
    layer = MemberNTKDense(400, "linear", is_first=True)
    x = np.random.default_rng(0).normal(size=(200, 1, 90)).astype(np.float32)
    layer(x)
    layer.begin([0], 0)
    kernel, bias = layer.weights_of(0)
    np.testing.assert_allclose(layer(x)[:, 0], x[:, 0] @ kernel + bias, atol=1e-4)
    assert (x[:, 0] @ kernel).std() == pytest.approx(1, abs=0.05)
    assert bias.std() == pytest.approx(1, abs=0.1)


def test_realmlp_begins_with_the_mean_of_its_training_rows() -> None:
    arrays = made_arrays("regression")
    X, y = arrays.training()
    (predictions,) = Stack(REALMLP, X, y, arrays, [Member(np.arange(20), seed=0)]).predict([np.arange(30)])
    np.testing.assert_allclose(predictions, y[:20].mean(), rtol=1e-5)


def test_each_submodel_of_tabm_has_its_own_loss_and_the_mean_predicts() -> None:
    arrays = made_arrays("regression")
    X, y = arrays.training()
    stack = Stack(TABM.model_copy(update={"dropout": 0.0}), X, y, arrays, [Member(np.arange(30), seed=0)])
    x, ones = X[:, None].astype(np.float32), np.ones((30, 1), np.float32)
    each = np.asarray(stack.network(x, ones, training=True))
    assert each.shape == (30, 1, TABM.k, 1)
    assert each.std(axis=2).min() > 0
    np.testing.assert_allclose(stack.network(x, ones, training=False), each.mean(axis=2), atol=1e-6)
    targets = ((y - y.mean()) / y.std())[:, None, None]
    history = stack.fit(1)  # of one batch, whose loss is that of the first weights
    assert history.loss[0, 0] == pytest.approx(((each[:, 0] - targets) ** 2).mean(), rel=1e-4)
    error = np.abs(each[:, 0].mean(axis=1) - targets[:, 0]).mean() * y.std()
    assert history.metric[0, 0] == pytest.approx(error, rel=1e-4)


def test_rates_come_in_four_cycles_that_end_at_0_and_dropout_and_decay_fall_in_the_second_half() -> None:
    ends, peaks = (2.0 ** np.arange(5) - 1) / 15, (2.0 ** (np.arange(4) + 0.5) - 1) / 15
    np.testing.assert_allclose(coslog(tf.constant(ends, tf.float32)), 0, atol=1e-5)
    np.testing.assert_allclose(coslog(tf.constant(peaks, tf.float32)), 1, atol=1e-5)
    np.testing.assert_allclose(flat_cos(tf.constant([0, 0.3, 0.5, 0.75, 1.0])), [1, 1, 1, 0.5, 0], atol=1e-6)


@pytest.mark.variants
def test_every_member_is_annealed_by_its_own_steps() -> None:
    """After all of the epochs its rate is 0, so that one more changes nothing; after fewer it learns on."""
    arrays = made_arrays("regression", rows=60)
    X, y = arrays.training()
    own = [Member(np.arange(50), seed=0), Member(np.arange(20), seed=1)]
    stack = Stack(RealMLPSpec(units=(4,), epochs=2, batch_size=16, dropout=0.0), X, y, arrays, own)
    stack.fit(2)
    before = [weight.numpy() for weight in stack.network.weights]
    history = stack.fit(2)
    for first, weight in zip(before, stack.network.weights, strict=True):
        np.testing.assert_allclose(first, weight.numpy(), atol=1e-6)
    np.testing.assert_allclose(history.loss[0], history.loss[1], rtol=1e-4)


@pytest.mark.variants
def test_nets_of_own_rates_and_epochs_are_annealed_each_by_its_own() -> None:
    arrays = made_arrays("regression", rows=60)
    X, y = arrays.training()
    base = RealMLPSpec(units=(4,), epochs=4, batch_size=16, dropout=0.0)
    short = base.with_settings({"optimizer.learning_rate": 0.1, "epochs": 2})
    members = [Member(np.arange(50), seed=0, spec=base), Member(np.arange(50), seed=1, spec=short)]
    together = Stack(base, X, y, arrays, members)
    together.fit(4)
    alone = Stack(short, X, y, arrays, [Member(np.arange(50), seed=1)])
    alone.fit(2)
    for mine, theirs in zip(together.unstack(1).get_weights(), alone.unstack(0).get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_weight_decay_is_keras_adamws_and_falls_on_kernels_alone() -> None:
    X, y = np.random.default_rng(0).normal(size=(32, 3)), np.linspace(0, 1, 32)
    net = DenseSpec(units=(4,), optimizer=AdamWSpec(learning_rate=0.05, weight_decay=0.5), batch_size=32)
    stack = Stack(net, X, y, problem_of("regression"), [Member(np.arange(32), seed=0)])
    single = stack.unstack(0)
    stack.fit(4)
    optimizer = keras.optimizers.AdamW(0.05, weight_decay=0.5)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    single.compile(optimizer, "mse")
    single.fit(X, y, 32, epochs=4, shuffle=False, verbose=0)
    for mine, theirs in zip(stack.unstack(0).get_weights(), single.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_numbers_are_scaled_by_their_quartiles_or_else_by_half_their_range() -> None:
    X = np.array([[1, 0, 7, np.nan], [2, 0, 7, np.nan], [3, 0, 7, np.nan], [4, 0, 7, np.nan], [900, 6, 7, np.nan]])
    X = np.vstack([X, [np.nan] * 4])
    normalization = fit_robust_normalization(X)
    np.testing.assert_allclose(normalization.mean, [3, 0, 7, 0])
    np.testing.assert_allclose(normalization.scale, [2, 3, 1, 1])


# What they take


@pytest.mark.parametrize("kind", [RealMLPSpec, TabMSpec])
@pytest.mark.parametrize(("form", "name"), [("pixels", "pictures"), ("words", "texts"), ("series", "series")])
def test_what_is_no_table_is_refused(kind: type[TableSpec], form: Form, name: str) -> None:
    with pytest.raises(BakeoffError, match=f"{kind().kind} is for tables, and these are {name}; choose dense"):
        kind().check(problem_of("binary", form), "accuracy")


def test_batch_normalization_is_refused_and_targets_are_standardized_where_they_are_numbers() -> None:
    with pytest.raises(BakeoffError, match="realmlp has no batch normalization"):
        RealMLPSpec(batch_normalization=True).check(problem_of("binary"), "accuracy")
    for task in ("binary", "multiclass"):
        TabMSpec().check(problem_of(task), "accuracy")
    RealMLPSpec().check(problem_of("regression"), "mae")


@pytest.mark.parametrize("spec", [RealMLPSpec(), TabMSpec()], ids=["realmlp", "tabm"])
def test_a_spec_survives_json_and_with_it_what_follows_from_the_task(spec: TableSpec) -> None:
    assert type(spec).model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("spec", [REALMLP, TABM], ids=lambda spec: spec.kind)
def test_a_table_of_categories_alone_is_learned_from(spec: TableSpec) -> None:
    arrays = mixed_arrays()
    X, y = arrays.training()
    categories = np.array([number > 0 for number in arrays.levels])
    alone = arrays.model_copy(
        update={"levels": tuple(np.array(arrays.levels)[categories].tolist()), "shape": (int(categories.sum()),)}
    )
    stack = Stack(spec, X[:, categories], y, alone, members(len(y)))
    stack.fit(2)
    own, [expected] = X[:5][:, categories], stack.predict([np.arange(5)] * 2)[:1]
    outputs = np.asarray(stack.unstack(0)(own.astype(np.float32)), np.float64)
    np.testing.assert_allclose(as_prediction(outputs, output_layer("binary", 2)), expected, atol=1e-5)
