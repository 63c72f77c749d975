"""`bakeoff explain`: from a run's kept models to the table, the picture and the document."""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.image import imread
from typer.testing import CliRunner

from flows import launch
from flows.cli.main import app
from flows.console import PlainConsole
from flows.experiment import load
from flows.studies.explain import chosen_contenders, report_to_explain
from flows.studies.study import rich_table
from tasks.insight.explanation import Explained, Explanation
from tasks.insight.importance import Effect
from tasks.models.baselines.pipelines import SklearnSpec
from tasks.printable import printable
from tasks.reporting.explanation_presentation import (
    MOST,
    explanation_table,
    plot_occlusion,
    plot_words,
    say_explanation,
    tell_explanation,
)
from tasks.specs import BakeoffError
from tasks.store import store_arrays
from tasks.tracking.connection import connect
from tests.builders import picture_arrays
from tests.owned_words import WORDS

CONTENT = {
    "dataset": {"kind": "wine"},
    "validation": {"n_splits": 2, "n_repeats": 1},
    "metric": "accuracy",
    "equivalent_within": 0.01,
    "contenders": {
        "trees": {"kind": "hist_gradient_boosting", "params": {"max_iter": 10}},
        "logistic": {"kind": "logistic_regression"},
        "floor": {"kind": "dummy"},
    },
}
NET, TREES = Explained(name="net", family="network"), Explained(name="trees", family="boosting")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which an experiment has been run, and from then on nothing can be fitted."""
    folder = tmp_path_factory.mktemp("explain")
    (folder / "conf").mkdir()
    for name in ("wine", "other"):
        (folder / "conf" / f"{name}.yaml").write_text(yaml.safe_dump(CONTENT))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        launch.run(load("wine"))
        patch.setattr(SklearnSpec, "fit", lambda *_: pytest.fail("a contender was fitted"))
        yield folder


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.servers
def test_kept_models_are_asked_and_nothing_is_trained(here: Path) -> None:
    asked = CliRunner().invoke(app, ["explain", "wine", "--json", "--repeats", "3", "--debug"])
    found = Explanation.model_validate(json.loads(asked.stdout))
    assert (found.method, found.rows, found.n_repeats, len(found.effects)) == ("permutation", 36, 3, 3 * 13)
    assert {each.name for each in found.contenders} == {"trees", "logistic", "floor"}
    assert all(each.effect == 0 for each in found.of("floor").values())
    assert max(each.effect for each in found.of("trees").values()) > 0.02
    artifacts = {each.path for each in connect().list_artifacts(found.mlflow_run_id)}
    assert artifacts == {"explanation.csv", "explanation.json", "explanation.png"}
    picture = connect().download_artifacts(found.mlflow_run_id, "explanation.png", str(here))
    assert imread(picture).std() > 0.05
    tags = connect().get_run(found.mlflow_run_id).data.tags
    assert tags["mlflow.runName"] == "wine explanation"
    assert tags["mlflow.note.content"] == say_explanation(found)


@pytest.mark.servers
@pytest.mark.usefixtures("here")
def test_what_was_not_run_as_it_is_now_is_refused() -> None:
    with pytest.raises(
        BakeoffError, match="wine has no finished run with these settings, data and code; `bakeoff run`"
    ):
        report_to_explain(load("wine", ["validation.n_repeats=2"]))
    with pytest.raises(BakeoffError, match="other has no finished run"):
        report_to_explain(load("other"))


@pytest.mark.servers
@pytest.mark.usefixtures("here")
def test_contenders_are_all_or_those_named_best_first_and_of_pictures_the_best_net_and_boosting() -> None:
    report = report_to_explain(load("wine"))
    best_first = [entry.name for entry in report.contenders]
    assert chosen_contenders(report, []) == best_first
    assert chosen_contenders(report, ["floor", "trees"]) == [name for name in best_first if name != "logistic"]
    with pytest.raises(BakeoffError, match="wine has no contender 'tree'; did you mean trees"):
        chosen_contenders(report, ["tree"])
    families = ("classic", "boosting", "network")
    entries = [
        entry.model_copy(update={"family": family}) for entry, family in zip(report.contenders, families, strict=True)
    ]
    pictures = report.model_copy(
        update={"contenders": tuple(entries), "dataset": report.dataset.model_copy(update={"form": "pixels"})}
    )
    assert chosen_contenders(pictures, []) == best_first[1:]


def made(method: str, classes: Sequence[str], effects: Sequence[Effect], **others: object) -> Explanation:
    fields = {
        "experiment": "made", "dataset": "made", "form": "table", "metric": "accuracy", "unit": "", "rows": 40,
        "contenders": (NET, TREES),
    }  # fmt: skip
    return Explanation.model_validate(
        fields | {"method": method, "classes": tuple(classes), "effects": tuple(effects)} | others
    )


def effects_of(contender: str, label: str, values: dict[str, float]) -> list[Effect]:
    return [
        Effect(
            contender=contender, feature=name, label=label, effect=value, interval=(value - 0.1, value + 0.1), rows=9
        )
        for name, value in values.items()
    ]


def shown(explanation: Explanation) -> str:
    console = PlainConsole(file=io.StringIO(), width=200)
    console.print(rich_table(explanation_table(explanation)))
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_columns_are_named_in_the_order_of_their_importance_to_each_contender() -> None:
    effects = [
        *effects_of("net", "", {"a": 0.1, "b": 0.3, "c": 0.2}),
        *effects_of("trees", "", {"a": 0.4, "b": 0.3, "c": 0.0}),
    ]
    said = say_explanation(made("permutation", "xy", effects))
    assert said == (
        "net rests most on b (shuffled, it makes the accuracy worse by 0.3), then on c, a."
        " trees rests most on a (shuffled, it makes the accuracy worse by 0.4), then on b, c."
        " Their orders of the 3 columns agree with a rank correlation of -0.50."
    )
    lines = shown(made("permutation", "xy", effects)).splitlines()
    assert [line.split()[0] for line in lines[-4:-1]] == ["b", "a", "c"]
    assert lines[-4].split() == ["b", "0.300", "0.200", "to", "0.400", "0.300", "0.200", "to", "0.400", "0.300"]


def test_words_are_shown_for_both_sides_of_two_classes_and_for_each_of_several(tmp_path: Path) -> None:
    two = [each for name in ("net", "trees") for each in effects_of(name, "good", {"fine": 0.3, "dull": -0.2})]
    explanation = made("removal", ("bad", "good"), two)
    said = say_explanation(explanation)
    assert said.startswith("What speaks most for good: fine, dull; what speaks most for bad: dull, fine. They are the")
    assert said.endswith(
        "of up to 1,000 words on these same texts, so on others most of their effects will be nearer to zero."
    )
    assert "fine 9 0.300 0.200 to 0.400 0.300 0.200 to 0.400 0.300" in " ".join(shown(explanation).split())
    assert imread(plot_words(explanation, tmp_path / "words.png")).std() > 0.05
    several = [
        each
        for name in ("net", "trees")
        for label in "abc"
        for each in effects_of(name, label, {f"{label}1": 0.2, f"{label}2": 0.1})
    ]
    explanation = made("removal", "abc", several)
    assert "b b1 +0.20, b2 +0.10 b1 +0.20, b2 +0.10 c" in " ".join(shown(explanation).split())
    told = tell_explanation(explanation)
    assert told.draw is not None
    assert imread(told.draw(tmp_path / "several.png")).std() > 0.05
    assert [*told.rows[0]] == ["contender", "feature", "label", "effect", "rows", "low", "high"]


def test_names_of_columns_words_and_classes_are_shown_as_they_are(tmp_path: Path) -> None:
    values = {word: number / 100 for number, word in enumerate(WORDS)}
    effects = [each for name in ("net", "trees") for each in effects_of(name, "", values)]
    columns = made("permutation", "xy", effects, unit="[/l]")
    words = made("removal", ("$", "$$"), [each.model_copy(update={"label": "$$"}) for each in effects])
    for explanation in (columns, words):
        table = shown(explanation)
        assert all(printable(word) in table for word in explanation.ranked(explanation.second_class)[:MOST])
        assert imread(tell_explanation(explanation).draw(tmp_path / "drawn.png")).std() > 0.05


def test_maps_lie_beside_their_pictures(tmp_path: Path) -> None:
    arrays = picture_arrays()
    maps = np.random.default_rng(0).normal(size=(2, 3, 6, 5))
    maps[1] = maps[0]
    effects = [
        Effect(contender=name, feature=f"picture {row}", label="row", effect=0.5, rows=1)
        for name in ("net", "trees")
        for row in (0, 2, 4)
    ]
    rows = np.array([0, 2, 4])
    file = store_arrays(rows=rows, maps=maps, pictures=arrays.test()[0][rows].reshape(3, *arrays.shape))
    explanation = made("occlusion", arrays.classes, effects, maps=file, patch=1, rows=3)
    assert "net 0.50, trees 0.50. Their maps correlate by 1.00." in say_explanation(explanation)
    assert "2 row 0.500 0.500" in " ".join(shown(explanation).split())
    assert imread(plot_occlusion(explanation, tmp_path / "maps.png")).std() > 0.05
