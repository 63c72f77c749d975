"""What there is to say of a leak audit, in words."""

from tasks.leak_audit import LEAKS, Audit, Finding
from tasks.metrics import METRICS
from tasks.reports.wording import TITLES, with_unit
from tasks.statistics.bootstrap import CONFIDENCE


def flattery(finding: Finding, audit: Audit) -> tuple[float, tuple[float, float]]:
    """By how much the leak makes the score look better, positive where it does, with its interval."""
    sign = METRICS[audit.metric].sign
    low, high = sorted(sign * end for end in finding.verdict.interval)
    return sign * finding.verdict.difference, (low, high)


def is_shown(finding: Finding) -> bool:
    """Whether the score moves beyond chance, all leaks that were looked at taken together."""
    return finding.verdict.p_adjusted <= 1 - CONFIDENCE


def say_audit(audit: Audit) -> list[str]:
    """Which leaks move a score beyond chance, what the choice of the best adds, and what is not audited."""
    shown = [each for each in audit.findings if is_shown(each)]
    sentences = [f"{_moved(each, audit)}." for each in shown]
    if len(shown) < len(audit.findings):
        others = "No other leak" if shown else "No leak"
        sentences.append(f"{others} of the {len(audit.findings)} looked at moves a score beyond chance.")
    if audit.choice:
        sentences.append(_chosen(audit))
    return [*sentences, *audit.remarks]


def _moved(finding: Finding, audit: Audit) -> str:
    gain, (low, high) = flattery(finding, audit)
    way = "better" if gain > 0 else "worse"
    unit = with_unit(audit.metric, audit.unit)
    low, high = (low, high) if gain > 0 else (-high, -low)
    return (
        f"{finding.name}, with {LEAKS[finding.leak]}, looks {way} than it is by {abs(gain):.3g}{unit} of"
        f" {TITLES[audit.metric]} ({CONFIDENCE:.0%} interval {low:.3g} to {high:.3g},"
        f" p = {finding.verdict.p_value:.2g}, adjusted {finding.verdict.p_adjusted:.2g})"
    )


def _chosen(audit: Audit) -> str:
    assert audit.choice is not None  # noqa: S101
    choice, unit = audit.choice, with_unit(audit.metric, audit.unit)
    return (
        f"Choosing {choice.name} as the best of {choice.n_contenders} makes its {choice.mean:.4g}{unit} look better by"
        f" {choice.corrected.optimism:.2g}; corrected for that it is {choice.corrected.score:.4g}."
    )
