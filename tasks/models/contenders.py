"""All that can be entered in an experiment."""

from typing import Annotated

from pydantic import Field

from tasks.models.baselines.boosting import Boosting
from tasks.models.baselines.classic import Classic
from tasks.models.nets.networks import Network

Baseline = Boosting | Classic
Contender = Annotated[Network | Baseline, Field(discriminator="kind")]
