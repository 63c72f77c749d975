"""The verdict on a challenger: whether the best of a run is better than the champion that stands.

With folds the challenger was chosen as the best of all contenders on the very folds that judge it. So the
family of hypotheses is that of all pairs of the champion with a contender, and within it the chance of a single false
"better" is held at 5 % (Holm 1979): whichever of them turns out best, one run replaces a champion that none of them
beats no more often than that. With a hold-out the test rows judge, which had no part in the choice of the challenger,
so there is one pair.
"""

from collections.abc import Sequence

from tasks.comparison import Pair, Verdict, adjusted, design_of, fold_pair, row_pairs
from tasks.data.splitting import HoldOutSpec
from tasks.data.vectorization import Arrays
from tasks.evaluation import Evaluation
from tasks.refitting import FinalScore
from tasks.results import Result
from tasks.rules import Rules


def challenge(
    challenger: str,
    results: Sequence[Result],
    champion: Evaluation,
    champion_tests: Sequence[FinalScore],
    arrays: Arrays,
    rules: Rules,
) -> Verdict:
    """The verdict on the challenger, first, against the champion, second.

    Args:
        challenger: the name of the run's best contender, whose method must not be the champion's.
        results: the contenders'; the champion may be among them.
        champion: its scores on the same folds.
        champion_tests: its scores on the test rows, as the only item; with folds there need be none.
        arrays: the rows.
        rules: how contenders are compared.
    """
    if isinstance(rules.validation, HoldOutSpec):
        judged = [*(result.test for result in results if result.name == challenger), *champion_tests]
        pairs: list[Pair] = row_pairs(judged, arrays, rules)
    else:
        rivals = [result.evaluation for result in results if result.evaluation.contender != champion.contender]
        design = design_of(rules.validation, arrays.groups)
        pairs = [fold_pair(rival, champion, design, rules.metric, rules.equivalent_within) for rival in rivals]
    return next(verdict for verdict in adjusted(pairs) if verdict.first == challenger)
