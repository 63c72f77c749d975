import pytest
from pydantic import ValidationError

from tasks.data.folds.splitting import KFoldSpec
from tasks.models.nets.network_spec import EarlyStoppingSpec
from tasks.specs import BakeoffError, did_you_mean


def test_a_spec_cannot_be_changed() -> None:
    spec = KFoldSpec()
    with pytest.raises(ValidationError, match="frozen"):
        spec.n_splits = 5
    assert spec.n_splits == 4


def test_a_spec_refuses_a_field_it_does_not_know() -> None:
    with pytest.raises(ValidationError, match="n_folds"):
        KFoldSpec(n_folds=5)  # type: ignore[call-arg]


def test_specs_of_the_same_content_are_equal_and_of_different_kinds_are_not() -> None:
    assert KFoldSpec(n_splits=5) == KFoldSpec(n_splits=5)
    assert KFoldSpec(n_splits=5) != KFoldSpec(n_splits=6)
    assert KFoldSpec() != EarlyStoppingSpec()


def test_a_spec_survives_json() -> None:
    spec = KFoldSpec(n_splits=7, n_repeats=3, seed=2**32 - 1)
    assert KFoldSpec.model_validate_json(spec.model_dump_json()) == spec


def test_pydantic_does_not_swallow_an_error_that_is_the_users_to_mend() -> None:
    assert not issubclass(BakeoffError, ValueError)


def test_a_hint_names_the_nearest_known_name_or_says_nothing() -> None:
    assert did_you_mean("epoch", ["epochs", "units"]) == "; did you mean epochs?"
    assert did_you_mean("xyz", ["epochs", "units"]) == ""
