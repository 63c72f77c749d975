"""The flow's own parts; whole runs are in test_launch.py."""

from pathlib import Path

import pytest

from flows.bakeoff import _timed, bakeoff
from flows.cache_keys import fingerprint
from flows.experiment import check, load
from tests.conftest import ROOT

BOSTON = str(ROOT / "conf" / "boston.yaml")


def test_the_fingerprint_is_that_of_the_settings() -> None:
    assert fingerprint(load(BOSTON)) == fingerprint(load(BOSTON, ["validation.n_splits=4"]))
    assert fingerprint(load(BOSTON)) != fingerprint(load(BOSTON, ["validation.seed=1"]))


def test_the_fingerprint_changes_with_the_users_file(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    own = {"kind": "table", "path": str(file), "target": "y", "task": "regression", "columns": {"x": "number"}}
    contenders = {"dummy": {"kind": "dummy"}}
    experiment = check(
        {"name": "own", "dataset": own, "metric": "mae", "equivalent_within": 0, "contenders": contenders}, "own.yaml"
    )
    seen = set()
    for content in ("x,y\n1,2\n", "x,y\n1,23\n"):
        file.write_text(content)
        seen |= {fingerprint(experiment), fingerprint(experiment)}
    assert len(seen) == 2


def test_the_flow_says_what_it_takes() -> None:
    assert bakeoff.name == "bakeoff"
    assert list(bakeoff.parameters.properties) == ["experiment"]


def test_the_seconds_of_a_stage_are_noted_only_when_it_is_done() -> None:
    seconds: dict[str, float] = {}
    with _timed("done", seconds):
        pass
    with pytest.raises(ValueError, match="broken"), _timed("broken", seconds):
        raise ValueError("broken")
    assert list(seconds) == ["done"]
    assert seconds["done"] >= 0
