"""The flows as a worker executes them, and the form that Prefect makes of their parameters."""

from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.callables import get_call_parameters
from prefect.utilities.schema_tools.validation import validate

from flows import launch
from flows.experiment import Experiment, load
from flows.scheduling import deployment_flows
from flows.studies.book import Book
from flows.studies.claim import ClaimStudy
from tasks.specs import BakeoffError

NUMBERS = {"n_splits": 2, "n_repeats": 1, "epochs": 1, "seed": 0}  # and the least that each can be
SCHEMA = deployment_flows.experiment.parameters.model_dump(exclude_unset=True)


@pytest.fixture(autouse=True)
def _conf(repository: Path, tmp_path: Path, _working_directory: None) -> None:
    (tmp_path / "conf").symlink_to(repository / "conf")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Experiment, bool]]:
    """What was to be run, which is not run here."""
    asked: list[tuple[Experiment, bool]] = []
    monkeypatch.setattr(launch, "run_within", lambda experiment, fresh: asked.append((experiment, fresh)))
    return asked


def run(**parameters: Any) -> None:
    """Calls the flow's function with what Prefect's engine would make of these parameters of a flow run."""
    flow = deployment_flows.experiment
    flow.fn(**flow.validate_parameters(get_call_parameters(flow.fn, (), parameters)))


def faults(**parameters: Any) -> list[str]:
    """What Prefect's server says against these parameters of a flow run."""
    return [error.message for error in validate({"experiment": "boston"} | parameters, SCHEMA)]


def test_the_form_has_a_title_and_a_description_for_every_field_in_order() -> None:
    fields = SCHEMA["properties"]
    assert [*fields] == ["experiment", "n_splits", "n_repeats", "epochs", "seed", "settings", "fresh"]
    assert [field["position"] for field in fields.values()] == [*range(len(fields))]
    assert all(field["title"] != name and field["description"] for name, field in fields.items())
    assert SCHEMA["required"] == ["experiment"]
    for flow in (deployment_flows.book, deployment_flows.claim):
        assert all(field["description"] for field in flow.parameters.properties.values())
        assert not flow.parameters.required


@pytest.mark.parametrize(("name", "minimum"), NUMBERS.items())
def test_a_number_below_its_minimum_is_refused_in_plain_words(name: str, minimum: int) -> None:
    assert faults(**{name: minimum - 1}) == [f"{minimum - 1} is less than the minimum of {minimum}"]
    assert faults(**{name: minimum}) == []


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_may_be_left_empty(name: str) -> None:
    assert faults() == faults(**{name: None}) == []
    assert "default" not in SCHEMA["properties"][name]  # the page would send it, and null is no integer


@pytest.mark.parametrize("name", NUMBERS)
def test_the_page_is_given_the_minimum_where_it_does_not_drop_it(name: str) -> None:
    assert SCHEMA["properties"][name]["allOf"] == [{"minimum": NUMBERS[name]}]


def test_an_empty_form_runs_the_experiment_as_the_file_has_it(ran: list[tuple[Experiment, bool]]) -> None:
    run(experiment="boston")
    run(experiment="boston", n_splits=None, epochs=None, settings=[], fresh=False)
    assert ran == [(load("boston"), False)] * 2


def test_what_is_filled_in_is_laid_over_the_file(ran: list[tuple[Experiment, bool]]) -> None:
    run(experiment="boston", n_splits=3, n_repeats=2, seed=7, settings=["metric=rmse"], fresh=True)
    assert ran == [
        (
            load("boston", ["validation.n_splits=3", "validation.n_repeats=2", "validation.seed=7", "metric=rmse"]),
            True,
        )
    ]


def test_epochs_are_those_of_every_net_that_is_entered(ran: list[tuple[Experiment, bool]]) -> None:
    run(experiment="boston", epochs=3, settings=["contenders.dense_ensemble=null", "contenders.net={kind: dense}"])
    ((experiment, _),) = ran
    nets = {name: each.epochs for name, each in experiment.contenders.items() if each.family == "network"}
    assert nets == {"dense": 3, "net": 3}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"experiment": "bostn"}, "no experiment 'bostn' in conf/; did you mean boston?"),
        ({"experiment": "mnist", "n_repeats": 2}, "validation.n_repeats is a setting of other kinds than this one"),
        ({"experiment": "boston", "n_repeats": 0}, "validation.n_repeats is 0, but should be greater than or equal"),
        (
            {"experiment": "boston", "epochs": 3, "settings": ["contenders={floor: {kind: dummy}}"]},
            "boston enters no net, so there are no epochs to set",
        ),
    ],
)
def test_what_does_not_fit_the_experiment_is_an_error_that_says_so(
    parameters: dict[str, Any], said: str, ran: list[tuple[Experiment, bool]]
) -> None:
    with pytest.raises(BakeoffError) as refused:
        run(**parameters)
    assert said in str(refused.value)
    assert ran == []


def test_the_book_and_the_claim_hand_on_their_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Book | ClaimStudy] = []
    monkeypatch.setattr(deployment_flows, "run_within", asked.append)
    deployment_flows.book.fn(fresh=True)
    deployment_flows.claim.fn()
    deployment_flows.claim.fn(experiments=("wine",), fresh=True)
    assert asked == [Book(fresh=True), ClaimStudy([]), ClaimStudy([load("wine")], fresh=True)]
