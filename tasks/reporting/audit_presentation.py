"""A leak audit in words, as a table and as a picture."""

from pathlib import Path

from tasks.insight.leak_audit import LEAKS, Audit, Finding
from tasks.metrics import METRICS
from tasks.reporting.wording import (
    BLUE,
    GREY,
    ORANGE,
    TITLES,
    Presentation,
    Table,
    figure,
    page_of,
    save,
    short,
    titled,
    way,
    with_unit,
)
from tasks.statistics import CONFIDENCE

HEADINGS = ("leak", "contender", "honest", "leaky", "looks better by", "95% interval", "p", "p adjusted")
SHORT = ("leak", "contender", "honest", "flatters", "95% interval", "p adj.")  # what a terminal has room for


def tell_audit(audit: Audit) -> Presentation:
    """Return all that is told of the audit; its metrics in MLflow are how much better each leak makes a score look."""
    sentences, picture = say_audit(audit), f"{audit.experiment}-audit.png"
    measure = f"{titled(audit.metric, audit.unit)} ({way(audit.metric)} is better)"
    title = f"{audit.experiment}: {measure}, {audit.validation.label}"
    rows = [_cells(finding, audit) for finding in audit.findings]
    brief = [
        (finding.leak.replace("_", " "), name, honest, gain, interval, p_adjusted)
        for finding, (_, name, honest, _, gain, interval, _, p_adjusted) in zip(audit.findings, rows, strict=True)
    ]
    shown = f"![How much better each leak makes a score look](images/{picture})"
    gains = [flattery(finding, audit)[0] for finding in audit.findings]
    return Presentation(
        tables=[Table(title, SHORT, brief, "llrrrr")],
        sentences=sentences,
        page=page_of(
            f"Leak audit: {audit.experiment}", sentences, shown, [Table(title, HEADINGS, rows, "l" * len(HEADINGS))]
        ),
        page_picture=picture,
        draw=lambda path: plot_audit(audit, path),
        picture="audit.png",
        summary=" ".join(sentences),
        metrics=[(f"{each.leak}_{each.name}", gain, 0) for each, gain in zip(audit.findings, gains, strict=True)],
        rows=[
            {"leak": each.leak, "contender": each.name, "honest": each.honest, "leaky": each.leaky}
            | {"better by": gain, "p adjusted": each.verdict.p_adjusted}
            for each, gain in zip(audit.findings, gains, strict=True)
        ],
    )


def flattery(finding: Finding, audit: Audit) -> tuple[float, tuple[float, float]]:
    """Return by how much the leak makes the score look better, positive where it does, with its interval."""
    sign = METRICS[audit.metric].sign
    low, high = sorted(sign * end for end in finding.verdict.interval)
    return sign * finding.verdict.difference, (low, high)


def is_shown(finding: Finding) -> bool:
    """Return whether the score moves beyond chance, all leaks that were looked at taken together."""
    return finding.verdict.p_adjusted <= 1 - CONFIDENCE


def say_audit(audit: Audit) -> list[str]:
    """Return which leaks move a score beyond chance, what the choice of the best adds, and what is not audited."""
    shown, choice = [finding for finding in audit.findings if is_shown(finding)], audit.choice
    sentences = [_moved(finding, audit) for finding in shown]
    if len(shown) < len(audit.findings):
        others = "No other leak" if shown else "No leak"
        sentences.append(f"{others} of the {len(audit.findings)} looked at moves a score beyond chance.")
    if choice:
        mean = f"{choice.mean:.4g}{with_unit(audit.metric, audit.unit)}"
        sentences.append(
            f"Choosing {choice.name} as the best of {choice.n_contenders} makes its {mean} look better by"
            f" {choice.corrected.optimism:.2g}; corrected for that it is {choice.corrected.score:.4g}."
        )
    return [*sentences, *audit.remarks]


def _moved(finding: Finding, audit: Audit) -> str:
    gain, (low, high) = flattery(finding, audit)
    seems = "better" if gain > 0 else "worse"
    low, high = (low, high) if gain > 0 else (-high, -low)
    return (
        f"{finding.name}, with {LEAKS[finding.leak]}, looks {seems} than it is by"
        f" {abs(gain):.3g}{with_unit(audit.metric, audit.unit)} of {TITLES[audit.metric]}"
        f" ({CONFIDENCE:.0%} interval {low:.3g} to {high:.3g}, p = {finding.verdict.p_value:.2g},"
        f" adjusted {finding.verdict.p_adjusted:.2g})."
    )


def _cells(finding: Finding, audit: Audit) -> tuple[str, ...]:
    gain, (low, high) = flattery(finding, audit)
    return (
        LEAKS[finding.leak],
        finding.name,
        short(finding.honest),
        short(finding.leaky),
        f"{gain + 0.0:+.2g}",  # no minus before a zero
        f"{low + 0.0:.2g} to {high + 0.0:.2g}",
        f"{finding.verdict.p_value:.2g}",
        f"{finding.verdict.p_adjusted:.2g}",
    )


def plot_audit(audit: Audit, path: Path) -> Path:
    """Draw how much better each leak makes a score look, with its interval; in colour where it is beyond chance."""
    picture = figure(9, 1.4 + 0.5 * len(audit.findings))
    axes = picture.subplots()
    axes.axvline(0, color=GREY, linewidth=1)
    for row, finding in enumerate(audit.findings):
        gain, interval = flattery(finding, audit)
        colour = GREY if not is_shown(finding) else ORANGE if gain > 0 else BLUE
        axes.plot(interval, [row, row], color=colour, linewidth=2)
        axes.plot(gain, row, "o", color=colour)
    labels = [f"{finding.name}\n{LEAKS[finding.leak]}" for finding in audit.findings]
    axes.set_yticks(range(len(labels)), labels, fontsize=8)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", color=GREY, alpha=0.25)
    unit = with_unit(audit.metric, audit.unit)
    axes.set_xlabel(f"better than it is by so much{unit} of {TITLES[audit.metric]}, {CONFIDENCE:.0%} interval")
    picture.suptitle(f"{audit.experiment}: what a leak does to the score; grey: not beyond chance")
    return save(picture, path)
