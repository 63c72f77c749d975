"""The flow: what an experiment's contenders rest on, asked of the models that its run has kept."""

from collections.abc import Sequence

from prefect import flow
from prefect.runtime import flow_run

from flows import steps
from flows.experiment import Experiment
from flows.kept import fingerprint, kept_report
from flows.published import flow_run_address, progress_shown
from tasks.importance.explanation import Explanation
from tasks.reports.report import Report, best_of
from tasks.specs import BakeoffError, Family, did_you_mean
from tasks.tracking import runs


@flow(name="explain", flow_run_name="{experiment.name}: what it rests on", persist_result=False)
def explain(experiment: Experiment, contenders: Sequence[str], n_repeats: int) -> Explanation:
    """Takes the fitted contenders from what the experiment's run has kept, and asks them on the test rows."""
    validation, metric = experiment.validation, experiment.metric
    settings = {"contenders": [*contenders], "n_repeats": n_repeats}
    description, digest = f"What the contenders of {experiment.name} rest on", fingerprint(experiment)
    with (
        progress_shown(),
        runs.tracked(
            experiment.name, description, digest, flow_run.id, settings, flow_run_address(), "explanation"
        ) as run,
    ):
        examples = steps.ingest(experiment.dataset)
        arrays = steps.vectorize(examples)
        folds = steps.split(arrays, validation)
        refits = [
            steps.refit(
                steps.tune_and_evaluate(name, experiment.contenders[name], arrays, folds, metric), arrays, validation
            )
            for name in contenders
        ]
        found = steps.explain(experiment.name, refits, examples, arrays, metric, n_repeats, validation.seed)
        found = found.model_copy(update={"mlflow_experiment_id": run.experiment_id, "mlflow_run_id": run.run_id})
        steps.log_explanation(run, found, arrays)
    return found


def report_to_explain(experiment: Experiment) -> Report:
    """The report of the experiment as it is now.

    Raises:
        BakeoffError: when it has not been run, or something has changed since.
    """
    report = kept_report(experiment)
    if report is None:
        raise BakeoffError(
            f"{experiment.name} has no finished run with these settings, data and code; `bakeoff run` with the same"
            " name and options makes one, and keeps the models that are asked here"
        )
    return report


def chosen_contenders(report: Report, named: Sequence[str]) -> list[str]:
    """The contenders to ask, best first: those named, or else all.

    Of pictures, where each takes thousands of predictions, they are the best net and the best gradient boosting.

    Raises:
        BakeoffError: when there is no contender of that name.
    """
    known = [entry.name for entry in report.contenders]
    for name in named:
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise BakeoffError(f"{report.experiment} has no contender {name!r}{hint}")
    if named or report.dataset.form != "pixels":
        return [name for name in known if name in named or not named]
    rivals: tuple[Family, ...] = ("network", "boosting")
    pair = [best.name for family in rivals if (best := best_of(report.contenders, family))]
    return [name for name in known if name in pair] if len(pair) == 2 else known[:2]
