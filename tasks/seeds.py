"""Seeds for everything that is drawn at random, from the one that an experiment has."""

import numpy as np


def seed_of(seed: int, number: int) -> int:
    """A seed for fold `number` of an experiment's `seed`: independent streams for every fold, the same every time."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def member_seeds(seed: int, n_members: int) -> list[int]:
    """A seed for each member of an ensemble; the first is that of the net alone."""
    return [seed, *(seed_of(seed, number) for number in range(1, n_members))]
