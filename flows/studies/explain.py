"""`bakeoff explain`: what an experiment's result rests on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from flows.options import AsJson, Debug, Settings, Tune, errors
from flows.studies.study import Entered, Study, show

if TYPE_CHECKING:
    from flows.experiment import Experiment
    from tasks.insight.explanation import Explanation
    from tasks.reporting.report import Report
    from tasks.reporting.wording import Presentation

N_REPEATS = 10


def explain(
    experiment: Annotated[str, typer.Argument(metavar="NAME|PATH.yaml", help="An experiment that has been run.")],
    contender: Annotated[
        list[str] | None, typer.Option(metavar="CONTENDER", help="Ask this one; may be repeated.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=2, max=1000, help="How often each column is shuffled.")] = N_REPEATS,
    settings: Settings = None,
    tune: Tune = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Show what the contenders rest on: columns of a table or of series, words of texts, parts of pictures.

    The models that the experiment's run has kept are asked on its test rows; nothing is trained. Of a table's column,
    the metric gets worse by so much when its values are shuffled. A word is taken out of the texts that have it. A
    picture is covered patch by patch, for the best net and the best gradient boosting, or those named.
    """
    with errors(debug):
        from flows.experiment import load

        chosen = load(experiment, settings or [])
        from flows.launch import with_tuned

        show(Explain(with_tuned(chosen, tune), contender or [], repeats), as_json, debug)


@dataclass(frozen=True)
class Explain(Study["Explanation"]):
    """What the contenders rest on, asked of the models that the experiment's run has kept."""

    experiment: "Experiment"
    named: Sequence[str]
    n_repeats: int
    name = "explain"
    document = kind = "explanation"
    run_name = "{experiment.name}: what it rests on"
    fresh = False

    def enter(self) -> Entered:
        """Return the experiment, the contenders to ask, and how often a column is shuffled."""
        contenders = chosen_contenders(report_to_explain(self.experiment), self.named)
        settings = {"contenders": contenders, "n_repeats": self.n_repeats}
        description = f"What the contenders of {self.experiment.name} rest on"
        return Entered({"experiment": self.experiment, **settings}, settings, description)

    def compute(self, experiment: "Experiment", contenders: Sequence[str], n_repeats: int) -> "Explanation":
        """Take the fitted contenders from what the experiment's run has kept, and ask them on the test rows."""
        from flows import steps

        validation, metric = experiment.validation, experiment.metric
        examples = steps.ingest(experiment.dataset)
        arrays = steps.vectorize(examples)
        folds = steps.split(arrays, validation)
        evaluations = [
            steps.tune_and_evaluate(name, experiment.contenders[name], arrays, folds, metric) for name in contenders
        ]
        refits = [steps.refit(evaluation, arrays, validation) for evaluation in evaluations]
        return steps.explain(experiment.name, refits, examples, arrays, metric, n_repeats, validation.seed)

    def tell(self, found: "Explanation") -> "Presentation":
        """Return what there is to tell of the explanation."""
        from tasks.reporting.explanation_presentation import tell_explanation

        return tell_explanation(found)


def report_to_explain(experiment: "Experiment") -> "Report":
    """Return the report of the experiment as it is now.

    Raises:
        BakeoffError: when it has not been run, or something has changed since.
    """
    from flows.cache_keys import kept_report
    from tasks.specs import BakeoffError

    report = kept_report(experiment)
    if report is None:
        raise BakeoffError(
            f"{experiment.name} has no finished run with these settings, data and code; `bakeoff run` with the same"
            " name and options makes one, and keeps the models that are asked here"
        )
    return report


def chosen_contenders(report: "Report", named: Sequence[str]) -> list[str]:
    """Return the contenders to ask, best first: those named, or else all.

    Of pictures, where each takes thousands of predictions, they are the best net and the best gradient boosting.

    Raises:
        BakeoffError: when there is no contender of that name.
    """
    from tasks.reporting.report import best_of
    from tasks.specs import BakeoffError, did_you_mean

    known = [entry.name for entry in report.contenders]
    for name in named:
        if name not in known:
            hint = did_you_mean(name, known) or f"; there are {', '.join(known)}"
            raise BakeoffError(f"{report.experiment} has no contender {name!r}{hint}")
    if named or report.dataset.form != "pixels":
        return [name for name in known if name in named or not named]
    pair = [best_of(report.contenders, "network"), best_of(report.contenders, "boosting")]
    names = [best.name for best in pair if best]
    return [name for name in known if name in names] if len(names) == 2 else known[:2]
