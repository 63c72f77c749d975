"""The union of all contenders."""

import subprocess
import sys
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from tasks.models.contenders import Baseline, Contender
from tasks.models.nets.network_spec import NetworkSpec
from tasks.specs import Family
from tests.learnable import SPECS

HEAVY = ("sklearn", "scipy", "xgboost", "lightgbm", "tensorflow", "keras", "skops", "joblib", "threadpoolctl")


def test_every_contender_is_found_by_its_kind() -> None:
    for spec in SPECS:
        assert TypeAdapter(Contender).validate_python({"kind": spec.kind}) == spec
    assert len({spec.kind for spec in SPECS}) == len(SPECS) == len(get_args(Baseline))
    assert isinstance(TypeAdapter(Contender).validate_python({"kind": "dense"}), NetworkSpec)


def test_a_contender_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValidationError, match="union_tag_invalid"):
        TypeAdapter(Contender).validate_python({"kind": "random_forrest"})


def test_four_are_boosting_one_is_the_floor_and_the_others_are_classic() -> None:
    families: dict[Family, set[str]] = {}
    for spec in SPECS:
        families.setdefault(spec.family, set()).add(spec.kind)
    assert families["boosting"] == {"gradient_boosting", "hist_gradient_boosting", "xgboost", "lightgbm"}
    assert families["floor"] == {"dummy"}
    assert set(families) == {"boosting", "classic", "floor"}


def test_naming_the_contenders_imports_none_of_their_libraries() -> None:
    code = f"import sys, tasks.models.contenders; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
