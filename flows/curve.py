"""The flow of a learning curve: ingest, vectorize, split, draw subsets, evaluate at each size, compare, log."""

import time
from collections.abc import Sequence

from prefect import flow
from prefect.runtime import flow_run

from flows import steps
from flows.experiment import Experiment
from flows.kept import digest
from flows.published import flow_run_address, progress_shown
from tasks import progress
from tasks.evaluation import Evaluation
from tasks.learning_curves.curve import LearningCurve, points_of
from tasks.learning_curves.ground import Ground, at_size
from tasks.learning_curves.rivalry import compare_at_sizes
from tasks.metrics import METRICS, MetricName
from tasks.models.contenders import Contender
from tasks.tracking import runs, studies

KIND = "curve"


@flow(name=KIND, flow_run_name="curve of {experiment.name}", persist_result=False)
def curve(experiment: Experiment, sizes: Sequence[int], repeats: int | None) -> LearningCurve:
    """Fits the experiment's contenders on ever more training rows, and says where their curves cross."""
    started = time.perf_counter()
    settings = {"contenders": [*experiment.contenders], "validation": experiment.validation.model_dump()}
    digest, address = fingerprint(experiment, sizes, repeats), flow_run_address()
    with (
        progress_shown(),
        runs.tracked(experiment.name, "", digest, flow_run.id, settings, address, kind=KIND) as run,
    ):
        examples = steps.ingest(experiment.dataset)
        arrays = steps.vectorize(examples)
        ground = steps.lay_out(arrays, steps.split(arrays, experiment.validation), sizes, repeats)
        metric, within = experiment.metric, experiment.equivalent_within
        by_contender, left_out = steps.within_budget(
            experiment.contenders, lambda name, each: _evaluate(name, each, ground, metric)
        )
        at_sizes = [*zip(*by_contender, strict=True)]
        found = LearningCurve(
            experiment=experiment.name,
            metric=metric,
            unit=examples.unit,
            greater_is_better=METRICS[metric].greater_is_better,
            equivalent_within=within,
            validation=experiment.validation,
            scored_on=ground.scored_on,
            sizes=tuple(subsets.size for subsets in ground.subsets),
            points=tuple(points_of(at_sizes, ground, metric)),
            rivalries=tuple(compare_at_sizes(at_sizes, ground, metric, within)),
            remarks=tuple(left_out),
            seconds=round(time.perf_counter() - started, 1),
            mlflow_run_id=run.run_id,
        )
        steps.log_curve(run, found)
    return found


def _evaluate(name: str, contender: Contender, ground: Ground, metric: MetricName) -> list[Evaluation]:
    """A contender at each size; no model is kept, so none is searched for."""
    evaluations = []
    for subsets in ground.subsets:
        entered = at_size(contender, subsets, ground.all_rows)
        with progress.labelled(f"{subsets.size:,} rows"):
            evaluations.append(steps.tune_and_evaluate(name, entered, ground.arrays, subsets, metric, final=False))
    return evaluations


def kept_curve(experiment: Experiment, sizes: Sequence[int], repeats: int | None) -> LearningCurve | None:
    """The curve of an earlier run that nothing has changed since, if there is one."""
    kept = studies.find_study(experiment.name, KIND, fingerprint(experiment, sizes, repeats), LearningCurve)
    return kept.model_copy(update={"kept": True}) if kept else None


def fingerprint(experiment: Experiment, sizes: Sequence[int], repeats: int | None) -> str:
    """A digest of all that a curve depends on."""
    return digest([experiment, experiment.dataset.stamp, [*sizes], repeats], __name__)
