"""What contenders rest on, as people read it."""

from typing import TYPE_CHECKING

from flows.leaderboard import plain_table, short
from tasks.importance.explanation import Effect, Explained, Explanation
from tasks.reports.wording import TITLES, with_unit
from tasks.statistics.bootstrap import CONFIDENCE

if TYPE_CHECKING:
    from rich.table import Table

MOST = 30  # columns that a terminal shows; all are in the table that MLflow keeps
WORDS_OF_A_CLASS = 5
CELLS = {"permutation": "column", "removal": "word", "occlusion": "picture"}


def explanation_table(explanation: Explanation) -> "Table":
    """The effects on the best net and the best boosting, and as a mean over all contenders."""
    if explanation.method == "removal" and len(explanation.classes) > 2:
        return _classes_table(explanation)
    if explanation.method == "occlusion":
        return _pictures_table(explanation)
    table = plain_table(title_of(explanation))
    table.add_column(CELLS[explanation.method])
    if explanation.method == "removal":
        table.add_column("texts", justify="right", no_wrap=True)
    for contender in explanation.foremost:
        table.add_column(contender.name, justify="right", no_wrap=True)
        table.add_column(f"{CONFIDENCE:.0%} interval", justify="right", no_wrap=True)
    judged = [each for each in explanation.contenders if each.family != "floor"]
    table.add_column(f"mean of {len(judged)}", justify="right", no_wrap=True)
    label = explanation.classes[1] if explanation.method == "removal" and explanation.classes else ""
    effects = {each.name: explanation.of(each.name, label) for each in explanation.contenders}
    for feature in explanation.ranked(label)[:MOST]:
        cells = [cell for each in explanation.foremost for cell in _cells(effects[each.name][feature])]
        mean = sum(effects[each.name][feature].effect for each in judged) / max(1, len(judged))
        rows = [str(effects[explanation.contenders[0].name][feature].rows)] if explanation.method == "removal" else []
        table.add_row(feature, *rows, *cells, short(mean))
    return table


def title_of(explanation: Explanation) -> str:
    """What the numbers are."""
    name, rows = explanation.experiment, explanation.rows
    if explanation.method == "permutation":
        unit = with_unit(explanation.metric, explanation.unit)
        return (
            f"{name}: {TITLES[explanation.metric]}{unit} worse by, when a column is shuffled ({explanation.n_repeats}"
            f" shuffles of {rows} test rows)"
        )
    if explanation.method == "occlusion":
        side = explanation.patch
        return f"{name}: most that the true class's probability loses when {side} x {side} pixels are covered"
    if len(explanation.classes) > 2:
        return f"{name}: the words that each class owes most to ({rows} test texts)"
    what = f"the probability of {explanation.classes[1]}" if explanation.classes else "the prediction"
    return f"{name}: what {what} owes to a word, in those of {rows} test texts that have it"


def _cells(effect: Effect) -> tuple[str, str]:
    low, high = effect.interval or (effect.effect, effect.effect)
    return short(effect.effect), f"{short(low)} to {short(high)}"


def _classes_table(explanation: Explanation) -> "Table":
    """The words of each class, with those first that its best net, or its best boosting, owes most to."""
    table = plain_table(title_of(explanation))
    table.add_column("class")
    for contender in explanation.foremost:
        table.add_column(contender.name)
    for label in explanation.classes:
        table.add_row(label, *(_words_of(explanation, each, label) for each in explanation.foremost))
    return table


def _words_of(explanation: Explanation, contender: Explained, label: str) -> str:
    effects = sorted(explanation.of(contender.name, label).values(), key=lambda each: -each.effect)
    return ", ".join(f"{each.feature} {each.effect:+.2f}" for each in effects[:WORDS_OF_A_CLASS])


def _pictures_table(explanation: Explanation) -> "Table":
    table = plain_table(title_of(explanation))
    table.add_column("test picture")
    table.add_column("class")
    for contender in explanation.foremost:
        table.add_column(contender.name, justify="right", no_wrap=True)
    columns = [
        [each for each in explanation.effects if each.contender == contender.name] for contender in explanation.foremost
    ]
    for first, *others in zip(*columns, strict=True):
        row = first.feature.removeprefix("picture ")
        table.add_row(row, first.label, *(short(each.effect) for each in (first, *others)))
    return table
