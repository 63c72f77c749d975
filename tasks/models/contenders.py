"""All that can be entered in an experiment."""

from typing import Annotated

from pydantic import Field

from tasks.models.baselines.bayes import Bayes
from tasks.models.baselines.boosting import Boosting
from tasks.models.baselines.floor import Floor
from tasks.models.baselines.linear import Linear
from tasks.models.baselines.nb_svm import NBSVMSpec
from tasks.models.baselines.neighbors import Neighbors
from tasks.models.baselines.trees import Tree
from tasks.models.networks import Network

Baseline = Boosting | Tree | Linear | Bayes | NBSVMSpec | Neighbors | Floor
Contender = Annotated[Network | Baseline, Field(discriminator="kind")]
