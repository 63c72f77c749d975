"""Stacked nets and ordinary ones, from one description."""

import keras
import numpy as np
import pytest

from tasks.data.encoding import Normalization
from tasks.models.nets.layers import Inputs
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.stacking import build_stack
from tasks.models.nets.table_inputs import MemberNormalization

SPECS = [
    DenseSpec(units=(6, 4)),
    DenseSpec(units=(6,), batch_normalization=True, dropout=0.5, activation="tanh"),
    DenseSpec(units=()),
]


def normalization(seed: int, unit: float = 1) -> Normalization:
    rng = np.random.default_rng(seed)
    mean, scale = rng.normal(size=3) * unit, rng.uniform(1, 2, size=3) * unit
    return Normalization(mean.astype(np.float32), scale.astype(np.float32))


@pytest.mark.parametrize("spec", SPECS, ids=["plain", "normalized", "linear"])
@pytest.mark.parametrize("unit", [1, 1e-9, 1e20])
def test_every_member_computes_what_its_ordinary_net_computes(spec: DenseSpec, unit: float) -> None:
    normalizations = [normalization(seed, unit) for seed in range(3)]
    stack = build_stack(spec, (2, "softmax"), Inputs(3), [5, 6, 7], [MemberNormalization(normalizations)])
    x = (unit * np.random.default_rng(9).normal(size=(11, 3, 3))).astype(np.float32)  # rows, members, features
    together = np.asarray(stack(x, np.ones((11, 3), np.float32)))
    for k in range(3):
        single = stack.unstack(k)
        np.testing.assert_allclose(together[:, k], np.asarray(single(x[:, k])), atol=1e-6)


def test_initial_weights_depend_on_the_members_own_seed_alone() -> None:
    seeds = [11, 12, 11]
    stack = build_stack(SPECS[0], (1, "linear"), Inputs(3), seeds)
    alone = build_stack(SPECS[0], (1, "linear"), Inputs(3), [11])
    for together, single in zip(stack.kernels, alone.kernels, strict=True):
        np.testing.assert_array_equal(together[0], together[2])
        np.testing.assert_array_equal(together[0], single[0])
        assert not np.array_equal(together[0], together[1])


def test_initial_kernels_keep_to_glorots_bound_of_one_member() -> None:
    (first, *_) = build_stack(DenseSpec(units=(200,)), (1, "linear"), Inputs(3), [1, 2]).kernels
    bound = np.sqrt(6 / (3 + 200))
    assert 0.9 * bound < np.abs(first.numpy()).max() <= bound


def test_an_ordinary_net_normalizes_raw_features_first_and_is_saved_without_our_code() -> None:
    own = normalization(0)
    single = build_stack(SPECS[0], (1, "linear"), Inputs(3), [5], [MemberNormalization([own])]).unstack(0)
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_array_equal(single.layers[0](x), (x - own.mean) / own.scale)
    assert all(type(layer).__module__.startswith("keras.") for layer in [*single.layers, *single.layers[0].layers])
    single.save("net.keras")
    np.testing.assert_array_equal(keras.models.load_model("net.keras")(x), single(x))
