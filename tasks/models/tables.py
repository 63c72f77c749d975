"""RealMLP or TabM, as layers of a stack or of one net."""

from collections.abc import Sequence

from tasks.data.encoding import Encoding
from tasks.data.normalization import Normalization
from tasks.models.networks import TableNetwork, TabMSpec
from tasks.models.realmlp import member_realmlp, single_realmlp
from tasks.models.table_layers import Layer
from tasks.models.tabm import member_tabm, single_tabm


def member_layers(
    spec: TableNetwork,
    output: tuple[int, str],
    features: int,
    preparations: Sequence[Normalization | Encoding],
    seed: int,
) -> list[Layer]:
    """Those of all members, behind what prepares a table of so many features; `seed` is that of dropout."""
    numbers = _numbers(features, preparations[0] if preparations else None)
    if isinstance(spec, TabMSpec):
        return member_tabm(spec, output, numbers, seed)
    return member_realmlp(spec, output, numbers, seed)


def single_layers(
    spec: TableNetwork,
    output: tuple[int, str],
    inputs: int,
    features: int,
    preparation: Normalization | Encoding | None,
) -> list[Layer]:
    """Those of one net, whose preparation makes so many inputs of so many features."""
    numbers = _numbers(features, preparation)
    if isinstance(spec, TabMSpec):
        return single_tabm(spec, output, inputs, numbers)
    return single_realmlp(spec, output, inputs, numbers)


def _numbers(features: int, preparation: Normalization | Encoding | None) -> int:
    """How many of the inputs are numbers; they come first."""
    return len(preparation.layout.numbers) if isinstance(preparation, Encoding) else features
