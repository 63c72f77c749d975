"""XLA's compiled programs on disk."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.models.nets import program_cache
from tasks.models.nets.program_cache import DIRECTORY, FLAGS, keep

CACHED = Path("mlruns/cache/programs")
TRAINED = """
import numpy as np
from tasks.data.examples import Problem
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.training import Member, Stack
X = np.random.default_rng(0).normal(size=(20, 3))
rows = np.arange(20)
problem = Problem(task="regression", form="table", shape=(3,))
stack = Stack(DenseSpec(units=(4,)), X, X[:, 0], problem, [Member(rows, 1)])
stack.fit(2)
print(stack.predict([rows])[0].sum().hex())
"""


def trained() -> tuple[str, str]:
    """What a process that trains a net predicts, and what TensorFlow says of programs."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "0"}
    environment.pop(FLAGS, None)
    done = subprocess.run([sys.executable, "-c", TRAINED], env=environment, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def kept() -> list[Path]:
    return sorted(CACHED.glob("*/*.pb.*"))


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:1000])


def tampered_with(file: Path) -> None:
    content = bytearray(file.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 300):
        content[place] ^= 0xFF
    file.write_bytes(content)


def of_another_program(file: Path) -> None:
    file.write_bytes(b"not XLA's" * 1000)


def under_another_name(file: Path) -> None:
    file.replace(file.with_name(file.name.replace("__", "__9", 1)))


@pytest.mark.servers
def test_a_program_is_compiled_once_and_one_that_was_damaged_is_compiled_anew_with_the_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("with a space").mkdir()
    monkeypatch.chdir("with a space")
    predicted, _ = trained()
    programs = [(file.name, file.read_bytes()) for file in kept()]
    assert programs
    damages: list[Callable[[Path], None]] = [cut_off, tampered_with, of_another_program, under_another_name]
    for file, damage in zip(kept() * 4, damages, strict=False):
        damage(file)
    again, _ = trained()
    assert again == predicted
    assert {name.rpartition(".")[0] for name, _ in programs} == {file.stem for file in kept()}
    unchanged = {file: file.stat().st_mtime_ns for file in kept()}
    assert trained()[0] == predicted
    assert {file: file.stat().st_mtime_ns for file in kept()} == unchanged
    assert [*CACHED.glob("*/process-*")] == []


def test_what_is_kept_is_bounded_over_all_versions_and_the_oldest_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_cache, "LIMIT_BYTES", 2500)
    for number in range(4):
        own = tmp_path / f"version-{number % 2}" / f"process-{number}"
        own.mkdir(parents=True)
        (own / f"{number}.pb").write_bytes(b"x" * 1000)
        keep(own)
        for file in own.parent.glob(f"{number}.pb.*"):
            os.utime(file, (number, number))
    assert sorted(file.name[:4] for file in tmp_path.glob("*/*")) == ["2.pb", "3.pb"]


def test_the_folder_of_a_killed_process_is_removed_and_that_of_a_living_one_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(program_cache, "_owned", [])
    monkeypatch.setattr(program_cache, "FOLDER", Path("programs"))
    machine = Path("programs") / program_cache._machine()
    dead, alive = machine / "process-4194305", machine / f"process-{os.getppid()}"
    for folder in (dead, alive):
        folder.mkdir(parents=True)
    monkeypatch.setenv(FLAGS, "")
    program_cache.use.__wrapped__()
    assert not dead.exists()
    assert alive.exists()


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("", " {own}"),
        ("--tf_xla_auto_jit=0", "--tf_xla_auto_jit=0 {own}"),
        (f"{DIRECTORY}=/of/mine", f"{DIRECTORY}=/of/mine"),
    ],
)
def test_flags_of_the_users_stay_and_those_of_a_parent_process_do_not(
    given: str, used: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_cache, "_owned", [])
    monkeypatch.setattr(program_cache, "FOLDER", Path("programs"))
    parents = f" {DIRECTORY}='/elsewhere/programs/ab/process-1' {program_cache.DEVICES}=CPU"
    monkeypatch.setenv(FLAGS, given + parents)
    program_cache.use.__wrapped__()
    own = Path("programs").resolve() / program_cache._machine() / f"process-{os.getpid()}"
    assert os.environ[FLAGS] == used.format(own=f"{DIRECTORY}='{own}' {program_cache.DEVICES}=CPU")


def test_of_what_is_kept_only_what_is_as_it_was_is_used(tmp_path: Path) -> None:
    kept_here = tmp_path / "version"
    own = kept_here / "process-1"
    own.mkdir(parents=True)
    for name in ("cut_off.pb", "of_another.pb", "whole.pb"):
        (own / name).write_bytes(name.encode() * 500)
    keep(own)
    cut_off(next(kept_here.glob("cut_off.pb.*")))
    of_another_program(next(kept_here.glob("of_another.pb.*")))
    assert program_cache._intact(kept_here) == {"whole.pb": b"whole.pb" * 500}
    assert [file.stem for file in kept_here.glob("*.pb.*")] == ["whole.pb"]
