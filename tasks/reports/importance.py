"""What contenders rest on, in a sentence or two."""

import numpy as np

from tasks.importance.explanation import Explained, Explanation
from tasks.importance.words import CANDIDATES
from tasks.reports.wording import TITLES, with_unit
from tasks.specs import listed
from tasks.store import load_arrays

NAMED = 3  # columns or words that a sentence names
WORDS_NAMED = 5


def say_explanation(explanation: Explanation) -> str:
    """What the best net and the best gradient boosting rest on, and how far they agree."""
    return {"permutation": _say_columns, "removal": _say_words, "occlusion": _say_pictures}[explanation.method](
        explanation
    )


def _say_columns(explanation: Explanation) -> str:
    title, unit = TITLES[explanation.metric], with_unit(explanation.metric, explanation.unit)
    said = []
    for contender in explanation.foremost:
        effects = sorted(explanation.of(contender.name).values(), key=lambda each: -each.effect)
        first, *others = effects[:NAMED]
        then = f", then on {listed([each.feature for each in others])}" if others else ""
        worse = f"shuffled, it makes the {title} worse by {first.effect:.3g}{unit}"
        said.append(f"{contender.name} rests most on {first.feature} ({worse}){then}.")
    agreement = _agreement(explanation)
    return " ".join([*said, *([agreement] if agreement else [])])


def _agreement(explanation: Explanation) -> str:
    """Spearman's rank correlation of two contenders' importances."""
    from scipy.stats import spearmanr

    features = explanation.ranked()
    if len(explanation.foremost) < 2 or len(features) < NAMED:
        return ""
    first, second = (explanation.of(each.name) for each in explanation.foremost)
    effects = [(first[feature].effect, second[feature].effect) for feature in features]
    correlation = float(spearmanr([one for one, _ in effects], [other for _, other in effects]).statistic)
    return f"Their orders of the {len(features)} columns agree with a rank correlation of {correlation:.2f}."


def _say_words(explanation: Explanation) -> str:
    return (
        f"{_say_extremes(explanation)} They are the extremes of up to {CANDIDATES:,} words on these same texts, so on"
        " others most of their effects will be nearer to zero."
    )


def _say_extremes(explanation: Explanation) -> str:
    if len(explanation.classes) > 2:
        return (
            f"For each of {len(explanation.classes)} classes, the words whose loss costs it the most probability, of"
            f" {explanation.rows} test texts."
        )
    label = explanation.classes[1] if explanation.classes else ""
    ranked = explanation.ranked(label)
    up, down = ranked[:WORDS_NAMED], ranked[::-1][:WORDS_NAMED]
    if not label:
        return f"What raises the prediction most: {listed(up)}; what lowers it most: {listed(down)}."
    other = explanation.classes[0]
    return f"What speaks most for {label}: {listed(up)}; what speaks most for {other}: {listed(down)}."


def _say_pictures(explanation: Explanation) -> str:
    side = explanation.patch
    losses = [f"{contender.name} {_mean_effect(explanation, contender):.2f}" for contender in explanation.foremost]
    said = (
        f"Covering the patch of {side} x {side} pixels that matters most takes this much probability from the true"
        f" class, as a mean over {explanation.rows} test pictures: {', '.join(losses)}."
    )
    agreement = _map_agreement(explanation)
    return said if agreement is None else f"{said} Their maps correlate by {agreement:.2f}."


def _mean_effect(explanation: Explanation, contender: Explained) -> float:
    return float(np.mean([each.effect for each in explanation.effects if each.contender == contender.name]))


def _map_agreement(explanation: Explanation) -> float | None:
    """The correlation of two contenders' maps, pixel by pixel, as a mean over the pictures where neither is flat."""
    if explanation.maps is None or len(explanation.foremost) < 2:
        return None
    maps = load_arrays(explanation.maps, "maps")["maps"].astype(np.float64)
    names = [each.name for each in explanation.contenders]
    first, second = (maps[names.index(each.name)].reshape(maps.shape[1], -1) for each in explanation.foremost)
    shown = (first.std(axis=1) > 0) & (second.std(axis=1) > 0)
    if not shown.any():
        return None
    return float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(first[shown], second[shown], strict=True)]))
