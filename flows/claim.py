"""Chapter 1's claim, put to the test: gradient boosting for structured data, deep learning for perception."""

from collections.abc import Collection, Mapping, Sequence

from prefect import flow
from prefect.runtime import flow_run

from flows import steps
from flows.bakeoff import attempt_all
from flows.experiment import Experiment
from flows.kept import digest, fingerprint
from flows.published import flow_run_address
from tasks.data.published.keras_cache import state
from tasks.data.published.spec import PublishedSpec
from tasks.reports import claims
from tasks.reports.claims import Claim
from tasks.reports.report import Report
from tasks.specs import BakeoffError
from tasks.tracking import runs

NAME = "claim"
DESCRIPTION = (
    "Gradient boosting for structured data, deep learning for perception: the best of each, problem by problem."
)
OPTIONAL = "california_housing"  # takes part where its file is there; the others are fetched
EXPERIMENTS = ("boston", OPTIONAL, "breast_cancer", "wine", "diabetes", "mnist", "imdb", "reuters")


@flow(name=NAME, persist_result=False)
def claim(experiments: Sequence[Experiment], left_out: Mapping[str, str], fresh: bool) -> Claim:
    """Runs all experiments, or takes what was kept of them; one that fails does not stop the others."""
    entered = {experiment.name: experiment for experiment in experiments}
    settings = {"experiments": [*entered]}
    depends_on = digest([*experiments], __name__)
    with runs.tracked(NAME, DESCRIPTION, depends_on, flow_run.id, settings, flow_run_address()) as run:
        attempts = attempt_all("problems of the claim", entered, fresh)
        contests = [claims.contest(each.report) for each in attempts.values() if each.report]
        failed = {name: each.error for name, each in attempts.items() if each.error}
        found = claims.weigh(contests, failed, left_out)
        steps.log_claim(run, found)
    return found


def kept_claim(experiments: Sequence[Experiment], left_out: Mapping[str, str]) -> Claim | None:
    """What kept reports say; None if one of them has to be made."""
    kept: list[Report] = []
    for experiment in experiments:
        report = runs.find_report(experiment.name, fingerprint(experiment))
        if report is None:
            return None
        kept.append(report)
    found = claims.weigh([claims.contest(report) for report in kept], {}, left_out)
    return found.model_copy(update={"kept": True})


def enter(experiments: Sequence[Experiment], optional: Collection[str]) -> tuple[list[Experiment], dict[str, str]]:
    """Those that take part, and why the optional ones among the others do not: their files would have to be fetched.

    Raises:
        BakeoffError: when an experiment is named twice, enters no net or no gradient boosting, or names no difference
            that matters.
    """
    names = [experiment.name for experiment in experiments]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise BakeoffError(f"two experiments are called {repeated[0]}; each problem counts once")
    absent = [each for each in experiments if each.name in optional and _would_be_fetched(each)]
    entered = [each for each in experiments if each not in absent]
    for experiment in entered:
        families = [each.family for each in experiment.contenders.values()]
        claims.check_entered(experiment.name, families, experiment.equivalent_within)
    why = "its file is not in Keras's cache; `bakeoff data fetch {}` gets it"
    return entered, {each.name: why.format(each.dataset.kind) for each in absent}


def _would_be_fetched(experiment: Experiment) -> bool:
    return isinstance(experiment.dataset, PublishedSpec) and any(
        state(file) == "absent" for file in experiment.dataset.files
    )
