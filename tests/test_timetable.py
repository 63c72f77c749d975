"""When something is to run, as a person writes it."""

from datetime import UTC, datetime, timedelta

import pytest
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from tzlocal import get_localzone_name

from flows.scheduling.deployments import first_time, in_words, timetable
from tasks.specs import BakeoffError


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("1h", timedelta(hours=1)),
        ("36h", timedelta(hours=36)),
        ("1d", timedelta(days=1)),
    ],
)
def test_an_interval_is_counted_from_now_and_reads_as_it_was_written(text: str, interval: timedelta) -> None:
    before = datetime.now(UTC)
    made = timetable(None, text, None)
    assert isinstance(made, IntervalSchedule)
    assert made.interval == interval
    assert before + interval <= first_time(made) <= datetime.now(UTC) + interval
    assert in_words(made) == f"every {text}"


def test_a_cron_schedule_goes_by_the_clock_of_its_zone() -> None:
    made = timetable("0 6 * * 1", None, "Europe/Berlin")
    first = first_time(made)
    assert (first.weekday(), first.hour, first.minute, first.tzname()) in {(0, 6, 0, "CET"), (0, 6, 0, "CEST")}
    assert in_words(made) == 'cron "0 6 * * 1", Europe/Berlin'


def test_a_schedule_without_a_zone_goes_by_this_machines_clock() -> None:
    assert timetable("0 6 * * 1", None, None).timezone == get_localzone_name()


def test_a_yearly_schedule_is_found_although_it_is_far_away() -> None:
    first = first_time(timetable("0 0 29 2 *", None, "UTC"))
    assert (first.month, first.day) == (2, 29)
    assert first > datetime.now(UTC)


def test_schedules_that_were_made_elsewhere_have_words_too() -> None:
    assert in_words(IntervalSchedule(interval=timedelta(days=1.5))) == "every 36h"
    assert in_words(IntervalSchedule(interval=timedelta(seconds=0.5))) == "every 0.5s"
    assert in_words(CronSchedule(cron="@daily")) == 'cron "@daily", UTC'
    assert in_words(RRuleSchedule(rrule="FREQ=DAILY")) == "rrule FREQ=DAILY"


@pytest.mark.parametrize(
    ("cron", "every", "zone", "said"),
    [
        (None, None, None, 'give one of --cron and --every, such as --cron "0 6 * * 1"'),
        ("0 6 * * 1", "1h", None, "give one of --cron and --every"),
        (None, "1w", None, "--every '1w' is not a time between 1s and 366d, such as 30s, 10m, 1h or 1d"),
        (None, "0m", None, "--every '0m' is not a time"),
        (None, "367d", None, "--every '367d' is not a time"),
        (None, "", None, "--every '' is not a time"),
        ("0 25 * * 1", None, None, "--cron '0 25 * * 1' is not minute, hour, day of the month"),
        ("monday", None, None, "--cron 'monday' is not minute, hour"),
        ("0 0 31 2 *", None, None, "--cron '0 0 31 2 *' names a time that never comes"),
        (
            None,
            "1h",
            "Europe/Berlim",
            "--timezone 'Europe/Berlim' is not a time zone of the IANA list; did you mean Europe/Berlin?",
        ),
        (None, "1h", "?", "--timezone '?' is not a time zone of the IANA list, such as Europe/Berlin or UTC"),
    ],
)
def test_what_cannot_be_read_is_refused_with_an_example(
    cron: str | None, every: str | None, zone: str | None, said: str
) -> None:
    with pytest.raises(BakeoffError) as refused:
        timetable(cron, every, zone)
    assert said in str(refused.value)
