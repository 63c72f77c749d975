"""What may be searched for, and what is refused before anything is trained."""

import pytest
from pydantic import TypeAdapter, ValidationError

from flows.experiment import check
from flows.launch import check_settings
from tasks.metrics import Task
from tasks.models.baselines.boosting import HistGradientBoostingSpec, LightGBMSpec, XGBoostSpec
from tasks.models.baselines.classic import ExtraTreesSpec, KNeighborsSpec, LinearSvmSpec, RandomForestSpec, RbfSvmSpec
from tasks.models.contenders import Contender
from tasks.models.nets.networks import ConvSpec, DenseSpec
from tasks.models.nets.optimizers import AdamSpec, CosineDecaySpec
from tasks.models.search import Choice, Range, TuningSpec
from tasks.specs import BakeoffError
from tests.builders import problem_of
from tests.learnable import FITTING

TUNED: list[Contender] = [
    DenseSpec(), HistGradientBoostingSpec(), LightGBMSpec(), XGBoostSpec(), LinearSvmSpec(), RbfSvmSpec(),
    RandomForestSpec(), ExtraTreesSpec(),
]  # fmt: skip


@pytest.mark.parametrize("task", ["regression", "binary"])
@pytest.mark.parametrize("spec", TUNED, ids=lambda spec: spec.kind)
def test_each_end_of_a_usual_space_is_a_setting_that_the_library_knows(spec: Contender, task: Task) -> None:
    problem = problem_of(task)
    spec.model_copy(update={"tuning": TuningSpec(trials=1)}).check(problem, FITTING[task])
    if not isinstance(spec, DenseSpec):
        for end in ("low", "high"):
            ends = {path: getattr(each, end) for path, each in spec.space(task).items()}
            spec.with_settings(ends).estimator(problem, seed=0)


def test_settings_are_laid_over_by_their_path_and_leave_nothing_to_search_for() -> None:
    spec = LightGBMSpec(params={"num_leaves": 7, "max_bin": 63}, tuning=TuningSpec(trials=5))
    assert spec.with_settings({"params.num_leaves": 9}) == LightGBMSpec(params={"num_leaves": 9, "max_bin": 63})


def test_a_search_of_ones_own_takes_the_place_of_the_usual() -> None:
    own = {"params.n_neighbors": Range(low=1, high=9)}
    assert KNeighborsSpec(search=own).space("binary") == own
    assert LightGBMSpec(search=own).space("binary") == own


def test_the_rate_of_a_schedule_is_searched_for_where_it_begins() -> None:
    schedule = CosineDecaySpec(initial_learning_rate=0.01, decay_steps=10)
    space = DenseSpec(optimizer=AdamSpec(learning_rate=schedule)).space("binary")
    assert space["optimizer.learning_rate.initial_learning_rate"] == Range(low=0.001, high=0.1, log=True)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (KNeighborsSpec(tuning=TuningSpec(trials=3)), "say what to try in `search`"),
        (ConvSpec(tuning=TuningSpec(trials=3)), "say what to try in `search`"),
        (DenseSpec(search={"units": Choice(choices=("a", "b"))}), "units"),
        (DenseSpec(search={"batch_size": Range(low=8, high=64)}), "batch_size cannot be searched for"),
        (DenseSpec(search={"dropout": Range(low=0.0, high=2.0)}), "less than 1"),
        (DenseSpec(search={"dropout": Choice(choices=(0.0, 1.5, 0.5))}), "less than 1"),
        (LightGBMSpec(search={"parms.num_leaves": Range(low=2, high=9)}), "parms"),
        (LightGBMSpec(search={"kind.x": Range(low=2, high=9)}), "is a value"),
    ],
    ids=["no-space", "no-space-of-a-net", "architecture", "batch-size", "beyond", "choice", "misspelt", "no-group"],
)
def test_what_cannot_be_searched_for_is_refused(spec: Contender, said: str) -> None:
    with pytest.raises(BakeoffError, match=said):
        spec.check(problem_of("binary", "pixels", (28, 28)), "accuracy")


def test_a_misspelt_setting_of_a_library_is_refused_before_anything_is_trained() -> None:
    contenders = {
        "trees": {"kind": "hist_gradient_boosting", "search": {"params.max_dept": {"low": 2, "high": 8}}},
        "floor": {"kind": "dummy"},
    }
    judged = {"metric": "mae", "equivalent_within": 0.1}
    entered = check({"name": "a", "dataset": {"kind": "boston"}, **judged, "contenders": contenders}, "test")
    with pytest.raises(BakeoffError, match=r"contender trees: .*max_dept"):
        check_settings(entered)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"low": 3, "high": 3}, "below high"),
        ({"low": 0.0, "high": 1.0, "log": True}, "no logarithm"),
        ({"choices": [1]}, "at least 2"),
    ],
)
def test_a_range_that_holds_nothing_is_refused(content: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(Range | Choice).validate_python(content)


@pytest.mark.parametrize("content", [{}, {"seconds": 60, "trials": 5}])
def test_a_budget_is_one_of_seconds_and_trials(content: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="one of seconds and trials"):
        TuningSpec.model_validate(content)
