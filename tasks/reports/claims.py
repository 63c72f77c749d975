"""What the verdicts of several experiments say of a claim about kinds of data.

The claim is that of chapter 1 of Chollet's *Deep Learning with Python*: gradient boosting for structured data, deep
learning for problems of perception, such as pictures and texts.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from pydantic import Field

from tasks.comparison import Verdict
from tasks.metrics import METRICS, MetricName
from tasks.reports.report import LeaderboardEntry, Report, best_of
from tasks.specs import BakeoffError, Family, Spec
from tasks.statistics.bootstrap import CONFIDENCE
from tasks.statistics.significance import holm_factors

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


class Entrant(Spec):
    """The best of a family on a problem: its score on the rows that the verdict rests on, and what it took to fit."""

    name: str
    score: float
    fit_seconds: float
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
        fit_seconds=entry.fit_seconds,
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
        return f"Chapter 1's claim does not hold here: {_listed(against)} contradict{'s' * (len(against) == 1)} it."
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
        f"{says[result]} {_listed(problems)}"
        for result in says
        if (problems := [each.problem for each in contests if each.result == result])
    ]
    return f"{kind.capitalize()}: {'; '.join(parts)}."


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
