"""The flow of a leak audit: ingest, vectorize, split, evaluate honestly and with each leak, compare, log."""

import time

from prefect import flow
from prefect.runtime import flow_run

from flows import steps
from flows.experiment import Experiment
from flows.kept import digest
from flows.published import flow_run_address, progress_shown
from tasks.leak_audit import Audit, Choice, entered_honestly, folds_for, suspects, without_impossible
from tasks.metrics import METRICS
from tasks.reports.report import Report
from tasks.tracking import runs, studies

KIND = "audit"


@flow(name=KIND, flow_run_name="audit of {experiment.name}", persist_result=False)
def audit(experiment: Experiment, choice: Choice | None) -> Audit:
    """Fits the experiment's contenders as they are and with each leak, and says what the leaks do to their scores."""
    started = time.perf_counter()
    metric, validation = experiment.metric, folds_for(experiment.validation)
    settings = {"contenders": [*experiment.contenders], "validation": validation.model_dump()}
    digest, address = fingerprint(experiment, choice), flow_run_address()
    with (
        progress_shown(),
        runs.tracked(experiment.name, "", digest, flow_run.id, settings, address, kind=KIND) as run,
    ):
        examples = steps.ingest(experiment.dataset)
        arrays = steps.with_all_words(examples, steps.vectorize(examples))
        folds = steps.split(arrays, validation)
        suspected, remarks = without_impossible(suspects(experiment.contenders, arrays), arrays, folds)
        honest = [steps.evaluate(each.name, *entered_honestly(each, arrays, folds), metric) for each in suspected]
        leaky = [steps.evaluate_leaky(each, arrays, folds, metric) for each in suspected]
        found = Audit(
            experiment=experiment.name,
            metric=metric,
            unit=examples.unit,
            greater_is_better=METRICS[metric].greater_is_better,
            validation=validation,
            findings=steps.weigh_leaks(suspected, honest, leaky, arrays, validation, metric),
            choice=choice if choice and choice.data == examples.digest else None,
            remarks=remarks,
            seconds=round(time.perf_counter() - started, 1),
            mlflow_run_id=run.run_id,
        )
        steps.log_audit(run, found)
    return found


def choice_of(report: Report | None, experiment: Experiment) -> Choice | None:
    """What the choice of the best contender added to its score, as a report has it that is of this very experiment.

    Whether it is of the same data shows when they have been read.
    """
    if report is None or len(report.contenders) < 2:
        return None
    if (report.metric, report.validation) != (experiment.metric, experiment.validation):
        return None
    if any(entry.name not in experiment.contenders for entry in report.contenders):  # a run with `--tune`, say
        return None
    best = report.contenders[0]
    return Choice(
        name=best.name,
        n_contenders=len(report.contenders),
        mean=best.mean,
        corrected=report.champion.corrected,
        data=report.dataset.digest,
    )


def kept_audit(experiment: Experiment, choice: Choice | None) -> Audit | None:
    """The audit of an earlier run that nothing has changed since, if there is one."""
    kept = studies.find_study(experiment.name, KIND, fingerprint(experiment, choice), Audit)
    return kept.model_copy(update={"kept": True}) if kept else None


def fingerprint(experiment: Experiment, choice: Choice | None) -> str:
    """A digest of all that an audit depends on."""
    return digest([experiment, experiment.dataset.stamp, choice], __name__)
