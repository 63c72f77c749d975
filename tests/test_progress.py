import threading

import pytest

from tasks import progress

Heard = list[tuple[str, int, int]]


def test_a_listener_hears_what_is_done_in_order() -> None:
    heard: Heard = []
    with progress.listening(lambda *news: heard.append(news)):
        progress.report("fold", 1, 2)
        progress.report("fold", 2, 2)
    assert heard == [("fold", 1, 2), ("fold", 2, 2)]


def test_without_a_listener_nobody_is_told_and_nothing_fails() -> None:
    heard: Heard = []
    progress.report("early", 1, 1)
    with progress.listening(lambda *news: heard.append(news)):
        pass
    progress.report("late", 1, 1)
    assert heard == []


def test_the_innermost_listener_hears_and_the_outer_one_comes_back() -> None:
    outer: Heard = []
    inner: Heard = []
    with progress.listening(lambda *news: outer.append(news)):
        with progress.listening(lambda *news: inner.append(news)):
            progress.report("inside", 1, 1)
        progress.report("outside", 1, 1)
    assert (inner, outer) == ([("inside", 1, 1)], [("outside", 1, 1)])


def test_a_listener_is_gone_after_an_exception() -> None:
    heard: Heard = []
    with pytest.raises(KeyError), progress.listening(lambda *news: heard.append(news)):
        raise KeyError
    progress.report("after", 1, 1)
    assert heard == []


def test_a_listener_does_not_hear_another_thread() -> None:
    heard: Heard = []
    with progress.listening(lambda *news: heard.append(news)):
        other = threading.Thread(target=progress.report, args=("elsewhere", 1, 1))
        other.start()
        other.join()
    assert heard == []


def test_a_label_stands_in_front_of_what_is_reported_within() -> None:
    heard: Heard = []
    with progress.listening(lambda *news: heard.append(news)):
        with progress.labelled("boston"):
            progress.report("fold", 1, 2)
        progress.report("fold", 2, 2)
    assert heard == [("boston: fold", 1, 2), ("fold", 2, 2)]
    with progress.labelled("alone"):
        progress.report("fold", 1, 1)


def test_a_second_listener_hears_the_same_after_the_first() -> None:
    said: list[str] = []
    with (
        progress.listening(lambda what, done, total: said.append(f"first {what}")),
        progress.listening_too(lambda what, done, total: said.append(f"second {what}")),
    ):
        progress.report("fold", 1, 4)
    assert said == ["first fold", "second fold"]


def test_scores_are_shown_on_the_board_under_the_label_they_stand_under() -> None:
    shown: list[tuple[str, str, float]] = []
    progress.scored("early", "MAE 1", -1.0)
    with progress.showing(lambda *score: shown.append(score)), progress.labelled("500 rows"):
        progress.scored("ridge", "MAE 2", -2.0)
    progress.scored("late", "MAE 3", -3.0)
    assert shown == [("500 rows: ridge", "MAE 2", -2.0)]
