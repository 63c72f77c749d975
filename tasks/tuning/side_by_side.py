"""Nets of one architecture as a stack on each core, trained side by side.

One stack leaves cores idle: its threads share each product out and wait for each other. Measured on 2 cores with nets
of 64-64 on the Boston data, 500 epochs at batch 16: 0.18 to 0.22 s a net in one stack of 20 to 80 nets, 0.12 to 0.14 s
in two stacks.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np

from tasks.data.problem import Problem
from tasks.data.vectorization import Features, Labels
from tasks.models.networks import NetworkSpec
from tasks.training import Floats, Member, Progress, Stack

SMALL = 1_000_000  # numbers in X from which on the arithmetic of one stack keeps all cores busy


class Stacks:
    """Members of one architecture, with settings of their own, which can begin again with others.

    Args:
        spec: covers the specs of all members.
        X: as a Stack takes it; or a matrix for each member.
        y: (rows,), numbers or class numbers.
        problem: what the nets learn.
        members: what each net learns from.
    """

    def __init__(self, spec: NetworkSpec, X: Features, y: Labels, problem: Problem, members: Sequence[Member]) -> None:
        own = isinstance(X, Sequence)
        count = min(joblib.cpu_count(), len(members)) if (X[0] if own else X).size < SMALL else 1
        self._parts = [slice(part[0], part[-1] + 1) for part in np.array_split(np.arange(len(members)), count)]
        self._stacks = [Stack(spec, X[part] if own else X, y, problem, members[part]) for part in self._parts]

    def restart(self, specs: Sequence[NetworkSpec]) -> None:
        """Puts all members back to where they began, with these specs of their own, for the same compiled programs."""
        for stack, part in zip(self._stacks, self._parts, strict=True):
            stack.restart(specs[part])

    def fit(self, epochs: int, curve: str, progress: Progress, ends_at: float = math.inf) -> Floats:
        """Trains all members, as `Stack.fit` does, and gives one of the curves of a History: (epochs, members).

        Epochs that a stack did not come to before `ends_at` are NaN.
        """
        first, *others = self._stacks
        with ThreadPoolExecutor() as threads:
            beside = [threads.submit(each.fit, epochs, ends_at=ends_at, may_diverge=True) for each in others]
            own = first.fit(epochs, progress, ends_at, may_diverge=True)  # here, where progress is listened to
            histories = [own, *(each.result() for each in beside)]
        curves = [getattr(history, curve) for history in histories]
        longest = max(len(each) for each in curves)
        padded = [np.pad(each, ((0, longest - len(each)), (0, 0)), constant_values=np.nan) for each in curves]
        return np.concatenate(padded, axis=1)
