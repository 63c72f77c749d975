"""What MLflow serves of every contender, and what `bakeoff` loads of it: the same, and nothing is unpickled."""

import json
import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any, get_args

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server

from tasks.data.examples import Form
from tasks.data.vectorization import DesignMatrix, word_rows
from tasks.evaluation.cross_validation import Refit, load_model, predict
from tasks.metrics import Task
from tasks.models.baselines.boosting import LightGBMSpec, XGBoostSpec
from tasks.models.baselines.classic import GaussianNBSpec, LogisticRegressionSpec, RbfSvmSpec
from tasks.models.baselines.estimators import without_order
from tasks.models.contenders import Baseline, Contender
from tasks.models.nets.network_spec import NetworkSpec
from tasks.models.nets.networks import ConvSpec, DenseSpec, RecurrentSpec
from tasks.specs import BakeoffError
from tasks.tracking import connection, models
from tests.builders import made_arrays, mixed_arrays, picture_arrays, problem_of, series_arrays, text_arrays
from tests.served import cached_words, examples_of, log
from tests.tiers import quick_first

NET = DenseSpec(units=(4,), epochs=2, n_members=2)
CONV = ConvSpec(filters=(3,), units=(), epochs=2)
RECURRENT = RecurrentSpec(recurrent_units=(3,), epochs=2)
CONTENDERS: list[Contender] = [NET, CONV, RECURRENT, *(spec() for spec in get_args(Baseline))]
DATA: dict[str, Callable[[], DesignMatrix]] = {
    **{task: partial(made_arrays, task) for task in get_args(Task)},
    "mixed": mixed_arrays,
    "words": text_arrays,
    "pixels": picture_arrays,
    "series": series_arrays,
}
FLAVOURS = [NET, LogisticRegressionSpec(), XGBoostSpec(), LightGBMSpec()]
ON_SERIES = {"recurrent", "logistic_regression", "xgboost", "lightgbm"}  # one for each way of taking them


@dataclass(frozen=True)
class Logged:
    """A contender that has been fitted and logged, and the folder of its model."""

    fitted: Refit
    arrays: DesignMatrix
    folder: Path
    description: str


def suiting() -> list[tuple[Contender, str]]:
    """Every contender with every kind of data that it does not refuse."""
    pairs: list[tuple[Contender, str]] = []
    for contender in CONTENDERS:
        for name in DATA:
            form = name if name in get_args(Form) else "table"
            task = name if name in get_args(Task) else "binary"
            if name == "series" and contender.kind not in ON_SERIES:
                continue
            try:
                contender.check(problem_of(task, form, (6, 5)), "mae" if task == "regression" else "accuracy")
            except BakeoffError:
                continue
            pairs.append((contender, name))
    return pairs


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose MLflow is made once for all, and a data set of texts with words of its own."""
    folder = tmp_path_factory.mktemp("served")
    with pytest.MonkeyPatch.context() as patch:
        cached_words(patch, folder, ["the", "a"])
        yield folder


@pytest.fixture(autouse=True)
def _in_the_store(store: Path, monkeypatch: pytest.MonkeyPatch, _working_directory: None) -> None:
    monkeypatch.chdir(store)


def cases() -> list[Any]:
    """Quick are the nets, and every other contender with the first data that suit it."""
    pairs = suiting()
    kinds = [contender.kind for contender, _ in pairs]
    firsts = {kinds.index(kind) for kind in kinds} | {kinds.index("dense") + number for number in range(4)}
    return [
        pytest.param(pair, id=f"{pair[0].kind}-{pair[1]}", marks=[] if number in firsts else pytest.mark.variants)
        for number, pair in enumerate(pairs)
    ]


@pytest.fixture(scope="module", params=cases())
def one(request: pytest.FixtureRequest, store: Path) -> Logged:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(store)
        return logged(*request.param)


def logged(contender: Contender, data: str) -> Logged:
    arrays = DATA[data]()
    fitted, model_id = log(contender, examples_of(arrays, "imdb" if data == "words" else "made"), arrays)
    model = connection.connect().get_logged_model(model_id)
    folder = Path(model.artifact_location.removeprefix("file://"))
    return Logged(fitted, arrays, folder, model.tags["mlflow.note.content"])


@pytest.fixture
def no_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be unpickled."""
    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, lambda *_, **__: pytest.fail("something was unpickled"))


def test_mlflow_serves_what_the_signature_says_without_warnings(one: Logged, no_pickle: None) -> None:
    X = one.arrays.test()[0]
    model = mlflow.pyfunc.load_model(str(one.folder))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy keyword")
        given = model.predict(taken(one, X))
    outputs = model.metadata.signature.outputs
    if outputs.has_input_names():
        told = dict(zip(outputs.input_names(), outputs.numpy_types(), strict=True))
        assert given.rename(columns=str).dtypes.to_dict() == told
    else:
        assert (given.dtype, given.shape[1:]) == (outputs.inputs[0].type, outputs.inputs[0].shape[1:])
    assert len(given) == X.shape[0]
    if not isinstance(one.fitted.contender, NetworkSpec) and one.arrays.form == "table":
        expected = one.fitted.contender.served(load_model(one.fitted), X, one.arrays)
        np.testing.assert_allclose(np.asarray(given).reshape(expected.shape), expected, rtol=1e-9)


def taken(one: Logged, X: np.ndarray) -> pd.DataFrame | np.ndarray:
    """What the server takes: of a table, columns in another order."""
    if one.arrays.form == "table":
        return pd.DataFrame(X, columns=list("abc"))[["c", "a", "b"]]
    if one.arrays.form == "series" and not isinstance(one.fitted.contender, NetworkSpec):
        return without_order(X, one.arrays)[0]
    return word_rows(X) if one.arrays.form == "words" and isinstance(one.fitted.contender, NetworkSpec) else X


@pytest.mark.parametrize("contender", FLAVOURS, ids=lambda contender: contender.kind)
def test_a_server_goes_by_the_names_of_all_columns_whatever_gaps_the_example_has(contender: Contender) -> None:
    table = logged(contender, "mixed")
    X = table.arrays.test()[0]
    assert np.isnan(X[: models.EXAMPLE_ROWS, 0]).any()
    rows, model = pd.DataFrame(X, columns=list("abc")), mlflow.pyfunc.load_model(str(table.folder))

    def ask(rows: pd.DataFrame) -> Any:
        request = f'{{"dataframe_split": {rows.to_json(orient="split", index=False)}}}'
        answer = scoring_server.invocations(request, "application/json", model, model.metadata.get_input_schema())
        return json.loads(answer.response)["predictions"]

    expected = ask(rows)
    for columns in permutations("abc"):
        assert ask(rows[list(columns)]) == expected
    for name in "abc":
        with pytest.raises(MlflowException, match=rf"missing inputs \['{name}'\]") as refused:
            ask(rows.drop(columns=name))
        assert refused.value.get_http_status_code() == 400
        assert len(ask(rows.assign(**{name: None}))) == len(rows)


def test_bakeoff_loads_what_was_fitted_and_what_it_needs(one: Logged, no_pickle: None) -> None:
    X = one.arrays.test()[0]
    description = models.read_served(one.folder, "made")
    model = models.load(one.folder, description)
    table = one.arrays.form == "table" and not isinstance(description.contender, NetworkSpec)
    rows = pd.DataFrame(X, columns=list(description.features)) if table else X
    found = description.contender.predict(model, rows, description)
    np.testing.assert_allclose(found, predict(one.fitted, X, one.arrays), rtol=1e-12)  # sums in another order
    assert (description.contender, description.classes) == (one.fitted.contender, one.arrays.classes)
    assert description.words == (("the", "a") if one.arrays.form == "words" else ())


@pytest.mark.parametrize(
    ("contender", "data", "said"),
    quick_first(
        [
            (NET, "regression", "Takes the 3 columns of made by their names, as they are; gives a number in points."),
            (NET, "binary", "by their names, as they are; gives the probability of b."),
            (GaussianNBSpec(), "binary", "gives the probabilities, in this order, of a, b."),
            (RbfSvmSpec(), "multiclass", "gives the number of the class: 0 a, 1 b, 2 c."),
            (CONV, "pixels", "Takes pictures of 6 x 5 pixels as rows of numbers from 0 (black) to 1 (white); gives"),
            (
                RECURRENT,
                "series",
                "Takes series as rows of 6 steps, each of them a, b; NaN where a value is missing and",
            ),
            (
                GaussianNBSpec(),
                "series",
                "as rows of, for each of a, b in turn, count, mean, standard_deviation, minimum,",
            ),
            (NET, "words", "Takes texts as rows of numbers of words; gives the probability of yes."),
            (RbfSvmSpec(), "words", "Takes texts as rows of counts of 40 words; gives"),
        ],
        {1, 3, 6},
    ),
)
def test_the_models_page_says_what_a_server_takes_and_gives(contender: Contender, data: str, said: str) -> None:
    assert said in logged(contender, data).description
