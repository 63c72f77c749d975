"""From an experiment to its report: how a person's command, or a worker, has a flow run; and what `--tune` enters."""

import os
from typing import NoReturn

from flows.cache_keys import kept_report
from flows.experiment import Experiment, load, read
from flows.runtime import servers
from flows.runtime.context import ahead, reconcile, within_flow_run
from tasks import parallel
from tasks.models.search import TuningSpec
from tasks.reporting.report import Report
from tasks.specs import BakeoffError, Spec, seconds_of

SUFFIX = "_tuned"  # of the name of what `--tune` enters


class Outcome(Spec):
    """A report; whether it was kept from an earlier run, and how many earlier runs were found cut off."""

    report: Report
    kept: bool
    cut_off: int


def run(experiment: Experiment, fresh: bool = False) -> Outcome:
    """Run an experiment, or return the report of an earlier run that nothing has changed since.

    What an earlier run of the same experiment had finished when it was cut off is used again, unless `fresh`.

    Raises:
        BakeoffError: when something is for the user to mend.
    """
    with ahead() as orchestrated:
        cut_off = reconcile()
        kept = None if fresh else kept_report(experiment)
        if kept:
            return Outcome(report=kept, kept=True, cut_off=cut_off)
        parallel.begin()
        from flows.bakeoff import bakeoff

        check_settings(experiment)
        with orchestrated(fresh):
            kept = None if fresh else kept_report(experiment)  # another run may have made it meanwhile
            return Outcome(report=kept or bakeoff(experiment), kept=kept is not None, cut_off=cut_off)


def run_within(experiment: Experiment, fresh: bool) -> None:
    """As `run`, within the flow run that a worker has started: the steps become its own, and it shows the result.

    Raises:
        BakeoffError: when something is for the user to mend.
    """
    from flows.bakeoff import bakeoff
    from flows.prefect_artifacts import publish

    with within_flow_run(fresh):
        kept = None if fresh else kept_report(experiment)
        if kept:
            publish(kept)
        else:
            check_settings(experiment)
            bakeoff.fn(experiment)


def latest(experiment: str) -> Report:
    """Return the report of an experiment's latest finished run.

    Raises:
        BakeoffError: when there is none.
    """
    from tasks.tracking import runs

    is_file = experiment.endswith((".yaml", ".yml"))
    report = runs.find_report(read(experiment).name if is_file else experiment)
    return report or _refuse_to_show(experiment)


def check_anything_kept(experiment: str) -> None:
    """Check, before anything is made here, that there may have been runs.

    Raises:
        BakeoffError: when neither MLflow's database is there nor a server that has another.
    """
    from tasks.tracking.connection import DATABASE

    if not (DATABASE.exists() or servers.RECORD.exists() or os.environ.get("MLFLOW_TRACKING_URI")):
        _refuse_to_show(experiment)


def _refuse_to_show(experiment: str) -> NoReturn:
    load(experiment)  # says so, if there is no such experiment at all
    raise BakeoffError(f"{experiment} has no finished run yet; `bakeoff run {experiment}` makes one")


def check_settings(experiment: Experiment) -> None:
    """Find settings that an estimator does not know, entered or to be searched for, before anything is trained.

    Raises:
        BakeoffError: when there is one.
    """
    parallel.apart(_check_settings, experiment, data_bytes=0)


def _check_settings(experiment: Experiment) -> None:
    """Check them in whatever process, for it loads the libraries."""
    problem = experiment.dataset.problem
    for name, contender in experiment.contenders.items():
        try:
            contender.check_settings(problem)
        except BakeoffError as error:
            raise BakeoffError(f"contender {name}: {error}") from error


def with_tuned(experiment: Experiment, budget: str | None) -> Experiment:
    """The experiment, and beside each contender that has something to search for, the same with that budget.

    Raises:
        BakeoffError: when the budget cannot be read, or no contender has anything to search for.
    """
    if budget is None:
        return experiment
    tuning, task = read_budget(budget), experiment.dataset.problem.task
    tuned = {
        f"{name}{SUFFIX}": contender.model_copy(update={"tuning": tuning})
        for name, contender in experiment.contenders.items()
        if contender.tuning is None and contender.space(task)
    }
    if not tuned:
        raise BakeoffError(
            "--tune: no contender of this experiment has settings that are usually searched for; give one a `search`"
        )
    if taken := tuned.keys() & experiment.contenders:
        raise BakeoffError(f"--tune would enter {min(taken)}, and there is one of that name; rename it")
    entered = experiment.model_copy(update={"contenders": {**experiment.contenders, **tuned}})
    entered.check_contenders(experiment.dataset.problem)
    return entered


def read_budget(text: str) -> TuningSpec:
    """A budget such as 60s, 5m or 1h for all searches of a contender, or 50, the trials of each.

    Raises:
        BakeoffError: when it is neither.
    """
    seconds, trials = seconds_of(text, "hms"), int(text) if text.strip().isdecimal() else 0
    if not (seconds or trials):
        raise BakeoffError(
            f"--tune {text}: expected a time such as 60s, 5m or 1h, for each contender, or a number of settings to try"
        )
    return TuningSpec(seconds=seconds) if seconds else TuningSpec(trials=trials)
