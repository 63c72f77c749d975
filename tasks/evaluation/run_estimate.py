"""What a run would take, from fits on a few rows: an estimate, which grows with the rows in a straight line."""

import resource
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tasks import progress
from tasks.data.folds.splitting import Parts
from tasks.data.vectorization import DesignMatrix
from tasks.fitting import on_one_thread
from tasks.models.contender import ENOUGH, CostEstimate, Sample
from tasks.models.contenders import Contender
from tasks.parallel import COPIES, PROCESS_BYTES, jobs
from tasks.specs import BakeoffError

BUDGET = 20.0  # seconds, of which each contender has its share; what has begun is not cut off


class RunEstimate(NamedTuple):
    """What each contender would take, and bytes of memory: `measured` at the most until then, `expected` of a run."""

    contenders: tuple[CostEstimate, ...]
    measured: int
    expected: int

    @property
    def seconds(self) -> float:
        """Of all fits."""
        return sum(contender.seconds for contender in self.contenders)


def probe(
    contenders: Mapping[str, Contender], arrays: DesignMatrix, pairs: Sequence[Parts], n_seeds: int
) -> RunEstimate:
    """Fits every contender on a few rows, and on more as long as that is quick.

    Args:
        contenders: by name.
        arrays: the data.
        pairs: for each fold, the numbers of the training rows to learn from, and of those held out.
        n_seeds: how often a net learns from each fold.

    Raises:
        BakeoffError: when one of them cannot be fitted.
    """
    sample, expected, end = _sample(arrays, pairs), list[CostEstimate](), time.perf_counter() + BUDGET
    what = "trying contenders on a few rows,"
    with on_one_thread():
        for done, (name, contender) in enumerate(contenders.items()):
            progress.report(what, done, len(contenders))
            left = (end - time.perf_counter()) / (len(contenders) - done)
            share = max(left, ENOUGH)  # for what is quick even where the others were slow
            try:
                expected.append(contender.estimate_cost(name, sample, share, n_seeds))
            except BakeoffError as error:
                raise BakeoffError(f"contender {name}, tried on a few rows: {error}") from error
        progress.report(what, len(contenders), len(contenders))
    unit = 1 if sys.platform == "darwin" else 1024
    measured = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    parts = (sample.X,) if isinstance(sample.X, np.ndarray) else (sample.X.data, sample.X.indices, sample.X.indptr)
    at_once = jobs() * (PROCESS_BYTES + COPIES * sum(part.nbytes for part in parts))
    return RunEstimate(tuple(expected), measured, measured + at_once)


def _sample(arrays: DesignMatrix, pairs: Sequence[Parts]) -> Sample:
    X, y = arrays.training()
    X = arrays.in_vocabulary_of(X, np.arange(len(y)))
    order = np.random.default_rng(0).permutation(len(y))
    labels = range(len(arrays.classes))
    first = np.concatenate([np.empty(0, np.intp), *(np.flatnonzero(y[order] == label)[:2] for label in labels)])
    return Sample(
        X=X,
        y=y,
        arrays=arrays,
        order=np.concatenate([order[first], np.delete(order, first)]),
        least=len(first),
        training=round(np.mean([len(learned) for learned, _ in pairs])),
        held_out=round(np.mean([len(held_out) for _, held_out in pairs])),
        n_folds=len(pairs),
    )
