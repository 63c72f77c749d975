import pytest

from tasks import costs
from tasks.costs import Cost, Stopwatch


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = self.cpu = 0.0

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.cpu


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(costs, "time", made)
    return made


def test_a_stopwatch_adds_up_what_is_done_while_it_runs(clock: Clock) -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.running():
            clock.now += 3
            clock.cpu += 5  # two threads
        clock.now += 100
        clock.cpu += 100
    assert (watch.seconds, watch.cpu_seconds) == (6, 10)


def test_predicting_is_counted_for_a_thousand_rows() -> None:
    cost = Cost(fit_seconds=1, cpu_seconds=1, predict_seconds=0.5, n_fits=4, predicted_rows=250)
    assert cost.predict_seconds_per_1000_rows == pytest.approx(2)
