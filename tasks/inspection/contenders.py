"""Which contenders are entered for data of a kind and a size, and how long they train."""

import math
from dataclasses import dataclass
from importlib.util import find_spec

from tasks.metrics import Task
from tasks.models.baselines.bayes import MultinomialNBSpec
from tasks.models.baselines.boosting import HistGradientBoostingSpec, LightGBMSpec, XGBoostSpec
from tasks.models.baselines.estimators import Setting
from tasks.models.baselines.floor import DummySpec
from tasks.models.baselines.linear import LinearSvmSpec, LogisticRegressionSpec, RidgeSpec
from tasks.models.baselines.nb_svm import NBSVMSpec
from tasks.models.baselines.trees import RandomForestSpec
from tasks.models.contenders import Contender
from tasks.models.networks import ConvSpec, DenseSpec, EarlyStoppingSpec, RecurrentSpec
from tasks.models.optimizers import AdamSpec

SMALL, LARGE = 10_000, 100_000  # rows up to which a net sees them many times, and from which few times are enough
MANY_VALUES = 2_000_000  # rows times features from which a forest of full depth takes minutes
MANY_CLASSES = 10  # from which boosting's defaults may diverge (docs/experiments.md)
WIDE = 200  # features from which a tree looks at a part of them

Params = dict[str, Setting]


@dataclass(frozen=True)
class Size:
    """What contenders learn from: rows of so many features, of so many classes (0 where a number is predicted).

    `shape` is that of one example. Rows may be `dependent` on one another: of a group, or following in time.
    """

    task: Task
    rows: int
    shape: tuple[int, ...]
    classes: int
    dependent: bool = False

    @property
    def features(self) -> int:
        """Values of an example."""
        return math.prod(self.shape)

    @property
    def values(self) -> int:
        """Of all rows."""
        return self.rows * self.features


@dataclass(frozen=True)
class Entry:
    """A contender, and why it is entered."""

    contender: Contender
    why: str


Entries = dict[str, Entry]


def for_table(size: Size) -> Entries:
    """A net, boosting, a forest where it does not take too long, a linear model, and the floor."""
    net = DenseSpec(
        kind="dense",
        units=(64, 64),
        optimizer=_adam(0.001),
        epochs=_by_rows(size, 200, 100, 30),
        batch_size=_by_rows(size, 32, 128, 1024),
        early_stopping=_stopping(size, 20),
    )
    forest = RandomForestSpec(kind="random_forest", params={"n_estimators": 100})
    return {
        "dense": _net(net, size, "a net"),
        **_boosting(size),
        **({"random_forest": Entry(forest, "100 trees of full depth")} if size.values <= MANY_VALUES else {}),
        **_linear(size),
        **_floor(),
    }


def for_pictures(size: Size) -> Entries:
    """A convolutional net, one without convolution, boosting on pixels, a linear model, and the floor."""
    batch, epochs = _by_rows(size, 64, 128, 256), _by_rows(size, 12, 8, 5)
    dense = DenseSpec(kind="dense", units=(256,), dropout=0.2, optimizer=_adam(0.001), epochs=epochs, batch_size=batch)
    conv = ConvSpec(
        kind="conv",
        filters=(16, 32),
        padding="same",
        units=(64,),
        dropout=0.2,
        optimizer=_adam(0.002),
        epochs=epochs,
        batch_size=batch,
    )
    return {
        **_conv(conv, size, min(size.shape[:2]), "a convolutional net"),
        "dense": _net(dense, size, "a net that does not know which pixels are neighbours"),
        **_coarse_boosting(size),
        **_linear(size, C=0.1),
        **_floor(),
    }


def for_texts(size: Size) -> Entries:
    """A net on words that are there or not; the linear methods that suit texts, boosting, and the floor."""
    net = DenseSpec(
        kind="dense",
        units=(16,),
        optimizer=_adam(0.002),
        epochs=_by_rows(size, 40, 20, 10),
        batch_size=_by_rows(size, 32, 512, 1024),
        early_stopping=EarlyStoppingSpec(patience=3, validation_fraction=0.2),
    )
    machine = LinearSvmSpec(kind="linear_svm", weighting="tf_idf", params={"C": 0.3})
    if size.task == "regression":
        linear = {"ridge": Entry(RidgeSpec(kind="ridge", weighting="tf_idf"), "a linear model")}
    else:
        regression = LogisticRegressionSpec(
            kind="logistic_regression", weighting="tf_idf", params={"C": 10.0, "max_iter": 1000}
        )
        bayes = MultinomialNBSpec(kind="multinomial_nb", params={"alpha": 0.1})
        linear = {
            "nb_svm": Entry(NBSVMSpec(kind="nb_svm"), "naive Bayes and a linear model in one, a strong baseline"),
            "logistic_regression": Entry(regression, "a linear model; rare words weigh more"),
            "multinomial_nb": Entry(bayes, "naive Bayes, in no time"),
        }
    return {
        "dense": _net(net, size, "a net on the terms that a text has"),
        **linear,
        "linear_svm": Entry(machine, "a linear model that looks at the texts near the border"),
        **_boosting_on_words(size),
        **_floor(),
    }


def for_series(size: Size) -> Entries:
    """Nets that know the order of the steps; boosting and a linear model on summaries, which do not; and the floor."""
    length = size.shape[0]
    recurrent = RecurrentSpec(
        kind="recurrent",
        cell="gru",
        recurrent_units=(32,),
        optimizer=_adam(0.003),
        epochs=_by_rows(size, 60, 30, 10),
        batch_size=_by_rows(size, 32, 128, 512),
        early_stopping=_stopping(size, 10),
    )
    conv = ConvSpec(
        kind="conv",
        filters=(32, 32),
        kernel_size=min(5, length),
        padding="same",
        units=(32,),
        optimizer=_adam(0.002),
        epochs=_by_rows(size, 60, 30, 10),
        batch_size=_by_rows(size, 32, 128, 512),
        early_stopping=_stopping(size, 10),
    )
    return {
        "recurrent": _net(recurrent, size, "a net that reads step by step"),
        **_conv(conv, size, length, "a net that looks for patterns of a few steps"),
        **_boosting(size),
        **_linear(size),
        **_floor(),
    }


def _net(spec: DenseSpec | ConvSpec | RecurrentSpec, size: Size, why: str) -> Entry:
    """A number is learned in standard deviations, for its unit may be any."""
    if size.task == "regression":
        return Entry(spec.model_copy(update={"standardize_target": True}), why)
    return Entry(spec, why)


def _adam(rate: float) -> AdamSpec:
    return AdamSpec(kind="adam", learning_rate=rate)


def _by_rows(size: Size, small: int, large: int, huge: int) -> int:
    return small if size.rows < SMALL else large if size.rows < LARGE else huge


def _stopping(size: Size, patience: int) -> EarlyStoppingSpec:
    """Epochs over many rows are few, and each tells much."""
    return EarlyStoppingSpec(patience=_by_rows(size, patience, patience // 2, 3), validation_fraction=0.2)


def _conv(spec: ConvSpec, size: Size, side: int, why: str) -> Entries:
    """The net with as many convolutions as such a side can be halved; none where it cannot."""
    filters = spec.filters[: int(math.log2(side))]
    return {"conv": _net(spec.model_copy(update={"filters": filters}), size, why)} if filters else {}


def _boosting(size: Size) -> Entries:
    """scikit-learn's, and that of the libraries that are installed, in small steps where there is the time."""
    costly = size.values > MANY_VALUES or size.classes > 3  # there is a tree for each class
    trees, rate = (100, 0.1) if costly else (300, 0.05)
    hist: Params = {"max_iter": trees, "learning_rate": rate}
    steps: Params = {"n_estimators": trees, "learning_rate": rate}
    why = "scikit-learn's gradient boosting"
    if size.classes > MANY_CLASSES:
        hist |= {"l2_regularization": 10.0, "min_samples_leaf": 5}
        steps |= {"reg_lambda": 10.0}
        why += ", tamed: on so many classes its defaults may diverge"
    if size.dependent:
        hist |= {"early_stopping": False}
        why += ", not stopped early: it would set aside any rows for that"
    if size.features > WIDE:
        hist |= {"max_features": 0.3}
        steps |= {"colsample_bytree": 0.3}
    leaves: Params = {"num_leaves": 15} if size.rows < SMALL else {}
    entries = {
        "hist_gradient_boosting": Entry(HistGradientBoostingSpec(kind="hist_gradient_boosting", params=hist), why)
    }
    if find_spec("lightgbm"):
        entries["lightgbm"] = Entry(LightGBMSpec(kind="lightgbm", params=steps | leaves), "LightGBM")
    if find_spec("xgboost"):
        entries["xgboost"] = Entry(XGBoostSpec(kind="xgboost", params=steps | {"max_depth": 4}), "XGBoost")
    return entries


def _coarse_boosting(size: Size) -> Entries:
    """On pixels: a shade more or less says little, and so do most pixels by themselves."""
    if not find_spec("lightgbm"):
        return _boosting(size)
    trees = 100 if size.classes <= MANY_CLASSES else 60
    params: Params = {"n_estimators": trees, "learning_rate": 0.15, "max_bin": 15, "colsample_bytree": 0.3}
    return {"lightgbm": Entry(LightGBMSpec(kind="lightgbm", params=params), "LightGBM, on pixels in coarse bins")}


def _boosting_on_words(size: Size) -> Entries:
    if not find_spec("lightgbm"):
        return {}
    params: Params = {"n_estimators": 200, "learning_rate": 0.1}
    if size.classes > MANY_CLASSES:
        params = {
            "n_estimators": 60,
            "num_leaves": 15,
            "learning_rate": 0.15,
            "reg_lambda": 10.0,
            "min_child_weight": 0.1,
        }
    return {"lightgbm": Entry(LightGBMSpec(kind="lightgbm", params=params), "LightGBM, on the counts of the terms")}


def _linear(size: Size, **params: Setting) -> Entries:
    if size.task == "regression":
        return {"ridge": Entry(RidgeSpec(kind="ridge"), "a linear model")}
    regression = LogisticRegressionSpec(kind="logistic_regression", params={"max_iter": 1000, **params})
    return {"logistic_regression": Entry(regression, "a linear model")}


def _floor() -> Entries:
    return {"dummy": Entry(DummySpec(kind="dummy"), "what any contender must beat")}
