"""Real texts as people wrote them: IMDB's reviews (Maas et al. 2011) and Reuters' wires of 1987."""

import os
from pathlib import Path

import pandas as pd
import pytest

from tasks.data.datasets import ingest
from tasks.data.files.texts import TextFileSpec
from tasks.data.folds.splitting import HoldOutSpec
from tasks.data.vectorization import DesignMatrix, vectorize
from tasks.evaluation.cross_validation import FinalScore, refit, score_on_test
from tasks.models.baselines.classic import LinearSvmSpec, LogisticRegressionSpec, NBSVMSpec
from tasks.models.contenders import Contender
from tests.builders import evaluation_of

pytestmark = pytest.mark.real_texts


def score(contender: Contender, arrays: DesignMatrix) -> FinalScore:
    """On the test rows, when all training rows have been learned from."""
    fitted = refit(evaluation_of("me", [1], contender), arrays, HoldOutSpec(validation_rows=1))
    assert fitted.warnings == ()
    return score_on_test(fitted, arrays, "accuracy")


def test_nb_svm_and_logistic_regression_tell_good_reviews_from_bad() -> None:
    spec = TextFileSpec.model_validate(
        {
            "path": Path(os.environ["BAKEOFF_RAW"], "imdb_reviews.parquet"),
            "text": "text",
            "target": "label",
            "task": "binary",
            "num_words": 200_000,
            "test": {"column": "split"},
        }
    )
    arrays = vectorize(ingest(spec))
    assert arrays.shape == (200_003,)
    assert {"not", "!", "don't", "not good", "waste of"} <= set(arrays.vocabulary())
    assert score(NBSVMSpec(), arrays).score >= 0.91
    assert score(LogisticRegressionSpec(weighting="tf_idf", params={"C": 10.0}), arrays).score >= 0.88


def single_topics() -> pd.DataFrame:
    """The wires of the ten most frequent topics that have no other, parted as Apte et al. (1994) did."""
    wires = pd.read_parquet(Path(os.environ["BAKEOFF_RAW"], "reuters21578.parquet"))
    modapte = (wires.topics_flag == "YES") & wires.lewissplit.isin(["TRAIN", "TEST"])
    single = wires[modapte & (wires.topics != "") & ~wires.topics.str.contains("|", regex=False)]
    frequent = single[single.topics.isin(single.topics.value_counts().index[:10])]
    return pd.DataFrame(
        {
            "wire": frequent.title + "\n" + frequent.body,
            "topic": frequent.topics,
            "part": frequent.lewissplit.str.lower(),
        }
    )


def test_the_ten_most_frequent_topics_of_newswires_are_told_apart() -> None:
    single_topics().to_csv("wires.csv", index=False)
    spec = TextFileSpec.model_validate(
        {"path": "wires.csv", "text": "wire", "target": "topic", "task": "multiclass", "test": {"column": "part"}}
    )
    examples = ingest(spec)
    assert examples.classes == (
        *("acq", "coffee", "crude", "earn", "interest", "money-fx", "money-supply", "ship", "sugar", "trade"),
    )
    arrays = vectorize(examples)
    assert score(NBSVMSpec(), arrays).score >= 0.96
    assert score(LinearSvmSpec(weighting="tf_idf"), arrays).score >= 0.96
