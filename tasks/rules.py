"""The rules by which the contenders of an experiment are compared."""

from tasks.data.folds.splitting import Validation
from tasks.metrics import MetricName
from tasks.specs import Spec


class Rules(Spec):
    """How rows are held out, by which metric contenders are scored, and which differences matter.

    `unit` is that of the target, empty where it has none. Differences up to `equivalent_within`, in the metric's own
    unit, do not matter in practice.
    """

    validation: Validation
    metric: MetricName
    unit: str = ""
    equivalent_within: float
