"""How long tests wait for what happens in other processes."""

import os

FACTOR = float(os.environ.get("BAKEOFF_PATIENCE", "1"))


def patient(seconds: float) -> float:
    """A deadline for an idle machine, times BAKEOFF_PATIENCE: more than 1 for one that is slow or busy."""
    return seconds * FACTOR
