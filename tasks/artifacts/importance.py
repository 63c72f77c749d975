"""What contenders rest on, as a table and as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.artifacts.figures import FAMILY_COLOURS, GREY, figure, is_ink, save
from tasks.data.vectorization import Arrays
from tasks.importance.explanation import Effect, Explained, Explanation, Floats
from tasks.reports.wording import TITLES, with_unit
from tasks.statistics.bootstrap import CONFIDENCE
from tasks.store import load_arrays

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DOCUMENT, TABLE, PICTURE = "explanation.json", "explanation.csv", "explanation.png"
MOST_COLUMNS = 25  # columns of a table in one picture
BESIDE = 2  # pictures in a row, each with its maps
PERCENT = 99.5  # of the maps' values, at which their scale ends
MOST_CLASSES, MOST_WORDS = 12, 6  # panels, and words in each, where there are several classes


def write_explanation(explanation: Explanation, arrays: Arrays, folder: Path) -> None:
    """Writes the document, all effects as a table, and a picture of them into a folder."""
    (folder / DOCUMENT).write_text(explanation.model_dump_json(indent=2), encoding="utf8")
    effects_frame(explanation).to_csv(folder / TABLE, index=False, float_format="%.6g")
    if explanation.method == "occlusion":
        plot_occlusion(explanation, arrays, folder)
    elif explanation.method == "removal":
        plot_words(explanation, folder)
    else:
        plot_columns(explanation, folder)


def effects_frame(explanation: Explanation) -> "pd.DataFrame":
    """A row for each contender, label and feature: the effect and the ends of its interval."""
    import pandas as pd

    frame = pd.DataFrame([each.model_dump(exclude={"interval"}) for each in explanation.effects])
    ends = [each.interval or (np.nan, np.nan) for each in explanation.effects]
    return frame.assign(low=[low for low, _ in ends], high=[high for _, high in ends])


def plot_columns(explanation: Explanation, folder: Path) -> Path:
    """Each column's importance to the best net and the best boosting, and to all contenders (explanation.png)."""
    features = explanation.ranked()[:MOST_COLUMNS]
    picture = figure(8 + 0.36 * len(explanation.contenders), 2.4 + 0.36 * len(features))
    dots, cells = picture.subplots(1, 2, sharey=True, width_ratios=[5, 1 + 0.45 * len(explanation.contenders)])
    dots.axvline(0, color=GREY, linewidth=1)
    for shift, contender in zip((-0.13, 0.13), explanation.foremost, strict=False):
        _draw_effects(dots, explanation.of(contender.name), features, contender, shift)
    unit = with_unit(explanation.metric, explanation.unit)
    title = TITLES[explanation.metric]
    dots.set_xlabel(f"{title} worse by ({unit.strip() or title}), {CONFIDENCE:.0%} interval")
    dots.set_yticks(range(len(features)), features)
    dots.set_ylim(len(features) - 0.5, -0.5)
    dots.grid(axis="x", color=GREY, alpha=0.25)
    dots.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=9, frameon=False)
    names = [each.name for each in explanation.contenders]
    values = np.array([[explanation.of(name)[feature].effect for name in names] for feature in features])
    image = cells.imshow(values, cmap="Blues", vmin=0, aspect="auto")
    cells.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    cells.tick_params(length=0)
    picture.colorbar(image, ax=cells, label=f"{title} worse by")
    picture.suptitle(
        f"{explanation.experiment}: how much worse when a column is shuffled ({explanation.n_repeats} times, on"
        f" {explanation.rows} test rows)"
    )
    return save(picture, folder / PICTURE)


def plot_words(explanation: Explanation, folder: Path) -> Path:
    """What the prediction loses with each word, for all contenders, the best two with intervals (explanation.png)."""
    several = len(explanation.classes) > 2
    labels = _telling_classes(explanation) if several else [explanation.classes[1] if explanation.classes else ""]
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
    return save(picture, folder / PICTURE)


def plot_occlusion(explanation: Explanation, arrays: Arrays, folder: Path) -> Path:
    """Test pictures, and where covering them costs the true class its probability (explanation.png)."""
    shown = explanation.foremost
    rows, maps = _maps_of(explanation, shown)
    pictures = arrays.test()[0][rows].reshape(len(rows), *arrays.shape)
    labels = [arrays.classes[int(number)] for number in arrays.y("test")[rows]]
    most = max(0.05, float(np.percentile(np.abs(maps), PERCENT)))
    beside, across = min(BESIDE, len(rows)), 1 + len(shown)
    deep = -(-len(rows) // beside)
    picture = figure(1.25 * across * beside, 0.9 + 1.3 * deep)
    panels = picture.subplots(deep, across * beside, squeeze=False)
    for axes in panels.flat:
        axes.axis("off")
    shades: dict[str, Any] = {"cmap": "gray_r"} if is_ink(pictures) else {"cmap": "gray", "vmin": 0, "vmax": 1}
    image: Any = None
    for number, label in enumerate(labels):
        first, *others = panels[number // beside, number % beside * across :][:across]
        first.imshow(pictures[number], **shades)
        first.set_title(label, fontsize=8)
        for axes, contender, own in zip(others, shown, maps[:, number], strict=True):
            image = _draw_map(axes, pictures[number], own, most)
            axes.set_title(f"{contender.name}: {own.max():.2f}", fontsize=7)
    picture.colorbar(image, ax=panels, shrink=0.5, label="probability of the true class lost")
    side = explanation.patch
    picture.suptitle(f"{explanation.experiment}: what a covered patch of {side} x {side} pixels costs")
    return save(picture, folder / PICTURE)


def _maps_of(explanation: Explanation, contenders: Sequence[Explained]) -> tuple[NDArray[np.int64], Floats]:
    """The numbers of the test rows that are shown, and the maps of these contenders."""
    if explanation.maps is None:
        raise ValueError("an explanation of pictures has maps")
    kept = load_arrays(explanation.maps)
    names = [each.name for each in explanation.contenders]
    own = [names.index(each.name) for each in contenders]
    return kept["rows"].astype(np.int64), kept["maps"][own].astype(np.float64)


def _draw_map(axes: "Axes", picture: NDArray[np.generic], lost: Floats, most: float) -> Any:
    """A map over its picture, red where covering costs; a picture in colour is drawn in grey."""
    grey = picture if picture.ndim == 2 else picture.astype(np.float64).mean(axis=-1)
    axes.imshow(grey, cmap="gray_r", alpha=0.35)
    return axes.imshow(lost, cmap="RdBu_r", vmin=-most, vmax=most, alpha=0.7)


def _telling_classes(explanation: Explanation) -> list[str]:
    """The classes that owe the most to single words, in the order of their numbers."""
    most = {
        label: max(each.effect for each in explanation.effects if each.label == label) for label in explanation.classes
    }
    kept = sorted(most, key=lambda label: -most[label])[:MOST_CLASSES]
    return [label for label in explanation.classes if label in kept]


def _draw_words(axes: "Axes", explanation: Explanation, label: str, words: list[str]) -> None:
    axes.axvline(0, color=GREY, linewidth=1)
    foremost = {each.name for each in explanation.foremost}
    for contender in explanation.contenders:
        if contender.name not in foremost and contender.family != "floor":
            effects = explanation.of(contender.name, label)
            axes.plot([effects[word].effect for word in words], range(len(words)), ".", color=GREY, alpha=0.5)
    for shift, contender in zip((-0.13, 0.13), explanation.foremost, strict=False):
        _draw_effects(axes, explanation.of(contender.name, label), words, contender, shift)
    axes.plot([], [], ".", color=GREY, alpha=0.5, label="the others")
    axes.set_yticks(range(len(words)), words, fontsize=9)
    axes.set_ylim(len(words) - 0.5, -0.5)
    axes.grid(axis="x", color=GREY, alpha=0.25)


def _draw_effects(
    axes: "Axes", effects: dict[str, Effect], features: list[str], contender: Explained, shift: float
) -> None:
    """A dot for each feature, and its interval as a line."""
    colour = FAMILY_COLOURS[contender.family]
    for row, feature in enumerate(features):
        effect = effects[feature]
        axes.plot(effect.interval or [], [row + shift] * len(effect.interval or []), color=colour, linewidth=1.5)
    values = [effects[feature].effect for feature in features]
    axes.plot(values, np.arange(len(features)) + shift, "o", color=colour, markersize=5, label=contender.name)
