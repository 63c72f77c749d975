"""Nets of one stack may differ in learning rate, L2, dropout and epochs, and each trains as if it were alone."""

import numpy as np
import pytest

from tasks.models.nets import network_fits
from tasks.models.nets.network_fits import Stacks
from tasks.models.nets.network_spec import NetworkSpec, union_spec
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import AdamSpec, CosineDecaySpec, RMSpropSpec
from tasks.models.nets.training import Member, Stack, TrainingDivergedError
from tasks.parallel import JOBS
from tests.builders import problem_of

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
Y = 2 * X[:, 0] + np.abs(X[:, 1])
ROWS, HELD_OUT = np.arange(45), np.arange(45, 60)
PLAIN = DenseSpec(units=(8,), optimizer=RMSpropSpec(learning_rate=0.01), epochs=6, batch_size=16)
OWN = [
    PLAIN,
    PLAIN.with_settings({"optimizer.learning_rate": 0.03, "l2": 0.2}),
    PLAIN.with_settings({"optimizer.learning_rate": 0.002, "epochs": 3}),
]


def stack_of(specs: list[NetworkSpec], spec: NetworkSpec | None = None) -> Stack:
    members = [Member(ROWS, seed=k, validation=HELD_OUT, spec=each) for k, each in enumerate(specs)]
    return Stack(spec or union_spec(specs), X, Y, problem_of("regression"), members)


def alone(spec: NetworkSpec, seed: int) -> Stack:
    stack = Stack(spec, X, Y, problem_of("regression"), [Member(ROWS, seed=seed, validation=HELD_OUT)])
    stack.fit(spec.epochs)
    return stack


def test_each_member_learns_as_it_would_alone() -> None:
    stack = stack_of(OWN)
    stack.fit(6)
    for k, spec in enumerate(OWN):
        [mine], [theirs] = [stack.predict([HELD_OUT] * 3)[k : k + 1], alone(spec, k).predict([HELD_OUT])]
        np.testing.assert_allclose(mine, theirs, atol=1e-5)


def test_a_member_that_has_had_its_epochs_stays_as_it_is() -> None:
    history = stack_of(OWN).fit(6)
    assert history.best_epoch.tolist() == [6, 6, 3]
    for curve in (history.loss, history.val_loss):
        assert (curve[2:, 2] == curve[2, 2]).all()
        assert len(set(curve[:, 0].tolist())) == 6


@pytest.mark.variants
def test_a_schedule_keeps_its_form_whatever_rate_it_begins_with() -> None:
    path = "optimizer.learning_rate.initial_learning_rate"
    base = PLAIN.model_copy(
        update={"optimizer": AdamSpec(learning_rate=CosineDecaySpec(initial_learning_rate=0.01, decay_steps=12))}
    )
    specs = [base, base.with_settings({path: 0.05})]
    stack = stack_of(specs)
    stack.fit(6)
    predictions = stack.predict([HELD_OUT] * 2)
    np.testing.assert_allclose(predictions[1], alone(specs[1], 1).predict([HELD_OUT])[0], atol=1e-5)


@pytest.mark.variants
def test_dropout_is_each_members_own() -> None:
    none, half = PLAIN, PLAIN.with_settings({"dropout": 0.5})
    stack = stack_of([none, half])
    stack.fit(6)
    without = stack_of([none, none])
    without.fit(6)
    (first, second), (other, same) = (each.predict([HELD_OUT] * 2) for each in (stack, without))
    np.testing.assert_allclose(first, other, atol=1e-6)
    assert np.abs(second - same).max() > 1e-3


def test_a_restarted_stack_learns_the_same_bits_again() -> None:
    stack = stack_of(OWN)
    first = stack.fit(6)
    stack.restart(OWN)
    again = stack.fit(6)
    np.testing.assert_array_equal(first.val_loss, again.val_loss)


@pytest.mark.variants
def test_a_restarted_stack_learns_with_its_new_settings() -> None:
    stack = stack_of([PLAIN, PLAIN, PLAIN], union_spec(OWN))
    stack.fit(6)
    stack.restart(OWN)
    restarted = stack.fit(6)
    np.testing.assert_array_equal(restarted.val_loss, stack_of(OWN).fit(6).val_loss)


def test_a_net_that_diverges_leaves_the_others_alone() -> None:
    wild = PLAIN.with_settings({"optimizer.learning_rate": 1e30})
    tame = stack_of([PLAIN, PLAIN]).fit(6)
    history = stack_of([PLAIN, wild]).fit(6, may_diverge=True)
    assert not np.isfinite(history.val_loss[-1, 1])
    np.testing.assert_allclose(history.val_loss[:, 0], tame.val_loss[:, 0], rtol=1e-5)
    with pytest.raises(TrainingDivergedError, match="epoch"):
        stack_of([PLAIN, wild]).fit(6)


def test_a_training_that_has_to_end_early_ends_between_two_calls() -> None:
    spec = PLAIN.with_settings({"epochs": 100})
    assert len(stack_of([spec]).fit(100, ends_at=0.0).loss) == 5  # a twentieth


def test_only_members_with_specs_of_their_own_can_begin_again() -> None:
    stack = Stack(PLAIN, X, Y, problem_of("regression"), [Member(ROWS, seed=0)])
    with pytest.raises(ValueError, match="of their own"):
        stack.restart([PLAIN])


@pytest.mark.variants
def test_members_learn_side_by_side_as_in_one_stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(JOBS, "2")
    for name, value in (("LARGE_STEP", 1), ("FEWEST_MEMBERS", 0), ("WORTH_COMPILING", 1)):
        monkeypatch.setattr(network_fits, name, value)
    members = [Member(ROWS, seed=k, validation=HELD_OUT, spec=each) for k, each in enumerate(OWN)]
    stacks = Stacks(union_spec(OWN), X, Y, problem_of("regression"), members)
    told: list[int] = []
    reached = stacks.fit(6, lambda done, total: told.append(done)).val_metric
    assert len(stacks._parts) > 1
    np.testing.assert_allclose(reached, stack_of(OWN).fit(6).val_metric, atol=1e-5)
    assert told[-1] == 6
    assert told == sorted(told)
    stacks.restart(OWN)
    np.testing.assert_array_equal(stacks.fit(6, lambda done, total: None).val_metric, reached)
