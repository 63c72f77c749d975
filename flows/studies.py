"""From an experiment to a study of it, a learning curve or a leak audit: which contenders take part, and the flow."""

from collections.abc import Sequence

from flows import launch
from flows.experiment import Experiment
from flows.surroundings import ahead
from tasks.leak_audit import Audit
from tasks.learning_curves.curve import LearningCurve
from tasks.specs import BakeoffError, did_you_mean


def run_curve(
    experiment: Experiment, names: Sequence[str], sizes: Sequence[int], repeats: int | None, fresh: bool
) -> LearningCurve:
    """The learning curves of these contenders, or of the best net and the best boosting; kept ones if nothing changed.

    Raises:
        BakeoffError: when something is for the user to mend.
    """
    check_names(names, experiment)
    with ahead() as orchestrated:
        launch.reconcile()
        from flows.curve import curve, kept_curve

        entered = experiment.with_only(names or _best_rivals(experiment), experiment.name)
        launch.check_settings(entered)
        kept = None if fresh else kept_curve(entered, sizes, repeats)
        if kept:
            return kept
        with orchestrated(fresh):
            return curve(entered, sizes, repeats)


def run_audit(experiment: Experiment, names: Sequence[str], fresh: bool) -> Audit:
    """An audit of these contenders, or of all but the floor; a kept one if nothing has changed.

    Raises:
        BakeoffError: when something is for the user to mend.
    """
    check_names(names, experiment)
    chosen = names or [name for name, contender in experiment.contenders.items() if contender.family != "floor"]
    entered = experiment.with_only(chosen, experiment.name)
    with ahead() as orchestrated:
        launch.reconcile()
        from flows.audit import audit, choice_of, kept_audit
        from tasks.tracking.studies import find_readable_report

        launch.check_settings(entered)
        choice = choice_of(find_readable_report(experiment.name), experiment)
        kept = None if fresh else kept_audit(entered, choice)
        if kept:
            return kept
        with orchestrated(fresh):
            return audit(entered, choice)


def check_names(names: Sequence[str], experiment: Experiment) -> None:
    """Finds out whether there are contenders of these names.

    Raises:
        BakeoffError: when there is none.
    """
    for name in names:
        if name not in experiment.contenders:
            hint = did_you_mean(name, experiment.contenders) or f"; there are {', '.join(experiment.contenders)}"
            raise BakeoffError(f"--contender {name}: {experiment.name} has no such contender{hint}")


def _best_rivals(experiment: Experiment) -> list[str]:
    """The best net and the best boosting of the latest report, if they are still entered; else all of both families.

    One that was best when tuned by `--tune` takes part as it is entered.
    """
    from tasks.reports.report import best_of
    from tasks.tracking.studies import find_readable_report

    report = find_readable_report(experiment.name)
    best = [best_of(report.contenders, family) for family in ("network", "boosting")] if report else []
    names = [entry.tuned_from or entry.name for entry in best if entry]
    if len(names) == 2 and experiment.contenders.keys() >= {*names}:
        return names
    rivals = [name for name, each in experiment.contenders.items() if each.family in ("network", "boosting")]
    return rivals or [*experiment.contenders]
