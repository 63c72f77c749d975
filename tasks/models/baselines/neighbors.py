"""What the nearest training rows say."""

from typing import Literal

from tasks.models.baselines.pipelines import SklearnSpec


class KNeighborsSpec(SklearnSpec):
    """The mean, or the vote, of the k nearest rows (Cover & Hart 1967)."""

    kind: Literal["k_nearest_neighbors"] = "k_nearest_neighbors"
    scaled = True
    regressor = "sklearn.neighbors:KNeighborsRegressor"
    classifier = "sklearn.neighbors:KNeighborsClassifier"


Neighbors = KNeighborsSpec
