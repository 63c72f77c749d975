"""What `--tune` makes of an experiment: its contenders are entered once more, tuned on equal budgets."""

from flows.experiment import Experiment
from tasks.models.search import TuningSpec
from tasks.specs import BakeoffError, seconds_of

SUFFIX = "_tuned"


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
