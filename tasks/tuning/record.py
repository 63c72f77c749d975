"""What a search found, and all that it tried."""

from tasks.models.contenders import Contender
from tasks.models.search import Value
from tasks.specs import Spec
from tasks.store import StoredFile


class Trial(Spec):
    """One set of settings, and its mean score on the inner folds; none where it could not be fitted.

    `search` is the number of the fold whose training rows were searched on, or the number of folds for the search on
    all training rows. The first trial of each search has no settings: it is the contender as entered.
    """

    search: int
    number: int
    settings: dict[str, Value]
    score: float | None


class Trials(Spec):
    """All trials of a contender's searches; `score` says what their scores are."""

    score: str
    greater_is_better: bool
    trials: tuple[Trial, ...]


class Tuning(Spec):
    """The settings that were chosen: `chosen` for each fold, `final` for the model that learns from all training rows.

    There is no `final` where no such model is to be kept. `trials` counts those of all searches together, `fits` the
    models that were fitted for them; `history` is a file with the `Trials`.
    """

    chosen: tuple[Contender, ...]
    final: Contender | None
    trials: int
    fits: int
    seconds: float
    history: StoredFile


def read_trials(tuning: Tuning) -> Trials:
    """All that was tried."""
    return Trials.model_validate_json(tuning.history.path.read_text(encoding="utf8"))
