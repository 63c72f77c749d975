"""All that is found of one contender before it is compared with the others."""

from tasks.evaluation import Evaluation, FinalScore, Refit
from tasks.specs import Spec


class Result(Spec):
    """A contender on the folds, fitted on all training rows, and on the test rows."""

    evaluation: Evaluation
    refit: Refit
    test: FinalScore

    @property
    def name(self) -> str:
        """The contender's name."""
        return self.evaluation.name
