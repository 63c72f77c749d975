"""The user's own texts: from files to word counts, in a vocabulary of each fold's own, and to predictions."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from owned import bakeoff
from pydantic import ValidationError
from typer.testing import CliRunner

from flows.cli.main import app
from tasks.data.datasets import ingest
from tasks.data.files.texts import TextFileSpec
from tasks.data.folds.splitting import HoldOutSpec, KFoldSpec, split
from tasks.data.terms import RESERVED
from tasks.data.vectorization import DesignMatrix, vectorize
from tasks.evaluation.cross_validation import Refit, evaluate, load_model, refit, score_on_test
from tasks.models.baselines.boosting import LightGBMSpec
from tasks.models.baselines.classic import LogisticRegressionSpec, MultinomialNBSpec, NBSVMSpec
from tasks.models.contenders import Contender
from tasks.models.nets.network_fits import in_vocabularies, members_of
from tasks.models.nets.networks import DenseSpec
from tasks.models.nets.optimizers import SGDSpec
from tasks.models.nets.training import Stack
from tasks.prediction import Served, describe, predict_rows, unused
from tasks.specs import BakeoffError
from tasks.store import load_arrays
from tests.builders import evaluation_of
from tests.served import champion_of

NET = DenseSpec(units=(4,), epochs=2, batch_size=16, optimizer=SGDSpec(learning_rate=0.5))
ROWS = 60


def reviews() -> pd.DataFrame:
    """Texts that say what they think of it, in words that are now and then misleading."""
    generator = np.random.default_rng(0)
    said = np.arange(ROWS) % 2
    words = np.array([["awful", "dull", "not good", "why?"], ["lovely", "moving", "not bad", "wow!"]])
    neutral = ["film", "the", "a", "story", "actor", "I", "it's"]
    texts = [
        " ".join([*generator.choice(words[verdict], 2), *generator.choice(neutral, generator.integers(1, 6))])
        for verdict in said
    ]
    return pd.DataFrame({"review": texts, "stars": np.where(said, "good", "bad"), "by": np.arange(ROWS) // 3})


def spec_of(rows: pd.DataFrame | None = None, path: str = "reviews.csv", **settings: Any) -> TextFileSpec:
    """A spec of these rows, which are written to a file."""
    if rows is not None:
        rows.to_csv(path, index=False, sep="\t" if path.endswith("tsv") else ",")
    return TextFileSpec.model_validate({"path": path, "text": "review", "target": "stars", "task": "binary"} | settings)


def arrays_of(rows: pd.DataFrame, **settings: Any) -> DesignMatrix:
    return vectorize(ingest(spec_of(rows, **settings)))


def terms_of(arrays: DesignMatrix, part: str) -> list[set[str]]:
    """Which terms each text has, by name."""
    X, _ = arrays.training() if part == "train" else arrays.test()
    known, names = arrays.in_vocabulary_of(X, np.arange(X.shape[0])) if part == "train" else X, arrays.vocabulary()
    return [{names[at - RESERVED] for at in row.indices} for row in known]


def test_texts_become_counts_of_their_terms_in_the_vocabulary_of_the_training_rows() -> None:
    rows = pd.DataFrame(
        {
            "review": ["Good, good film!", "a bad film", "good day", "bad bad day?", "good new film", "a bad film"],
            "stars": ["p", "n"] * 3,
            "part": ["train"] * 4 + ["test"] * 2,
        }
    )
    arrays = arrays_of(rows, test={"column": "part", "value": "test"}, num_words=100)
    assert set(arrays.vocabulary()) == {
        *("good", "film", "!", "a", "bad", "day", "?"),
        *("good good", "good film", "film !", "a bad", "bad film", "good day", "bad bad", "bad day", "day ?"),
    }
    assert arrays.shape == (RESERVED + 16,)
    assert terms_of(arrays, "train")[2] == {"good", "day", "good day"}
    assert terms_of(arrays, "test") == [{"good", "film"}, {"a", "bad", "film", "a bad", "bad film"}]
    X, y = arrays.test()
    assert (X.shape, y.tolist(), arrays.classes) == ((2, 19), [1, 0], ("n", "p"))
    words = arrays_of(rows, test={"column": "part", "value": "test"}, num_words=4, ngrams=1)
    assert (words.vocabulary(), words.shape) == (("bad", "day", "film", "good"), (RESERVED + 4,))


def test_rows_without_a_text_or_a_target_are_left_out_and_the_log_says_so(caplog: pytest.LogCaptureFixture) -> None:
    rows = reviews()
    rows.loc[[4, 7], "review"] = ["", "  "]
    rows.loc[9, "stars"] = ""
    with caplog.at_level(logging.INFO):
        raw = spec_of(rows).read()
    assert "3 of 60 rows have no text or no target, and are left out" in caplog.text
    pd.testing.assert_frame_equal(raw.X, rows[["review"]].drop([4, 7, 9]).reset_index(drop=True), check_dtype=False)
    assert len(raw.y) == len(raw.held_out) == ROWS - 3


def test_a_text_of_signs_alone_is_a_row_without_terms() -> None:
    rows = reviews()
    rows.loc[5, "review"] = "..."
    arrays = arrays_of(rows)
    assert sum(not terms for terms in terms_of(arrays, "train") + terms_of(arrays, "test")) == 1


def test_the_kind_of_file_makes_no_difference() -> None:
    rows = reviews()
    rows.to_parquet("reviews.parquet")
    digests = {
        ingest(spec).digest for spec in (spec_of(rows), spec_of(rows, "reviews.tsv"), spec_of(path="reviews.parquet"))
    }
    assert len(digests) == 1
    rows.loc[3, "review"] += " "
    rows.loc[4, "review"] += "x"
    assert ingest(spec_of(rows)).digest not in digests


def test_groups_stay_together_and_time_puts_the_last_rows_into_the_test() -> None:
    rows = reviews()
    raw = spec_of(rows, group_column="by").read()
    assert raw.groups is not None
    assert not set(raw.groups[raw.held_out]) & set(raw.groups[~raw.held_out])
    later = spec_of(rows.assign(day=np.arange(ROWS)[::-1]), time_column="day").read()
    assert later.X["review"].tolist() == rows["review"].tolist()[::-1]
    assert later.held_out.tolist() == [False] * 48 + [True] * 12


def write_folder(folder: Path, parts: tuple[str, ...] = ("",)) -> Path:
    """A folder with a sub-folder for each class; two texts are in other encodings than UTF-8."""
    for part in parts:
        for name, word in (("bad", "awful"), ("good", "größer")):
            (folder / part / name).mkdir(parents=True)
            for number in range(6):
                text, encoding = f"{word} story {number}", {0: "cp1252", 1: "utf-16"}.get(number, "utf-8")
                (folder / part / name / f"{number}.txt").write_text(text, encoding=encoding)
    return folder


def test_a_folder_has_a_class_in_each_sub_folder() -> None:
    folder = write_folder(Path("reviews"))
    (folder / "good" / "notes.md").write_text("no text")
    raw = TextFileSpec(path=folder, task="binary").read()
    assert raw.problem is not None
    assert (raw.problem.classes, raw.y.tolist()) == (("bad", "good"), [0] * 6 + [1] * 6)
    assert raw.X["text"].tolist()[6:9] == ["größer story 0", "größer story 1", "größer story 2"]
    assert raw.held_out.sum() == 2


def test_init_says_how_it_uses_the_parts_of_a_folder_of_texts() -> None:
    write_folder(Path("reviews"), ("training", "dev", "testing"))
    Path("reviews/notes.md").write_text("no text")
    said = bakeoff("init", "reviews").splitlines()
    assert "training and dev are learned from, and folds drawn from both; testing is kept for the test" in said
    assert "not used: 1 .md" in said


def test_a_folder_may_say_what_the_test_is() -> None:
    raw = TextFileSpec(path=write_folder(Path("reviews"), ("train", "test")), task="binary").read()
    assert raw.held_out.tolist() == [False] * 12 + [True] * 12
    assert raw.y.tolist() == ([0] * 6 + [1] * 6) * 2


@pytest.mark.parametrize(
    ("change", "settings", "said"),
    [
        ({}, {"text": "revew"}, "reviews.csv has no column revew; did you mean review?"),
        ({}, {"text": "by", "ngrams": 1}, "column by holds numbers, and texts are needed; name another column, or"),
        ({"review": ""}, {}, "column review has no texts; all are empty"),
        ({"review": "..."}, {}, "reviews.csv: no text among the rows to learn from has a word"),
        ({"stars": ["bad"] * (ROWS - 1) + ["good"]}, {}, "class good has one row; it takes two"),
        ({"stars": "good"}, {}, "column stars, the target, is 'good' in every row; there is nothing to predict"),
        ({"review": ["", "x"] * 30}, {}, "column stars, the target, is 'good' in every row"),
        ({}, {"task": "multiclass"}, "column stars has 2 classes; set task: binary"),
        ({}, {"text": None}, "is no folder with one sub-folder a class; of a file, text and target must name columns"),
        ({}, {"path": "review.csv"}, "there is no file review.csv; did you mean reviews.csv?"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(change: dict[str, Any], settings: dict[str, Any], said: str) -> None:
    spec_of(reviews().assign(**change))
    with pytest.raises(BakeoffError) as error:
        spec_of(**settings).read()
    assert said in str(error.value)


def test_a_column_of_another_type_is_no_text() -> None:
    reviews().assign(review=1.5).to_parquet("reviews.parquet")
    with pytest.raises(BakeoffError, match="column review holds double, and texts are needed"):
        spec_of(path="reviews.parquet").read()


def _take_a_class_away(folder: Path) -> None:
    for file in [*(folder / "bad").iterdir(), folder / "bad"]:
        file.rmdir() if file.is_dir() else file.unlink()


def _take_the_texts_away(folder: Path) -> None:
    for file in (folder / "bad").iterdir():
        file.rename(file.with_suffix(".pdf"))


@pytest.mark.parametrize(
    ("change", "settings", "said"),
    [
        (_take_a_class_away, {}, "reviews has one class, good; two sub-folders or more are needed, one for each class"),
        (_take_the_texts_away, {}, "reviews/bad has no texts (.txt); add some, or take it away"),
        (
            lambda folder: (folder / "bad" / "0.txt").write_bytes(b"\x00\x01\x00"),
            {},
            "reviews/bad/0.txt: it holds bytes",
        ),
        (
            lambda folder: (folder / "bad" / "0.txt").write_bytes(b"\xff\xfea"),
            {},
            "reviews/bad/0.txt: its bytes are no",
        ),
        (lambda folder: None, {"task": "multiclass"}, "has 2 classes; set task: binary"),
        (
            lambda folder: None,
            {"text": "review", "group_column": "by"},
            "reviews is a folder, whose sub-folders are the classes, and has no columns; leave out text, group_column",
        ),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    change: Callable[[Path], object], settings: dict[str, Any], said: str
) -> None:
    change(write_folder(Path("reviews")))
    with pytest.raises(BakeoffError) as error:
        TextFileSpec.model_validate({"path": "reviews", "task": "binary"} | settings).read()
    assert said in str(error.value)


def test_a_text_that_may_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(Path("reviews"))

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(BakeoffError, match=r"reviews/bad/0.txt cannot be read: Permission denied"):
        TextFileSpec(path=folder, task="binary").read()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"target": "review"}, "review has more than one use"),
        ({"group_column": "a", "time_column": "b"}, "they do not go together"),
        ({"ngrams": 3}, "Input should be 1 or 2"),
        ({"num_words": 0}, "greater than or equal to 1"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        spec_of(**settings)


def test_the_vocabulary_of_a_fold_never_sees_the_rows_that_are_held_out() -> None:
    """Words that are planted in them are the most frequent of all, and change nothing of what is learned from."""
    parts = {"part": ["train"] * 48 + ["test"] * 12}
    settings: dict[str, Any] = {"num_words": 20, "test": {"column": "part"}}
    plain = arrays_of(reviews().assign(**parts), **settings)
    folds = split(plain, KFoldSpec(n_splits=3))
    training, held_out = next(folds.pairs())
    rows = reviews().assign(**parts)
    rows.loc[held_out[1:], "review"] += " zebra quagga"
    planted = arrays_of(rows, **settings)
    assert "zebra" not in plain.vocabulary()
    assert "zebra" in planted.vocabulary()  # which is that of all training rows
    learned, predicted = [], []
    for arrays in (plain, planted):
        learned.append(arrays.in_vocabulary_of(arrays.training()[0], training)[training].toarray())
        evaluation = evaluate("me", MultinomialNBSpec(weighting="counts"), arrays, folds, "accuracy")
        predicted.append(load_arrays(evaluation.predictions)["out_of_fold"][0])
    np.testing.assert_array_equal(*learned)
    np.testing.assert_array_equal(predicted[0][held_out], predicted[1][held_out])
    elsewhere = np.setdiff1d(np.arange(48), held_out)
    assert not np.array_equal(predicted[0][elsewhere], predicted[1][elsewhere])  # other folds do learn of zebras


def test_all_folds_have_a_vocabulary_of_one_shape_though_one_has_fewer_terms() -> None:
    rows = pd.DataFrame(
        {
            "review": [f"{'good' if number % 2 else 'bad'} word{number}" for number in range(20)],
            "stars": ["good" if number % 2 else "bad" for number in range(20)],
        }
    )
    arrays = arrays_of(rows, ngrams=1)
    (X, _), folds = arrays.training(), split(arrays, KFoldSpec(n_splits=4))
    assert arrays.shape == (RESERVED + 2 + 16,)
    for training, held_out in folds.pairs():
        known = arrays.in_vocabulary_of(X, training)
        assert known.shape == (16, 21)
        assert known[training].nnz == 2 * len(training)
        assert known[held_out].nnz == len(held_out)  # what they alone have is unknown


@pytest.mark.variants
def test_nets_with_vocabularies_of_their_own_learn_together_what_those_of_a_fold_learn_alone() -> None:
    arrays = arrays_of(reviews(), num_words=15)
    (X, y), folds = arrays.training(), split(arrays, KFoldSpec(n_splits=2))
    pair = NET.model_copy(update={"n_members": 2})
    predictions = load_arrays(evaluate("me", pair, arrays, folds, "accuracy").predictions)["out_of_fold"][0]
    members = members_of(pair, y, arrays, folds)
    for first, (training, held_out) in zip((0, 2), folds.pairs(), strict=True):
        alone = Stack(NET, arrays.in_vocabulary_of(X, training), y, arrays, members[first : first + 2])
        alone.fit(NET.epochs)
        np.testing.assert_allclose(predictions[held_out], np.mean(alone.predict([held_out] * 2), axis=0), atol=1e-5)


@pytest.mark.parametrize(("validation", "folds"), [(KFoldSpec(n_splits=3), 3), (HoldOutSpec(validation_rows=16), 1)])
def test_the_nets_of_a_fold_share_one_matrix(validation: KFoldSpec | HoldOutSpec, folds: int) -> None:
    arrays = arrays_of(reviews(), num_words=15)
    drawn = split(arrays, validation)
    matrices = in_vocabularies(arrays.training()[0], arrays, drawn, n_members=2)
    members = members_of(NET.model_copy(update={"n_members": 2}), arrays.training()[1], arrays, drawn)
    assert len(matrices) == len(members)
    assert len({id(matrix) for matrix in matrices}) == folds
    for matrix, member in zip(matrices, members, strict=True):
        assert (
            matrix[member.training].nnz
            == arrays.in_vocabulary_of(arrays.training()[0], member.training)[member.training].nnz
        )


CONTENDERS: list[Contender] = [
    NBSVMSpec(),
    LogisticRegressionSpec(weighting="tf_idf"),
    LightGBMSpec(params={"n_estimators": 5, "min_child_samples": 2}),
    NET,
]


def fitted(contender: Contender) -> tuple[Served, Refit, DesignMatrix, pd.DataFrame]:
    """A contender that was fitted to the reviews, and those that are kept for the test."""
    spec = spec_of(reviews(), num_words=40)
    examples, raw = ingest(spec), spec.read()
    arrays = vectorize(examples)
    kept = refit(evaluation_of("me", [1, 1], contender, best_epochs=(2, 2)), arrays, KFoldSpec())
    return describe(contender, examples, arrays), kept, arrays, reviews()[raw.held_out]


@pytest.mark.parametrize("contender", CONTENDERS, ids=lambda contender: contender.kind)
def test_raw_texts_are_predicted_as_in_the_run(contender: Contender) -> None:
    served, kept, arrays, rows = fitted(contender)
    served = Served.model_validate_json(served.model_dump_json())  # as it travels
    answer = predict_rows(served, lambda: load_model(kept), rows)
    test = score_on_test(kept, arrays, "accuracy")
    np.testing.assert_allclose(answer[["p_bad", "p_good"]], load_arrays(test.predictions)["test"][0], atol=1e-6)
    assert (answer["prediction"] == answer["stars"]).mean() == pytest.approx(test.score)
    assert unused(served, rows) == ["stars", "by"]
    strange = pd.DataFrame({"review": ["", "...", "never heard", "lovely lovely never heard"]})
    odd = predict_rows(served, lambda: load_model(kept), strange)
    shares = odd[["p_bad", "p_good"]].to_numpy()
    assert np.isfinite(shares).all()
    np.testing.assert_array_equal(shares[1:3], shares[[0, 0]])


def test_a_file_of_raw_texts_is_refused_by_the_name_of_its_column() -> None:
    served, *_ = fitted(NBSVMSpec())
    with pytest.raises(BakeoffError, match="no column named review; there is revew; did you mean review"):
        predict_rows(served, lambda: pytest.fail("the model was loaded"), pd.DataFrame({"revew": ["x"]}))


def test_the_command_predicts_by_the_champion_that_mlflow_keeps() -> None:
    champion_of("reviews", spec_of(reviews(), num_words=40), NBSVMSpec())
    pd.DataFrame({"id": ["007"], "review": ["a lovely film, not bad"]}).to_csv("new.csv", index=False)
    result = CliRunner().invoke(app, ["predict", "reviews", "new.csv"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == "id,review,prediction,p_bad,p_good"
    assert result.stdout.splitlines()[1].startswith('007,"a lovely film, not bad",good,')
