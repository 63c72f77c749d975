"""What there is to say of learning curves, in words."""

from collections.abc import Sequence

from tasks.comparison import Verdict
from tasks.learning_curves.curve import LearningCurve
from tasks.learning_curves.rivalry import Rivalry
from tasks.metrics import METRICS
from tasks.reports.wording import TITLES, with_unit
from tasks.statistics.bootstrap import CONFIDENCE


def say_curve(curve: LearningCurve) -> list[str]:
    """For each two contenders, where their curves cross, if that is shown, and whether more rows change anything.

    Then which contenders are left out.
    """
    said = [sentence for rivalry in curve.rivalries for sentence in (_say(rivalry, curve), _say_trend(rivalry, curve))]
    return [*said, *curve.remarks]


def _say(rivalry: Rivalry, curve: LearningCurve) -> str:
    one, two = rivalry.first, rivalry.second
    if rivalry.crossings:
        where = "; and again ".join(
            f"at about {each.rows:,} rows: up to {each.after:,} {each.better_below} is better, from {each.before:,} on"
            f" {each.better_above}"
            for each in rivalry.crossings
        )
        return f"The curves of {one} and {two} cross {where}."
    ahead = {name: _sizes_of(name, rivalry, curve) for name in (one, two)}
    within = f"from {rivalry.sizes[0]:,} to {rivalry.sizes[-1]:,} rows"
    for name, other in ((one, two), (two, one)):
        if ahead[name]:
            return (
                f"No crossing of {one} and {two} is shown {within}: {name} is better at {_listed(ahead[name])} rows,"
                f" and {other} at none."
            )
    return f"No crossing of {one} and {two} is shown {within}: at no size is one of them better beyond chance."


def _sizes_of(name: str, rivalry: Rivalry, curve: LearningCurve) -> list[int]:
    """The sizes at which a contender is better than the other beyond chance."""
    sign = METRICS[curve.metric].sign if name == rivalry.first else -METRICS[curve.metric].sign
    return [
        size
        for size, verdict in zip(rivalry.sizes, rivalry.verdicts, strict=True)
        if verdict.p_adjusted <= 1 - CONFIDENCE and sign * verdict.difference > 0
    ]


def _say_trend(rivalry: Rivalry, curve: LearningCurve) -> str:
    trend: Verdict = rivalry.trend
    gain = METRICS[curve.metric].sign * trend.difference
    favoured = trend.first if gain > 0 else trend.second
    low, high = sorted(abs(end) for end in trend.interval)
    much = f"{abs(trend.difference):.3g}{with_unit(curve.metric, curve.unit)} of {TITLES[curve.metric]}"
    if trend.p_value <= 1 - CONFIDENCE:
        return (
            f"More rows favour {favoured}: from the fewest to the most it gains {much} on the other"
            f" ({CONFIDENCE:.0%} interval {low:.3g} to {high:.3g}, p = {trend.p_value:.2g})."
        )
    return f"That more rows favour either is not shown: the gap changes by {much} (p = {trend.p_value:.2g})."


def _listed(sizes: Sequence[int]) -> str:
    words = [f"{size:,}" for size in sizes]
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else words[0]
