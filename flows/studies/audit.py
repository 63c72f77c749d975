"""`bakeoff audit`: what leaks would change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.options import AsJson, Debug, Fresh, Jobs, Settings, errors
from flows.studies.study import Contenders, Entered, Name, Study, Write, check_names, show

if TYPE_CHECKING:
    from flows.experiment import Experiment
    from tasks.insight.leak_audit import Audit, ChoiceEffect
    from tasks.reporting.report import Report
    from tasks.reporting.wording import Presentation


def audit(
    experiment: Name,
    contenders: Contenders = None,
    write: Write = None,
    settings: Settings = None,
    as_json: AsJson = False,
    fresh: Fresh = False,
    _jobs: Jobs = None,
    debug: Debug = False,
) -> None:
    """Show how much the score moves when something is fitted before the split.

    By default all contenders but the floor are audited, each for what is fitted before or beside its model:
    normalization, imputation, vocabulary, weights of words, selection of features, the best epoch.
    """
    with errors(debug):
        from flows.experiment import load

        chosen = load(experiment, settings or [])
        check_names(contenders or [], chosen)
        show(LeakAudit(chosen, contenders or [], fresh), as_json, debug, write)


@dataclass(frozen=True)
class LeakAudit(Study["Audit"]):
    """An audit of these contenders, or of all but the floor."""

    experiment: "Experiment"
    names: Sequence[str]
    fresh: bool = False
    name = document = kind = "audit"
    run_name = "audit of {experiment.name}"

    def enter(self) -> Entered:
        """Return the experiment with the contenders that take part, and what its latest report says of their choice."""
        from flows.launch import check_settings
        from tasks.insight.leak_audit import folds_for
        from tasks.tracking.runs import find_readable_report

        contenders = self.experiment.contenders
        names = self.names or [name for name in contenders if contenders[name].family != "floor"]
        entered = self.experiment.with_only(names, self.experiment.name)
        check_settings(entered)
        settings = {"contenders": [*entered.contenders], "validation": folds_for(entered.validation).model_dump()}
        choice = choice_of(find_readable_report(entered.name), self.experiment)
        return Entered({"experiment": entered, "choice": choice}, settings)

    def kept(self, given: Mapping[str, Any]) -> "Audit | None":
        """Return the audit of an earlier run that nothing has changed since, if there is one."""
        from tasks.insight.leak_audit import Audit

        return self.find(Audit, given)

    def compute(self, experiment: "Experiment", choice: "ChoiceEffect | None") -> "Audit":
        """Fit the experiment's contenders as they are and with each leak, and say what the leaks do to their scores."""
        from flows import steps
        from tasks.insight import leak_audit
        from tasks.metrics import METRICS

        metric, validation = experiment.metric, leak_audit.folds_for(experiment.validation)
        examples = steps.ingest(experiment.dataset)
        arrays = steps.with_all_words(examples, steps.vectorize(examples))
        folds = steps.split(arrays, validation)
        suspects = leak_audit.suspects(experiment.contenders, arrays)
        suspects, remarks = leak_audit.without_impossible(suspects, arrays, folds)
        honest = [
            steps.evaluate(suspect.name, *leak_audit.entered_honestly(suspect, arrays, folds), metric)
            for suspect in suspects
        ]
        leaky = [steps.evaluate_leaky(suspect, arrays, folds, metric) for suspect in suspects]
        return leak_audit.Audit(
            experiment=experiment.name,
            metric=metric,
            unit=examples.unit,
            greater_is_better=METRICS[metric].greater_is_better,
            validation=validation,
            findings=steps.weigh_leaks(suspects, honest, leaky, arrays, validation, metric),
            choice=choice if choice and choice.data == examples.digest else None,
            remarks=remarks,
        )

    def tell(self, found: "Audit") -> "Presentation":
        """Return what there is to tell of the audit."""
        from tasks.reporting.audit_presentation import tell_audit

        return tell_audit(found)


def choice_of(report: "Report | None", experiment: "Experiment") -> "ChoiceEffect | None":
    """Return what the choice of the best contender added to its score, by a report of this very experiment.

    Whether it is of the same data shows when they have been read.
    """
    from tasks.insight.leak_audit import ChoiceEffect

    if report is None or len(report.contenders) < 2:
        return None
    if (report.metric, report.validation) != (experiment.metric, experiment.validation):
        return None
    if any(entry.name not in experiment.contenders for entry in report.contenders):  # a run with `--tune`, say
        return None
    best = report.contenders[0]
    return ChoiceEffect(
        name=best.name,
        n_contenders=len(report.contenders),
        mean=best.mean,
        corrected=report.champion.corrected,
        data=report.dataset.digest,
    )
