"""The verdict on a challenger: whether the best of a run is better than the champion that stands.

With folds the challenger was chosen as the best of all contenders on the very folds that judge it. So the
family of hypotheses is that of all pairs of the champion with a contender, and within it the chance of a single false
"better" is held at 5 % (Holm 1979): whichever of them turns out best, one run replaces a champion that none of them
beats no more often than that. With a hold-out the test rows judge, which had no part in the choice of the challenger,
so there is one pair.
"""

from collections.abc import Sequence

from tasks.comparison import Pair, Verdict, adjusted, design_of, fold_pair, row_pairs
from tasks.data.splitting import HoldOutSpec, Validation
from tasks.data.vectorization import Arrays
from tasks.evaluation import Evaluation
from tasks.metrics import MetricName
from tasks.refitting import FinalScore


def challenge(
    challenger: str,
    evaluations: Sequence[Evaluation],
    tests: Sequence[FinalScore],
    champion: Evaluation,
    champion_tests: Sequence[FinalScore],
    arrays: Arrays,
    validation: Validation,
    metric: MetricName,
    equivalent_within: float,
) -> Verdict:
    """The verdict on the challenger, first, against the champion, second.

    Args:
        challenger: the name of the run's best contender, whose method must not be the champion's.
        evaluations: the contenders' scores on the rows held out; the champion may be among them.
        tests: their scores on the test rows; not used with folds.
        champion: its scores on the same folds.
        champion_tests: its scores on the test rows, as the only item; with folds there need be none.
        arrays: the rows.
        validation: how rows were held out.
        metric: what the scores are.
        equivalent_within: differences up to this much, in the metric's unit, do not matter in practice.
    """
    if isinstance(validation, HoldOutSpec):
        judged = [*(test for test in tests if test.name == challenger), *champion_tests]
        pairs: list[Pair] = row_pairs(judged, arrays, metric, equivalent_within)
    else:
        rivals = [each for each in evaluations if each.contender != champion.contender]
        design = design_of(validation, arrays.groups)
        pairs = [fold_pair(each, champion, design, metric, equivalent_within) for each in rivals]
    return next(verdict for verdict in adjusted(pairs) if verdict.first == challenger)
