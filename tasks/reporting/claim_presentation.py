"""What the verdicts of several experiments say of a claim about kinds of data, in words, tables and a picture.

The claim is that of chapter 1 of Chollet's *Deep Learning with Python*: gradient boosting for structured data, deep
learning for problems of perception, such as pictures and texts.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import Field

from tasks.metrics import METRICS, MetricName
from tasks.printable import in_markdown
from tasks.reporting.report import LeaderboardEntry, Report, best_of
from tasks.reporting.wording import FAMILY_COLOURS, GREY, TITLES, Presentation, Table, all_listed, figure, save, short
from tasks.specs import BakeoffError, Family, Spec
from tasks.statistics import CONFIDENCE, holm_factors
from tasks.verdict.comparison import Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["tables", "perception"]
Rival = Literal["network", "boosting"]
Result = Literal["network", "boosting", "equivalent", "undecided"]
CLAIMED: Mapping[Kind, Rival] = {"tables": "boosting", "perception": "network"}
WORDS: Mapping[Rival, str] = {"network": "the deep net", "boosting": "gradient boosting"}
RESULTS: Mapping[Result, str] = {
    "network": "net is better",
    "boosting": "boosting is better",
    "equivalent": "practically equal",
    "undecided": "undecided",
}
COLOURS: Mapping[Result, str] = {
    "network": FAMILY_COLOURS["network"],
    "boosting": FAMILY_COLOURS["boosting"],
    "equivalent": GREY,
    "undecided": "#b3b3b3",
}
WIDEST = 12.0  # multiples of what matters, at which the scale ends at the latest
CONTESTS = ("problem", "metric", "net", "gradient boosting", "net's gain", "p", "of pairs", "of problems", "verdict")
COSTS = ("problem", "contender", "fits", "seconds of all fits", "seconds to predict 1,000 rows")
BRIEF: Mapping[Result, str] = {
    "network": "better",
    "boosting": "worse",
    "equivalent": "equal",
    "undecided": "undecided",
}
PAGE = """# Chapter 1's claim

Chapter 1 of Chollet's *Deep Learning with Python* says: gradient boosting for structured data, deep learning for
perception. `bakeoff claim --write docs/claim.md` puts that to the test and has written this page.

> {sentence}

{picture}

{contests}

For each problem the best net and the best gradient boosting, by the score on the rows held out. Scores are means over
folds or, with a hold-out, on the test rows; the gain has its 95 % interval. p is adjusted (Holm) for the pairs that the
two were chosen from (their number in brackets; [the verdict](verdict.md)), and then for the number of problems. What
does not stand up to that is undecided here, even where the experiment by itself says better.

Settings were chosen by hand on the training rows, for nets and boosting alike, but not on equal budgets: other settings
may tell otherwise.

## What it cost

{costs}

All experiments took {minutes:.0f} minutes together, older methods, refits, plots and logging included. A net's fits are
trained together, as one stack ([the engine](engine.md)).

{missing}
"""


class Entrant(Spec):
    """The best of a family on a problem: its score on the rows that the verdict rests on, and what it took to fit."""

    name: str
    score: float
    cpu_seconds: float
    n_fits: int
    predict_seconds_per_1000_rows: float


class Contest(Spec):
    """One problem: the best net against the best gradient boosting, and the wall seconds of the whole experiment.

    `gain` is what the net gains over boosting, in the metric's unit and positive where the net is better, with its
    interval; `matters_from` is the experiment's `equivalent_within`.
    """

    problem: str
    kind: Kind
    metric: MetricName
    unit: str
    net: Entrant
    boosting: Entrant
    gain: float
    interval: tuple[float, float]
    matters_from: float
    p_value: float
    p_adjusted: float
    n_pairs: int
    p_among_problems: float = Field(1.0, description="adjusted once more, for the number of problems (Holm)")
    result: Result
    seconds: float
    champion: str
    mlflow_run_id: str


class Claim(Spec):
    """The contests, what failed or was left out and why, and what they say of the claim together."""

    contests: tuple[Contest, ...]
    failed: Mapping[str, str] = {}
    left_out: Mapping[str, str] = {}
    sentence: str
    kept: bool = Field(False, description="whether all of it was answered from earlier runs")


def check_entered(experiment: str, families: Collection[Family], equivalent_within: float) -> None:
    """Finds out whether an experiment can say anything of the claim.

    Raises:
        BakeoffError: when it enters no net or no gradient boosting, or names no difference that matters.
    """
    if not equivalent_within:
        raise BakeoffError(
            f"{experiment} has equivalent_within 0; say what difference would matter, to compare problems"
        )
    for family, words in WORDS.items():
        if family not in families:
            raise BakeoffError(
                f"{experiment} says nothing of the claim, as {words} is not entered; add such a contender"
            )


def contest(report: Report) -> Contest:
    """What a report says of nets and gradient boosting.

    Raises:
        BakeoffError: when one of the two was not entered.
    """
    check_entered(report.experiment, [entry.family for entry in report.contenders], report.equivalent_within)
    net, boosting = (best_of(report.contenders, family) for family in WORDS)
    assert net is not None  # noqa: S101  # the families are there, so each has its best, and there is a verdict
    assert boosting is not None  # noqa: S101
    assert report.headline is not None  # noqa: S101
    verdict, sign = report.headline, METRICS[report.metric].sign
    sign = sign if verdict.first == net.name else -sign
    return Contest(
        problem=report.experiment,
        kind="tables" if report.dataset.form == "table" else "perception",
        metric=report.metric,
        unit=report.dataset.unit if METRICS[report.metric].in_target_unit else "",
        net=_entrant(net, report),
        boosting=_entrant(boosting, report),
        gain=sign * verdict.difference,
        interval=(min(sign * end for end in verdict.interval), max(sign * end for end in verdict.interval)),
        matters_from=report.equivalent_within,
        p_value=verdict.p_value,
        p_adjusted=verdict.p_adjusted,
        n_pairs=verdict.n_pairs,
        result=_result(verdict, net.name),
        seconds=sum(report.seconds.values()),
        champion=report.champion.name,
        mlflow_run_id=report.mlflow_run_id,
    )


def weigh(contests: Sequence[Contest], failed: Mapping[str, str], left_out: Mapping[str, str]) -> Claim:
    """What the contests say of the claim together.

    Each is a test of its own, so p is adjusted for their number (Holm 1979): a single false "better" among all problems
    has a chance of 5 % at most. A result that does not stand up to that is undecided.
    """
    factors = holm_factors([each.p_adjusted for each in contests])
    weighed = [_among_problems(each, float(factor)) for each, factor in zip(contests, factors, strict=True)]
    sentence = " ".join(_sentences(weighed)) if weighed else "No problem was answered."
    return Claim(contests=tuple(weighed), failed=failed, left_out=left_out, sentence=sentence)


def _among_problems(contest: Contest, factor: float) -> Contest:
    p_value = min(1.0, factor * contest.p_adjusted)
    chance = contest.result in WORDS and p_value > 1 - CONFIDENCE
    result = "undecided" if chance else contest.result
    return contest.model_copy(update={"p_among_problems": p_value, "result": result})


def _entrant(entry: LeaderboardEntry, report: Report) -> Entrant:
    return Entrant(
        name=entry.name,
        score=entry.test_mean if report.validation.kind == "hold_out" else entry.mean,
        cpu_seconds=entry.cpu_seconds,
        n_fits=entry.n_fits,
        predict_seconds_per_1000_rows=entry.predict_seconds_per_1000_rows,
    )


def _result(verdict: Verdict, net: str) -> Result:
    if verdict.better:
        return "network" if verdict.better == net else "boosting"
    return "equivalent" if verdict.decision == "equivalent" else "undecided"


def _sentences(contests: Sequence[Contest]) -> list[str]:
    kinds = [kind for kind in CLAIMED if any(each.kind == kind for each in contests)]
    return [
        _conclusion(contests, kinds),
        *(_on(kind, [each for each in contests if each.kind == kind]) for kind in kinds),
    ]


def _conclusion(contests: Sequence[Contest], kinds: Sequence[Kind]) -> str:
    """Holds: shown on a kind of data, and never contradicted there."""
    against = [each.problem for each in contests if each.result in WORDS and each.result != CLAIMED[each.kind]]
    if against:
        return f"Chapter 1's claim does not hold here: {all_listed(against)} contradict{'s' * (len(against) == 1)} it."
    shares = {kind: [each.result == CLAIMED[kind] for each in contests if each.kind == kind] for kind in kinds}
    shown = [f"{kind} (shown on {sum(shares[kind])} of {len(shares[kind])})" for kind in kinds if any(shares[kind])]
    if not shown:
        return "Nothing here shows chapter 1's claim, and nothing contradicts it."
    holds = f"Chapter 1's claim holds here for {' and '.join(shown)}"
    rest = [kind for kind in kinds if not any(shares[kind])]
    return f"{holds}; for {rest[0]} nothing shows it, and nothing contradicts it." if rest else f"{holds}."


def _on(kind: Kind, contests: Sequence[Contest]) -> str:
    claimed = CLAIMED[kind]
    says: dict[Result, str] = {
        claimed: f"{WORDS[claimed]} is better on",
        "equivalent": "the two are practically equal on",
        "undecided": "it is undecided on",
    }
    says |= {other: f"{words} is better on" for other, words in WORDS.items() if other != claimed}
    parts = [
        f"{says[result]} {all_listed(problems)}"
        for result in says
        if (problems := [each.problem for each in contests if each.result == result])
    ]
    return f"{kind.capitalize()}: {'; '.join(parts)}."


def tell_claim(claim: Claim) -> Presentation:
    """Return the table, the sentence and what is missing, the picture, and the page docs/claim.md."""
    missing = [
        *(f"{name} failed: {why}" for name, why in claim.failed.items()),
        *(f"Without {name}: {why}" for name, why in claim.left_out.items()),
    ]
    picture = "![The net's gain over boosting on each problem](images/claim.png)" if claim.contests else ""
    contests = Table("", CONTESTS, [_row(contest) for contest in claim.contests], "l" * len(CONTESTS))
    costs = Table("", COSTS, [row for contest in claim.contests for row in _cost_rows(contest)], "l" * len(COSTS))
    return Presentation(
        tables=[_brief_table(claim)],
        sentences=[claim.sentence, *missing],
        style="",
        apart=True,
        page=PAGE.format(
            sentence=in_markdown(claim.sentence),
            picture=picture,
            contests="\n".join(contests.markdown()),
            costs="\n".join(costs.markdown()),
            minutes=sum(contest.seconds for contest in claim.contests) / 60,
            missing="\n".join(map(in_markdown, missing)),
        ),
        page_picture="claim.png",
        draw=(lambda path: plot_claim(claim, path)) if claim.contests else None,
        picture="claim.png",
        summary=claim.sentence,
    )


def _brief_table(claim: Claim) -> Table:
    """Two lines for each problem, the net's and boosting's, for a terminal of 80 columns or more."""
    rows = []
    for contest in claim.contests:
        names = (contest.problem, f"  {TITLES[contest.metric]}")
        gains = (f"{_gain(contest)[0]} {BRIEF[contest.result]}", _gain(contest)[1])
        for name, entrant, gain in zip(names, (contest.net, contest.boosting), gains, strict=True):
            rows.append((name, entrant.name, short(entrant.score), f"{entrant.cpu_seconds:.3g}", gain))
    headings = ("problem", "best net, best boosting", "score", "cpu s", "net's gain")
    return Table("Gradient boosting for tables, deep learning for perception?", headings, rows, "llrrl")


def _gain(contest: Contest) -> tuple[str, str]:
    low, high = contest.interval
    return f"{contest.gain:+.3g}", f"{low:.3g} to {high:.3g}"


def _row(contest: Contest) -> tuple[str, ...]:
    gain, interval = _gain(contest)
    return (
        contest.problem,
        f"{TITLES[contest.metric]}{f', {contest.unit}' if contest.unit else ''}",
        f"{contest.net.name} {short(contest.net.score)}",
        f"{contest.boosting.name} {short(contest.boosting.score)}",
        f"{gain} ({interval})",
        f"{contest.p_value:.2g}",
        f"{contest.p_adjusted:.2g} ({contest.n_pairs})",
        f"{contest.p_among_problems:.2g}",
        RESULTS[contest.result],
    )


def _cost_rows(contest: Contest) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for entrant in (contest.net, contest.boosting):
        seconds = f"{entrant.cpu_seconds:.3g}", f"{entrant.predict_seconds_per_1000_rows:.2g}"
        rows.append((contest.problem, entrant.name, str(entrant.n_fits), *seconds))
    return rows


def plot_claim(claim: Claim, path: Path) -> Path:
    """Draw what the net gains over boosting on each problem, in multiples of the difference that matters."""
    groups = {kind: [each for each in claim.contests if each.kind == kind] for kind in CLAIMED}
    shown = {kind: contests for kind, contests in groups.items() if contests}
    ends = [abs(end) / each.matters_from for each in claim.contests for end in each.interval]
    edge = min(WIDEST, 1.1 * max(2.0, *ends))
    picture = figure(10, 1.6 + sum(0.9 + 0.5 * len(contests) for contests in shown.values()))
    ratios = [1 + len(contests) for contests in shown.values()]
    panels = picture.subplots(len(shown), squeeze=False, height_ratios=ratios, sharex=True)
    for axes, (kind, contests) in zip(panels[:, 0], shown.items(), strict=True):
        _draw(axes, kind, contests, edge)
    panels[-1, 0].set_xlabel(
        f"gain of the best net over the best gradient boosting, {CONFIDENCE:.0%} interval, in multiples of the"
        " difference that matters\n← gradient boosting is better      the deep net is better →"
    )
    picture.suptitle("Gradient boosting for tables, deep learning for perception?")
    return save(picture, path)


def _draw(axes: "Axes", kind: Kind, contests: list[Contest], edge: float) -> None:
    axes.axvspan(-1, 1, color=GREY, alpha=0.2, linewidth=0)
    axes.axvline(0, color=GREY, linewidth=1)
    for row, each in enumerate(contests):
        colour = COLOURS[each.result]
        in_margins = np.array([each.interval[0], each.gain, each.interval[1]]) / each.matters_from
        low, gain, high = np.clip(in_margins, -edge, edge)
        axes.plot([low, high], [row, row], color=colour, linewidth=2.5)
        axes.plot(gain, row, "o", color=colour, markersize=7)
    names = [f"{each.problem}\n{each.net.name} − {each.boosting.name}" for each in contests]
    axes.set_yticks(range(len(contests)), names, fontsize=8)
    results = axes.secondary_yaxis("right")
    results.set_yticks(range(len(contests)), [RESULTS[each.result] for each in contests], fontsize=9)
    results.tick_params(length=0)
    axes.set(xlim=(-edge * 1.02, edge * 1.02), ylim=(len(contests) - 0.5, -0.5))
    axes.set_title(f"{kind}: {WORDS[CLAIMED[kind]]} should be better", loc="left", fontsize=10)
