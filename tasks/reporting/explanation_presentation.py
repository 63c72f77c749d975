"""What contenders rest on: in words, as a table and as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.insight.explanation import Explained, Explanation
from tasks.insight.importance import CANDIDATES, Effect, Floats
from tasks.reporting.wording import (
    FAMILY_COLOURS,
    GREY,
    TITLES,
    Presentation,
    Table,
    figure,
    is_ink,
    save,
    short,
    titled,
    with_unit,
)
from tasks.specs import listed
from tasks.statistics import CONFIDENCE
from tasks.store import load_arrays

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 30  # columns that a terminal shows; all are in the table that MLflow keeps
WORDS_OF_A_CLASS = 5
NAMED = 3  # columns that a sentence names
WORDS_NAMED = 5
MOST_COLUMNS = 25  # columns of a table in one picture
BESIDE = 2  # pictures in a row, each with its maps
PERCENT = 99.5  # of the maps' values, at which their scale ends
MOST_CLASSES, MOST_WORDS = 12, 6  # panels, and words in each, where there are several classes


def tell_explanation(explanation: Explanation) -> Presentation:
    """Return all that is told of an explanation; the table that MLflow keeps has all effects."""
    said = say_explanation(explanation)
    draw = {"permutation": plot_columns, "removal": plot_words, "occlusion": plot_occlusion}[explanation.method]
    return Presentation(
        tables=[explanation_table(explanation)],
        sentences=[said],
        apart=True,
        note=f"\nMLflow run {explanation.mlflow_run_id} holds the picture, and all effects as a table and as JSON.",
        draw=lambda path: draw(explanation, path),
        picture="explanation.png",
        summary=said,
        decides=False,
        rows=[_row(effect) for effect in explanation.effects],
    )


def _row(effect: Effect) -> dict[str, object]:
    low, high = (f"{end:.6g}" for end in effect.interval) if effect.interval else ("", "")
    own = effect.model_dump(exclude={"interval"}) | {"effect": f"{effect.effect:.6g}"}
    return own | {"low": low, "high": high}


def say_explanation(explanation: Explanation) -> str:
    """Return what the best net and the best gradient boosting rest on, and how far they agree."""
    say = {"permutation": _say_columns, "removal": _say_words, "occlusion": _say_pictures}[explanation.method]
    return " ".join(sentence for sentence in say(explanation) if sentence)


def _say_columns(explanation: Explanation) -> list[str]:
    title, unit = TITLES[explanation.metric], with_unit(explanation.metric, explanation.unit)
    said = []
    for contender in explanation.foremost:
        effects = sorted(explanation.of(contender.name).values(), key=lambda effect: -effect.effect)
        first, *others = effects[:NAMED]
        then = f", then on {listed([effect.feature for effect in others])}" if others else ""
        worse = f"shuffled, it makes the {title} worse by {first.effect:.3g}{unit}"
        said.append(f"{contender.name} rests most on {first.feature} ({worse}){then}.")
    return [*said, _agreement(explanation)]


def _agreement(explanation: Explanation) -> str:
    """Spearman's rank correlation of two contenders' importances."""
    from scipy.stats import spearmanr

    features = explanation.ranked()
    if len(explanation.foremost) < 2 or len(features) < NAMED:
        return ""
    first, second = (explanation.of(contender.name) for contender in explanation.foremost)
    effects = [(first[feature].effect, second[feature].effect) for feature in features]
    correlation = float(spearmanr([one for one, _ in effects], [other for _, other in effects]).statistic)
    return f"Their orders of the {len(features)} columns agree with a rank correlation of {correlation:.2f}."


def _say_words(explanation: Explanation) -> list[str]:
    caution = (
        f"They are the extremes of up to {CANDIDATES:,} words on these same texts, so on others most of their effects"
        " will be nearer to zero."
    )
    classes = explanation.classes
    if len(classes) > 2:
        losses = "the words whose loss costs it the most probability"
        return [f"For each of {len(classes)} classes, {losses}, of {explanation.rows} test texts.", caution]
    ranked = explanation.ranked(explanation.second_class)
    up, down = listed(ranked[:WORDS_NAMED]), listed(ranked[::-1][:WORDS_NAMED])
    if not classes:
        return [f"What raises the prediction most: {up}; what lowers it most: {down}.", caution]
    return [f"What speaks most for {classes[1]}: {up}; what speaks most for {classes[0]}: {down}.", caution]


def _say_pictures(explanation: Explanation) -> list[str]:
    side, losses = explanation.patch, []
    for contender in explanation.foremost:
        own = [effect.effect for effect in explanation.effects if effect.contender == contender.name]
        losses.append(f"{contender.name} {float(np.mean(own)):.2f}")
    said = (
        f"Covering the patch of {side} x {side} pixels that matters most takes this much probability from the true"
        f" class, as a mean over {explanation.rows} test pictures: {', '.join(losses)}."
    )
    return [said, _map_agreement(explanation)]


def _map_agreement(explanation: Explanation) -> str:
    """The correlation of two contenders' maps, pixel by pixel, as a mean over the pictures where neither is flat."""
    if explanation.maps is None or len(explanation.foremost) < 2:
        return ""
    _, maps = _maps_of(explanation)
    first, second = maps.reshape(*maps.shape[:2], -1)
    shown = (first.std(axis=1) > 0) & (second.std(axis=1) > 0)
    if not shown.any():
        return ""
    agreement = np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(first[shown], second[shown], strict=True)])
    return f"Their maps correlate by {float(agreement):.2f}."


def explanation_table(explanation: Explanation) -> Table:
    """Return the effects on the best net and the best boosting, and as a mean over all contenders."""
    title, foremost = title_of(explanation), explanation.foremost
    names = [contender.name for contender in foremost]
    if explanation.method == "removal" and len(explanation.classes) > 2:
        rows = [[label, *(_words_of(explanation, name, label) for name in names)] for label in explanation.classes]
        return Table(title, ["class", *names], rows, "w" * (1 + len(names)))
    if explanation.method == "occlusion":
        columns = [[effect for effect in explanation.effects if effect.contender == name] for name in names]
        rows = [
            [own[0].feature.removeprefix("picture "), own[0].label, *(short(effect.effect) for effect in own)]
            for own in zip(*columns, strict=True)
        ]
        return Table(title, ["test picture", "class", *names], rows, "ww" + "r" * len(names))
    texts = explanation.method == "removal"
    label = explanation.second_class if texts else ""
    judged = [contender.name for contender in explanation.contenders if contender.family != "floor"]
    effects = {contender.name: explanation.of(contender.name, label) for contender in explanation.contenders}
    headings = [heading for name in names for heading in (name, f"{CONFIDENCE:.0%} interval")]
    rows = []
    for feature in explanation.ranked(label)[:MOST]:
        counts = [str(effects[explanation.contenders[0].name][feature].rows)] if texts else []
        cells = [cell for name in names for cell in _cells(effects[name][feature])]
        mean = sum(effects[name][feature].effect for name in judged) / max(1, len(judged))
        rows.append([feature, *counts, *cells, short(mean)])
    headings = [*(["word", "texts"] if texts else ["column"]), *headings, f"mean of {len(judged)}"]
    return Table(title, headings, rows, "w" + "r" * (len(headings) - 1))


def _cells(effect: Effect) -> tuple[str, str]:
    low, high = effect.interval or (effect.effect, effect.effect)
    return short(effect.effect), f"{short(low)} to {short(high)}"


def _words_of(explanation: Explanation, contender: str, label: str) -> str:
    effects = sorted(explanation.of(contender, label).values(), key=lambda effect: -effect.effect)
    return ", ".join(f"{effect.feature} {effect.effect:+.2f}" for effect in effects[:WORDS_OF_A_CLASS])


def title_of(explanation: Explanation) -> str:
    """Return what the numbers are."""
    name, rows = explanation.experiment, explanation.rows
    if explanation.method == "permutation":
        how = f"when a column is shuffled ({explanation.n_repeats} shuffles of {rows} test rows)"
        return f"{name}: {titled(explanation.metric, explanation.unit)} worse by, {how}"
    if explanation.method == "occlusion":
        side = explanation.patch
        return f"{name}: most that the true class's probability loses when {side} x {side} pixels are covered"
    if len(explanation.classes) > 2:
        return f"{name}: the words that each class owes most to ({rows} test texts)"
    what = f"the probability of {explanation.second_class}" if explanation.classes else "the prediction"
    return f"{name}: what {what} owes to a word, in those of {rows} test texts that have it"


def plot_columns(explanation: Explanation, path: Path) -> Path:
    """Draw each column's importance to the best net and the best boosting, and to all contenders."""
    features = explanation.ranked()[:MOST_COLUMNS]
    names = [contender.name for contender in explanation.contenders]
    picture = figure(8 + 0.36 * len(names), 2.4 + 0.36 * len(features))
    dots, cells = picture.subplots(1, 2, sharey=True, width_ratios=[5, 1 + 0.45 * len(names)])
    _draw_effects(dots, explanation, "", features)
    unit = with_unit(explanation.metric, explanation.unit)
    title = TITLES[explanation.metric]
    dots.set_xlabel(f"{title} worse by ({unit.strip() or title}), {CONFIDENCE:.0%} interval")
    dots.set_yticks(range(len(features)), features)
    dots.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=9, frameon=False)
    values = np.array([[explanation.of(name)[feature].effect for name in names] for feature in features])
    image = cells.imshow(values, cmap="Blues", vmin=0, aspect="auto")
    cells.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    cells.tick_params(length=0)
    picture.colorbar(image, ax=cells, label=f"{title} worse by")
    picture.suptitle(
        f"{explanation.experiment}: how much worse when a column is shuffled ({explanation.n_repeats} times, on"
        f" {explanation.rows} test rows)"
    )
    return save(picture, path)


def plot_words(explanation: Explanation, path: Path) -> Path:
    """Draw what the prediction loses with each word, for all contenders, the best two with intervals."""
    several = len(explanation.classes) > 2
    labels = _telling_classes(explanation) if several else [explanation.second_class]
    columns = min(4, len(labels)) if several else 1
    rows = -(-len(labels) // columns)
    picture = figure(4.2 * columns, 0.9 + 2.6 * rows) if several else figure(8, 7.5)
    panels = picture.subplots(rows, columns, squeeze=False)
    for axes, label in zip(panels.flat, labels, strict=False):
        ranked = explanation.ranked(label)
        _draw_words(axes, explanation, label, ranked[:MOST_WORDS] if several else ranked)
        if several:
            axes.set_title(label, fontsize=10)
    for axes in panels.flat[len(labels) :]:
        axes.axis("off")
    handles, names = panels[0, 0].get_legend_handles_labels()
    picture.legend(handles, names, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    what = (
        "the class's probability" if several else f"the probability of {labels[0]}" if labels[0] else "the prediction"
    )
    picture.suptitle(f"{explanation.experiment}: what {what} owes to a word, mean over the test texts that have it")
    return save(picture, path)


def _telling_classes(explanation: Explanation) -> list[str]:
    """The classes that owe the most to single words, in the order of their numbers."""
    most = {
        label: max(effect.effect for effect in explanation.effects if effect.label == label)
        for label in explanation.classes
    }
    kept = sorted(most, key=lambda label: -most[label])[:MOST_CLASSES]
    return [label for label in explanation.classes if label in kept]


def plot_occlusion(explanation: Explanation, path: Path) -> Path:
    """Draw test pictures, and where covering them costs the true class its probability."""
    shown, side = explanation.foremost, explanation.patch
    pictures, maps = _maps_of(explanation)
    first = explanation.contenders[0].name
    labels = [effect.label for effect in explanation.effects if effect.contender == first]
    most = max(0.05, float(np.percentile(np.abs(maps), PERCENT)))
    beside, across = min(BESIDE, len(labels)), 1 + len(shown)
    deep = -(-len(labels) // beside)
    picture = figure(1.25 * across * beside, 0.9 + 1.3 * deep)
    panels = picture.subplots(deep, across * beside, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    shades: dict[str, Any] = {"cmap": "gray_r"} if is_ink(pictures) else {"cmap": "gray", "vmin": 0, "vmax": 1}
    image: Any = None
    for number, label in enumerate(labels):
        original, *others = panels[number // beside, number % beside * across :][:across]
        original.imshow(pictures[number], **shades)
        original.set_title(label, fontsize=8)
        for axes, contender, lost in zip(others, shown, maps[:, number], strict=True):
            image = _draw_map(axes, pictures[number], lost, most)
            axes.set_title(f"{contender.name}: {lost.max():.2f}", fontsize=7)
    picture.colorbar(image, ax=panels, shrink=0.5, label="probability of the true class lost")
    picture.suptitle(f"{explanation.experiment}: what a covered patch of {side} x {side} pixels costs")
    return save(picture, path)


def _maps_of(explanation: Explanation) -> tuple[NDArray[np.generic], Floats]:
    """The test pictures that are shown, and the maps of the foremost contenders."""
    if explanation.maps is None:
        raise ValueError("an explanation of pictures has maps")
    kept, names = load_arrays(explanation.maps), [contender.name for contender in explanation.contenders]
    own = [names.index(contender.name) for contender in explanation.foremost]
    return kept["pictures"], kept["maps"][own].astype(np.float64)


def _draw_map(axes: "Axes", picture: NDArray[np.generic], lost: Floats, most: float) -> Any:
    """A map over its picture, red where covering costs; a picture in colour is drawn in grey."""
    grey = picture if picture.ndim == 2 else picture.astype(np.float64).mean(axis=-1)
    axes.imshow(grey, cmap="gray_r", alpha=0.35)
    return axes.imshow(lost, cmap="RdBu_r", vmin=-most, vmax=most, alpha=0.7)


def _draw_words(axes: "Axes", explanation: Explanation, label: str, words: list[str]) -> None:
    foremost: Sequence[Explained] = explanation.foremost
    for contender in explanation.contenders:
        if contender not in foremost and contender.family != "floor":
            effects = explanation.of(contender.name, label)
            axes.plot([effects[word].effect for word in words], range(len(words)), ".", color=GREY, alpha=0.5)
    _draw_effects(axes, explanation, label, words)
    axes.plot([], [], ".", color=GREY, alpha=0.5, label="the others")
    axes.set_yticks(range(len(words)), words, fontsize=9)


def _draw_effects(axes: "Axes", explanation: Explanation, label: str, features: list[str]) -> None:
    """A dot for each feature, and its interval as a line, for the best net and the best boosting."""
    axes.axvline(0, color=GREY, linewidth=1)
    for shift, contender in zip((-0.13, 0.13), explanation.foremost, strict=False):
        effects, colour = explanation.of(contender.name, label), FAMILY_COLOURS[contender.family]
        for row, feature in enumerate(features):
            interval = effects[feature].interval or ()
            axes.plot(interval, [row + shift] * len(interval), color=colour, linewidth=1.5)
        values = [effects[feature].effect for feature in features]
        axes.plot(values, np.arange(len(features)) + shift, "o", color=colour, markersize=5, label=contender.name)
    axes.set_ylim(len(features) - 0.5, -0.5)
    axes.grid(axis="x", color=GREY, alpha=0.25)
