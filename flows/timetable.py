"""When something is to run: from what a person wrote to Prefect's schedules, and from those back to words."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import anyio
from prefect.client.schemas.schedules import SCHEDULE_TYPES, CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.server.schemas import schedules as served
from pydantic import ValidationError
from tzlocal import get_localzone_name

from tasks.specs import BakeoffError, did_you_mean

UNITS = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1), "s": timedelta(seconds=1)}
LONGEST = timedelta(days=366)


def timetable(cron: str | None, every: str | None, timezone: str | None) -> CronSchedule | IntervalSchedule:
    """A schedule by the clock, or one at intervals that are counted from now; this machine's time zone is the default.

    Raises:
        BakeoffError: when not exactly one of the two is given, or it cannot be read.
    """
    if (cron is None) == (every is None):
        raise BakeoffError('give one of --cron and --every, such as --cron "0 6 * * 1" (Mondays at 6:00) or --every 1h')
    zone = _zone(timezone)
    if every is not None:
        return IntervalSchedule(interval=_interval(every), anchor_date=datetime.now(UTC), timezone=zone)
    try:
        schedule = CronSchedule(cron=cron, timezone=zone)
        first_time(schedule)
    except ValidationError as error:
        raise BakeoffError(
            f"--cron {cron!r} is not minute, hour, day of the month, month and day of the week,"
            ' such as "0 6 * * 1" (Mondays at 6:00)'
        ) from error
    except ValueError as error:
        raise BakeoffError(f"--cron {cron!r} names a time that never comes") from error
    return schedule


def first_time(schedule: CronSchedule | IntervalSchedule) -> datetime:
    """When a schedule that is made now comes for the first time, in its own time zone.

    Raises:
        ValueError: when it never does.
    """
    if isinstance(schedule, IntervalSchedule):
        return (schedule.anchor_date + schedule.interval).astimezone(ZoneInfo(schedule.timezone or "UTC"))
    on_server = served.CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    first, *_ = anyio.run(on_server.get_dates, 1)
    return first


def in_words(schedule: SCHEDULE_TYPES) -> str:
    """A schedule as `bakeoff schedule` takes it, such as `every 1h`."""
    match schedule:
        case IntervalSchedule():
            return f"every {_shortest(schedule.interval)}"
        case CronSchedule():
            return f'cron "{schedule.cron}", {schedule.timezone or "UTC"}'
        case RRuleSchedule():
            return f"rrule {schedule.rrule}"  # no command makes one, but Prefect's page does
        case _:
            return "never"


def _interval(text: str) -> timedelta:
    read = re.fullmatch(r"(\d{1,7})([smhd])", text)
    interval = int(read[1]) * UNITS[read[2]] if read else timedelta(0)
    if not timedelta(0) < interval <= LONGEST:
        raise BakeoffError(f"--every {text!r} is not a time between 1s and 366d, such as 30s, 10m, 1h or 1d")
    return interval


def _shortest(interval: timedelta) -> str:
    """The interval in the largest unit that measures it; Prefect's page also makes some with fractions of a second."""
    unit = next((unit for unit, length in UNITS.items() if interval % length == timedelta(0)), "")
    return f"{interval // UNITS[unit]}{unit}" if unit else f"{interval.total_seconds():g}s"


def _zone(timezone: str | None) -> str:
    if timezone is None:
        return get_localzone_name() or "UTC"
    if timezone not in available_timezones():
        hint = did_you_mean(timezone, available_timezones()) or ", such as Europe/Berlin or UTC"
        raise BakeoffError(f"--timezone {timezone!r} is not a time zone of the IANA list{hint}")
    return timezone
