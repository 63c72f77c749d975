"""What there is to say of scores and verdicts, in words."""

from collections.abc import Mapping, Sequence

from tasks.data.examples import Groups
from tasks.data.folds.splitting import HoldOutSpec, Validation
from tasks.metrics import METRICS, MetricName
from tasks.specs import Family
from tasks.statistics import CONFIDENCE
from tasks.verdict.comparison import REPEATS_LIMIT, Rules, Verdict

TITLES: Mapping[MetricName, str] = {name: metric.title for name, metric in METRICS.items()}
FEWER = 0.8  # share of the groups from which on their sizes are not worth mentioning
FAMILIES: Mapping[Family, str] = {
    "network": "deep net",
    "boosting": "gradient boosting",
    "classic": "older method",
    "floor": "floor",
}


def say(verdict: Verdict | None, rules: Rules) -> str:
    """A verdict as a sentence."""
    if verdict is None:
        return "No verdict in a sentence: all contenders are of one family; --json has every pair."
    leader, other = (verdict.first, verdict.second)
    if METRICS[rules.metric].sign * verdict.difference < 0:
        leader, other = other, leader
    evidence = _evidence(verdict, rules)
    if isinstance(rules.validation, HoldOutSpec):
        evidence += " on the test rows"
    if verdict.better:
        return f"{leader} is better than {other}: {evidence}."
    if verdict.decision == "equivalent":
        margin = f"{rules.equivalent_within:g}{with_unit(rules.metric, rules.unit)}"
        return (
            f"{leader} and {other} are practically equal: {evidence}; with probability {verdict.p_equivalent:.2f} they"
            f" differ by no more than {margin}."
        )
    outlook = _outlook(verdict, rules.validation)
    if verdict.p_adjusted <= 1 - CONFIDENCE:  # there is a difference, but its interval begins within the region
        return f"{leader} scores better than {other}, but perhaps by too little to matter: {evidence}. {outlook}"
    return f"Undecided between {leader} and {other}: {evidence}. {outlook}"


def say_limits(validation: Validation, groups: Groups | None) -> list[str]:
    """What the verdict cannot know of rows that depend on one another, and how far it can be trusted."""
    if validation.caveat:
        return [validation.caveat]
    if groups is None:
        return []
    as_many = f", unequal in size, which tell as much as {groups.effective:.1f} equal ones"
    return [
        f"Rows of a group stay together, so what counts is not how many rows there are, but how many groups:"
        f" {groups.count}{as_many if groups.effective < FEWER * groups.count else ''}."
    ]


def say_promotion(model: str, version: int, before: int | None, moved: bool, why: str) -> str:
    """What became of the alias `champion`, which was on version `before`, when a run's best was registered."""
    if not moved:
        became = f"stayed with version {before}"
    elif before is None:
        became = "went to it"
    else:
        became = f"moved to it from version {before}"
    return f"Registered as {model} version {version}; the alias champion {became}. {why}"


def way(metric: MetricName) -> str:
    """Return which scores are better: the higher ones or the lower ones."""
    return "higher" if METRICS[metric].greater_is_better else "lower"


def titled(metric: MetricName, unit: str) -> str:
    """Return the metric's title with its unit, if it has one."""
    return f"{TITLES[metric]}{with_unit(metric, unit)}"


def with_unit(metric: MetricName, unit: str) -> str:
    """The target's unit, to stand behind a score; empty where the metric has none."""
    return f" {unit}" if unit and METRICS[metric].in_target_unit else ""


def short(score: float) -> str:
    """Return a score with four digits that count, or three places."""
    return f"{score:.3f}" if abs(score) < 100 else f"{score:.5g}"


def all_listed(names: Sequence[str]) -> str:
    """Return all names, with commas and an "and" before the last."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _evidence(verdict: Verdict, rules: Rules) -> str:
    low, high = verdict.interval
    if verdict.difference < 0:
        low, high = -high, -low
    adjusted = f", adjusted for {verdict.n_pairs} pairs: {verdict.p_adjusted:.2g}" if verdict.n_pairs > 1 else ""
    mcnemar = f"; McNemar's p = {verdict.mcnemar.p_value:.2g}" if verdict.mcnemar else ""
    return (
        f"{TITLES[rules.metric]} {way(rules.metric)} by"
        f" {abs(verdict.difference):.3g}{with_unit(rules.metric, rules.unit)}"
        f" ({CONFIDENCE:.0%} interval {low:.3g} to {high:.3g}, p = {verdict.p_value:.2g}{adjusted}{mcnemar})"
    )


def _outlook(verdict: Verdict, validation: Validation) -> str:
    if validation.outlook:
        return validation.outlook
    if verdict.interval[0] == verdict.interval[1]:
        return (
            "The difference is the same on every fold, so nothing is known of how it varies; more repeats would tell."
        )
    if verdict.repeats_needed:
        return f"About {verdict.repeats_needed} repeats in all would settle it."
    return (
        f"No number of repeats up to {REPEATS_LIMIT} would settle it on these rows; only more {validation.more} could."
    )
