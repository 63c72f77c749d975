"""`bakeoff curve`: what more rows would change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.options import AsJson, Debug, Fresh, Jobs, Settings, errors
from flows.studies.study import Contenders, Entered, Name, Study, Write, check_names, show

if TYPE_CHECKING:
    from flows.experiment import Experiment
    from tasks.evaluation.cross_validation import Evaluation
    from tasks.insight.learning_curve import LearningCurve, SubsetPlan
    from tasks.metrics import MetricName
    from tasks.models.contenders import Contender
    from tasks.reporting.wording import Presentation


def curve(
    experiment: Name,
    contenders: Contenders = None,
    sizes: Annotated[
        str | None, typer.Option(metavar="ROWS,ROWS,...", help="Numbers of training rows; else seven, up to all.")
    ] = None,
    repeats: Annotated[
        int | None, typer.Option(min=1, help="Subsets of each size; with folds, repeats of them.")
    ] = None,
    write: Write = None,
    settings: Settings = None,
    as_json: AsJson = False,
    fresh: Fresh = False,
    _jobs: Jobs = None,
    debug: Debug = False,
) -> None:
    """Show the score against the number of training rows, and where the contenders' curves cross.

    By default it takes the best net and the best gradient boosting of the experiment's latest run, or all of both.
    """
    with errors(debug):
        from flows.experiment import load

        chosen, rows = load(experiment, settings or []), _numbers(sizes)
        check_names(contenders or [], chosen)
        show(Curve(chosen, contenders or [], rows, repeats, fresh), as_json, debug, write)


@dataclass(frozen=True)
class Curve(Study["LearningCurve"]):
    """The learning curves of these contenders, or of the best net and the best boosting."""

    experiment: "Experiment"
    names: Sequence[str]
    sizes: Sequence[int]
    repeats: int | None
    fresh: bool = False
    name = document = kind = "curve"
    run_name = "curve of {experiment.name}"

    def enter(self) -> Entered:
        """Return the experiment with the contenders that take part, the sizes and the repeats."""
        from flows.launch import check_settings

        entered = self.experiment.with_only(self.names or best_rivals(self.experiment), self.experiment.name)
        check_settings(entered)
        settings = {"contenders": [*entered.contenders], "validation": entered.validation.model_dump()}
        return Entered({"experiment": entered, "sizes": self.sizes, "repeats": self.repeats}, settings)

    def kept(self, given: Mapping[str, Any]) -> "LearningCurve | None":
        """Return the curve of an earlier run that nothing has changed since, if there is one."""
        from tasks.insight.learning_curve import LearningCurve

        return self.find(LearningCurve, given)

    def compute(self, experiment: "Experiment", sizes: Sequence[int], repeats: int | None) -> "LearningCurve":
        """Fit the experiment's contenders on ever more training rows, and say where their curves cross."""
        from flows import steps
        from tasks.insight import learning_curve
        from tasks.metrics import METRICS

        examples = steps.ingest(experiment.dataset)
        arrays = steps.vectorize(examples)
        plan = steps.plan_subsets(arrays, steps.split(arrays, experiment.validation), sizes, repeats)
        metric, within = experiment.metric, experiment.equivalent_within
        by_contender, left_out = steps.within_budget(
            experiment.contenders, lambda name, contender: _evaluate(name, contender, plan, metric)
        )
        at_sizes = [*zip(*by_contender, strict=True)]
        return learning_curve.LearningCurve(
            experiment=experiment.name,
            metric=metric,
            unit=examples.unit,
            greater_is_better=METRICS[metric].greater_is_better,
            equivalent_within=within,
            validation=experiment.validation,
            scored_on=plan.scored_on,
            sizes=plan.sizes,
            points=tuple(learning_curve.points_of(at_sizes, plan, metric)),
            rivalries=tuple(learning_curve.compare_at_sizes(at_sizes, plan, metric, within)),
            remarks=tuple(left_out),
        )

    def tell(self, found: "LearningCurve") -> "Presentation":
        """Return what there is to tell of the curves."""
        from tasks.reporting.curve_presentation import tell_curve

        return tell_curve(found)


def _evaluate(name: str, contender: "Contender", plan: "SubsetPlan", metric: "MetricName") -> list["Evaluation"]:
    """A contender at each size; no model is kept, so none is searched for."""
    from flows import steps
    from tasks import progress
    from tasks.insight.learning_curve import at_size

    evaluations = []
    for subsets in plan.subsets:
        entered = at_size(contender, subsets, plan.all_rows)
        with progress.labelled(f"{subsets.size:,} rows"):
            evaluations.append(steps.tune_and_evaluate(name, entered, plan.arrays, subsets, metric, final=False))
    return evaluations


def best_rivals(experiment: "Experiment") -> list[str]:
    """Return the best net and the best boosting of the latest report, if still entered; else all of both families.

    One that was best when tuned by `--tune` takes part as it is entered.
    """
    from tasks.reporting.report import best_of
    from tasks.tracking.runs import find_readable_report

    report = find_readable_report(experiment.name)
    best = [best_of(report.contenders, family) for family in ("network", "boosting")] if report else []
    names = [entry.tuned_from or entry.name for entry in best if entry]
    if len(names) == 2 and experiment.contenders.keys() >= {*names}:
        return names
    rivals = [name for name, each in experiment.contenders.items() if each.family in ("network", "boosting")]
    return rivals or [*experiment.contenders]


def _numbers(sizes: str | None) -> list[int]:
    """Numbers with commas between them."""
    from tasks.specs import BakeoffError

    try:
        return [int(number.replace("_", "")) for number in (sizes or "").split(",") if number.strip()]
    except ValueError as error:
        raise BakeoffError(
            f"--sizes {sizes}: expected whole numbers with commas between them, such as 500,2000"
        ) from error
