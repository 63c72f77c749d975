"""The part of the flow that registers a run's best contender and has it challenge the champion that stands.

The champion's method is taken through this run's folds of this run's data by the same steps as a contender; where
nothing has changed since, the answers are those that were kept. It may take long, so other runs are kept out only while
one looks whether the champion is still the one that it challenged, and moves the alias. If it is another by then, it is
challenged anew.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitUpdate
from prefect.concurrency.sync import concurrency
from prefect.exceptions import ObjectAlreadyExists

from flows import steps
from flows.cache_keys import digest
from flows.experiment import Experiment
from tasks import progress
from tasks.data.examples import StoredData
from tasks.data.folds.splitting import Folds, HoldOutSpec
from tasks.data.vectorization import DesignMatrix
from tasks.evaluation.cross_validation import Evaluation, FinalScore, Result
from tasks.printable import in_markdown
from tasks.reporting.report import LeaderboardEntry, Promotion
from tasks.reporting.wording import TITLES, say, say_promotion, with_unit
from tasks.specs import BakeoffError
from tasks.tracking.registry import Candidate, Version
from tasks.tracking.runs import ContenderRun
from tasks.verdict.comparison import Rules, Verdict

# A run is alone for some seconds: it writes to MLflow, and trains nothing. One that has been alone for so long is dead,
# and with Prefect's server, which keeps leases in memory, the knowledge of it may have died too.
PATIENCE_SECONDS = 600
LEASE_SECONDS = 60  # the shortest that Prefect grants
METHODS = ("tasks.evaluation.cross_validation",)  # the code that a version is the outcome of, beside its contender's


@dataclass(frozen=True)
class Found:
    """What a run found: its contenders' results, the best of them, and that one's run in MLflow."""

    examples: StoredData
    arrays: DesignMatrix
    folds: Folds
    rules: Rules
    results: Sequence[Result]
    best: LeaderboardEntry
    run: ContenderRun


@dataclass(frozen=True)
class Ruling:
    """Whether the best contender is to be champion, and why; not `judged` where the two cannot be compared."""

    wins: bool
    why: str
    judged: bool = True


def promote(experiment: Experiment, found: Found) -> Promotion:
    """Register the best contender, and make it champion if none stands or the verdict on it says better."""
    candidate = _candidate(experiment, found)
    while True:
        champion = steps.find_champion(experiment.name)
        ruling = _challenge(experiment, found, candidate, champion)
        with _alone(experiment.name):
            if steps.find_champion(experiment.name) == champion:
                promotion = _promotion(experiment.name, steps.register(candidate), champion, ruling)
                steps.update_champion_alias(promotion, datetime.now(UTC).isoformat(timespec="seconds"))
                return promotion


def _candidate(experiment: Experiment, found: Found) -> Candidate:
    best, examples, rules = found.best, found.examples, found.rules
    contender = experiment.contenders[best.name]
    return Candidate(
        model=experiment.name,
        name=best.name,
        contender=contender,
        identity=digest([contender, examples.digest, found.folds, rules.metric], *METHODS),
        data_digest=examples.digest,
        folds_digest=found.folds.file.digest,
        metric=rules.metric,
        score=best.mean,
        summary=(
            f"**{best.name}**, the best of {len(found.results)}: {TITLES[rules.metric]} {best.mean:.4g}"
            f"{in_markdown(with_unit(rules.metric, rules.unit))}, {rules.validation.label} of"
            f" {examples.training_rows} rows"
        ),
        run=found.run,
    )


def _challenge(experiment: Experiment, found: Found, candidate: Candidate, champion: Version | None) -> Ruling:
    """Return what comes of it if the best contender challenges the champion."""
    if champion is None:
        return Ruling(True, "None stood.")
    if champion.identity == candidate.identity:
        return Ruling(False, "Nothing that counts has changed since it was registered.")
    try:
        verdict = _verdict(experiment, found, candidate, champion)
    except BakeoffError as error:
        return Ruling(False, str(error), judged=False)
    return Ruling(verdict.decision == "first", say(verdict, found.rules))


def _promotion(model: str, version: int, champion: Version | None, ruling: Ruling) -> Promotion:
    """Return what becomes of the alias."""
    before = champion.number if champion else None
    by_hand = "" if ruling.judged else f"; `bakeoff promote {model} --version {version}` moves it by hand."
    return Promotion(
        model=model,
        version=version,
        champion_before=before,
        champion_after=version if before is None or ruling.wins else before,
        moved=ruling.wins,
        sentence=say_promotion(model, version, before, ruling.wins, ruling.why + by_hand),
    )


def _verdict(experiment: Experiment, found: Found, candidate: Candidate, champion: Version) -> Verdict:
    """Return the verdict on the best contender, first, against the champion, second.

    Raises:
        BakeoffError: when they cannot be compared.
    """
    if champion.contender == candidate.contender:
        raise BakeoffError(f"{champion.label} is the same method, on other data, folds or code")
    if champion.metric != candidate.metric:
        raise BakeoffError(
            f"{champion.label} was chosen by {champion.metric}, and this run's metric is {candidate.metric}"
        )
    evaluation, tests = _results_of(champion, experiment, found)
    verdict = steps.challenge(candidate.name, found.results, evaluation, tests, found.arrays, found.rules)
    return verdict.model_copy(update={"first": f"this run's {candidate.name}", "second": champion.label})


def _results_of(champion: Version, experiment: Experiment, found: Found) -> tuple[Evaluation, list[FinalScore]]:
    """The champion's method on this run's folds and, with a hold-out, on the test rows."""
    for result in found.results:
        if result.evaluation.contender == champion.contender:
            return result.evaluation, [result.test]
    arrays, rules = found.arrays, found.rules
    try:
        champion.contender.check(experiment.dataset.problem, rules.metric)
        with progress.labelled("the champion"):
            evaluation = steps.tune_and_evaluate(champion.name, champion.contender, arrays, found.folds, rules.metric)
            if isinstance(rules.validation, HoldOutSpec):
                return evaluation, [steps.finish(evaluation, arrays, rules).test]
            return evaluation, []
    except BakeoffError as error:
        raise BakeoffError(f"{champion.label} does not fit this run's data ({error})") from error


@contextmanager
def _alone(model: str) -> Iterator[None]:
    """Wait until no other run that this Prefect server knows is at work on the same registered model."""
    limit = f"promotion of {model}"
    with get_client(sync_client=True) as client, ExitStack() as stack:
        with suppress(ObjectAlreadyExists):  # another run has just made it
            client.upsert_global_concurrency_limit_by_name(limit, limit=1)
        try:
            stack.enter_context(_slot(limit, PATIENCE_SECONDS))
        except TimeoutError:
            get_run_logger().warning("the run that held %r for %s s must be dead; going on", limit, PATIENCE_SECONDS)
            client.update_global_concurrency_limit(limit, GlobalConcurrencyLimitUpdate(active_slots=0))
            stack.enter_context(_slot(limit, None))
        yield


def _slot(limit: str, patience: float | None) -> AbstractContextManager[None]:
    """The one slot of a limit; a server that goes away meanwhile must not stop what is half done."""
    return concurrency(
        limit,
        timeout_seconds=patience,
        lease_duration=LEASE_SECONDS,
        strict=True,
        raise_on_lease_renewal_failure=False,
    )
