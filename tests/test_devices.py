"""Where there is a GPU, nets are trained on it; no test runs on one, so what is chosen is tested by a made list."""

import os

import numpy as np
import pytest
import tensorflow as tf

from tasks.models.nets import devices, network_fits
from tasks.models.nets.network_fits import Stacks
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.training import Member
from tests.builders import made_arrays


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What TensorFlow is told, of a machine with one GPU."""
    said: list[str] = []
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=x")
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0"])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, grows: said.append(f"{gpu} {grows}"))
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: said.append("deterministic"))
    return said


def test_a_gpu_gives_the_same_bits_twice_and_takes_memory_as_it_is_needed(told: list[str]) -> None:
    assert devices.prepare_gpus()
    assert told == ["GPU:0 True", "deterministic"]
    assert os.environ["XLA_FLAGS"] == f"--xla_dump_to=x {devices.DETERMINISTIC}"


def test_without_a_gpu_nothing_is_told(told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert not devices.prepare_gpus()
    assert told == []
    assert os.environ["XLA_FLAGS"] == "--xla_dump_to=x"


@pytest.mark.parametrize(("on_gpu", "count"), [(False, 4), (True, 1)])
def test_a_gpu_has_one_stack_and_cores_have_several(on_gpu: bool, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_fits, "ON_GPU", on_gpu)
    monkeypatch.setattr(network_fits, "LARGE_STEP", 512)
    monkeypatch.setattr(network_fits, "WORTH_COMPILING", 1)
    arrays = made_arrays("regression")
    X, y = arrays.training()
    members = [Member(np.arange(len(y)), seed) for seed in range(16)]
    stacks = Stacks(DenseSpec(units=(8,), batch_size=4, n_members=2), X, y, arrays, members)
    assert [part.stop - part.start for part in stacks._parts] == [16 // count] * count


def test_stacks_train_and_predict_what_one_stack_does(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays, spec = made_arrays("regression"), DenseSpec(units=(8,), dropout=0.2, batch_size=4)
    X, y = arrays.training()
    members = [Member(np.arange(seed, len(y)), seed) for seed in range(8)]
    found = []
    for large in (10**9, 512):
        monkeypatch.setattr(network_fits, "LARGE_STEP", large)
        monkeypatch.setattr(network_fits, "WORTH_COMPILING", 1)
        stacks = Stacks(spec, X, y, arrays, members)
        history = stacks.fit(3, lambda done, total: None)
        found.append((len(stacks._parts), history.loss, np.stack(stacks.predict([np.arange(9)] * 8))))
    (one, loss, predictions), (several, own_loss, own_predictions) = found
    assert one == 1 < several
    np.testing.assert_allclose(own_loss, loss, rtol=1e-4)
    np.testing.assert_allclose(own_predictions, predictions, rtol=1e-4)
