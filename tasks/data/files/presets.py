"""What default contenders of several forms of data have in common: settings as YAML has them, and why they are entered.

They are chosen by the size of the data; each form enters its own in `OwnSpec.contenders`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from tasks.metrics import Task

SMALL, LARGE = 10_000, 100_000  # rows up to which a net sees them many times, and from which few times are enough
MANY_VALUES = 2_000_000  # rows times features from which a forest of full depth takes minutes
MANY_CLASSES = 10  # from which boosting's defaults may diverge (docs/experiments.md)
WIDE = 200  # features from which a tree looks at a part of them

Settings = dict[str, Any]
Entries = dict[str, tuple[Settings, str]]  # by the contender's name, its settings and why it is entered

DUMMY: Entries = {"dummy": ({"kind": "dummy"}, "what any contender must beat")}


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

    def choose(self, small: int, large: int, huge: int) -> int:
        """Return what suits so many rows."""
        return small if self.rows < SMALL else large if self.rows < LARGE else huge


def net(
    size: Size,
    kind: str,
    rate: float,
    epochs: tuple[int, int, int],
    batch_size: tuple[int, int, int],
    patience: tuple[int, int, int] | None = None,
    last: Settings | None = None,
    **first: Any,
) -> Settings:
    """Return a net's settings, by the rows where there are three of one; a number is learned in standard deviations.

    Args:
        size: of the data.
        kind: of the net.
        rate: at which it learns.
        epochs: how often it sees all rows.
        batch_size: how many rows it sees at once.
        patience: epochs without progress before it is stopped, if it is; over many rows, each epoch tells much.
        last: settings that stand behind these.
        **first: settings that stand before them.
    """
    rules = {"patience": size.choose(*patience), "validation_fraction": 0.2} if patience else None
    return {
        "kind": kind,
        **first,
        "optimizer": {"kind": "adam", "learning_rate": rate},
        **({"standardize_target": True} if size.task == "regression" else {}),
        "epochs": size.choose(*epochs),
        "batch_size": size.choose(*batch_size),
        **({"early_stopping": rules} if rules else {}),
        **(last or {}),
    }


def halvings(filters: Iterable[int], side: int) -> list[int]:
    """Return as many filters, one for each convolution, as such a side can be halved; none where it cannot."""
    return [*filters][: int(math.log2(side))]


def boosting(size: Size) -> Entries:
    """Return scikit-learn's, and that of the libraries that are installed, in small steps where there is the time."""
    costly = size.values > MANY_VALUES or size.classes > 3  # there is a tree for each class
    trees, rate = (100, 0.1) if costly else (300, 0.05)
    hist: Settings = {"max_iter": trees, "learning_rate": rate}
    steps: Settings = {"n_estimators": trees, "learning_rate": rate}
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
    leaves = {"num_leaves": 15} if size.rows < SMALL else {}
    return {
        "hist_gradient_boosting": ({"kind": "hist_gradient_boosting", "params": hist}, why),
        **installed("lightgbm", "LightGBM", steps | leaves),
        **installed("xgboost", "XGBoost", steps | {"max_depth": 4}),
    }


def installed(library: str, why: str, params: Settings) -> Entries:
    """Return what a library of boosting enters, if it is installed."""
    return {library: ({"kind": library, "params": params}, why)} if find_spec(library) else {}


def linear(size: Size, **params: float) -> Entries:
    """Return a linear model, of numbers or of classes."""
    if size.task == "regression":
        return {"ridge": ({"kind": "ridge"}, "a linear model")}
    settings = {"kind": "logistic_regression", "params": {"max_iter": 1000, **params}}
    return {"logistic_regression": (settings, "a linear model")}
