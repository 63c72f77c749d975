"""`bakeoff claim`: chapter 1's claim, gradient boosting for structured data and deep learning for perception."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import AsJson, Debug, Fresh, Jobs, errors
from flows.studies.study import Entered, Study, Write, show

if TYPE_CHECKING:
    from flows.experiment import Experiment
    from tasks.reporting.claim_presentation import Claim
    from tasks.reporting.wording import Presentation

DESCRIPTION = (
    "Gradient boosting for structured data, deep learning for perception: the best of each, problem by problem."
)
OPTIONAL = "california_housing"  # takes part where its file is there; the others are fetched
EXPERIMENTS = ("boston", OPTIONAL, "breast_cancer", "wine", "diabetes", "mnist", "imdb", "reuters")


def claim(
    experiments: Annotated[
        list[str] | None, typer.Argument(metavar="NAME|PATH.yaml", help="Other experiments than the usual ones.")
    ] = None,
    write: Write = None,
    as_json: AsJson = False,
    fresh: Fresh = False,
    _jobs: Jobs = None,
    debug: Debug = False,
) -> None:
    """Put chapter 1's claim to the test: gradient boosting for tables, deep learning for perception.

    It takes the tables boston, breast_cancer, wine, diabetes (and california_housing, where its file is there), and
    mnist, imdb and reuters for perception. What was kept of earlier runs is used. The exit code is 1 if one failed.
    """
    with errors(debug):
        from flows.experiment import load

        found = show(ClaimStudy([load(name) for name in experiments or []], fresh), as_json, debug, write)
    if found.failed:
        raise typer.Exit(1)


@dataclass(frozen=True)
class ClaimStudy(Study["Claim"]):
    """Chapter 1's claim, put to the test on these experiments, or on the usual ones if there are none."""

    named: "Sequence[Experiment]"
    fresh: bool = False
    name = document = "claim"
    kind = "experiment"
    of_several = True

    def enter(self) -> Entered:
        """Return the experiments, checked, and why others do not take part."""
        from flows.experiment import load
        from flows.launch import check_settings

        usual = [] if self.named else [load(name) for name in EXPERIMENTS]
        experiments, left_out = take_part(self.named or usual, () if self.named else (OPTIONAL,))
        for experiment in experiments:
            check_settings(experiment)
        settings = {"experiments": [experiment.name for experiment in experiments]}
        return Entered({"experiments": experiments, "left_out": left_out, "fresh": self.fresh}, settings, DESCRIPTION)

    def kept(self, given: Mapping[str, Any]) -> "Claim | None":
        """Return what kept reports say; none if one of them has to be made."""
        from flows.cache_keys import fingerprint
        from tasks.reporting import claim_presentation
        from tasks.tracking import runs

        contests = []
        for experiment in given["experiments"]:
            report = runs.find_report(experiment.name, fingerprint(experiment))
            if report is None:
                return None
            contests.append(claim_presentation.contest(report))
        return claim_presentation.weigh(contests, {}, given["left_out"]).model_copy(update={"kept": True})

    def compute(self, experiments: "Sequence[Experiment]", left_out: Mapping[str, str], fresh: bool) -> "Claim":
        """Run all experiments, or take what was kept of them; one that fails does not stop the others."""
        from flows.bakeoff import attempt_all
        from tasks.reporting import claim_presentation

        entered = {experiment.name: experiment for experiment in experiments}
        attempts = attempt_all("problems of the claim", entered, fresh)
        contests = [claim_presentation.contest(attempt.report) for attempt in attempts.values() if attempt.report]
        failed = {name: attempt.error for name, attempt in attempts.items() if attempt.error}
        return claim_presentation.weigh(contests, failed, left_out)

    def tell(self, found: "Claim") -> "Presentation":
        """Return what there is to tell of the claim."""
        from tasks.reporting.claim_presentation import tell_claim

        return tell_claim(found)


def take_part(
    experiments: "Sequence[Experiment]", optional: Collection[str]
) -> "tuple[list[Experiment], dict[str, str]]":
    """Return those that take part, and why the optional ones among the others do not: they would have to be fetched.

    Raises:
        BakeoffError: when an experiment is named twice, enters no net or no gradient boosting, or names no difference
            that matters.
    """
    from tasks.reporting.claim_presentation import check_entered
    from tasks.specs import BakeoffError

    names = [experiment.name for experiment in experiments]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise BakeoffError(f"two experiments are called {repeated[0]}; each problem counts once")
    absent = [each for each in experiments if each.name in optional and _would_be_fetched(each)]
    entered = [each for each in experiments if each not in absent]
    for experiment in entered:
        families = [contender.family for contender in experiment.contenders.values()]
        check_entered(experiment.name, families, experiment.equivalent_within)
    why = "its file is not in Keras's cache; `bakeoff data fetch {}` gets it"
    return entered, {each.name: why.format(each.dataset.kind) for each in absent}


def _would_be_fetched(experiment: "Experiment") -> bool:
    from tasks.data.builtin.builtin_spec import PublishedSpec, state

    return isinstance(experiment.dataset, PublishedSpec) and any(
        state(file) == "absent" for file in experiment.dataset.files
    )
