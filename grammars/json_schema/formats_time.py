"""Dates, times and durations of RFC 3339, as regular languages.

    2024-02-29T23:59:59.5+01:00        P1Y2M3DT4H5M6S
    ^date      ^time      ^offset      ^duration (appendix A of the RFC)

Leap years look at two digits: a year is a leap year if its last two digits are a multiple of four
and not 00, or if they are 00 and the first two are a multiple of four. The year 0000 is refused: RFC 3339
allows it, calendars (and every validator built on one) do not.

Leap seconds.  RFC 3339 has 23:59:60Z, and its like in any offset. Parsers of dates nearly all refuse
it, `jsonschema`'s among them, so the common reading has seconds from 00 to 59; the standard reading
adds the sixtieth where the offset shows that it is 23:59 in UTC. To know that, rows must remember the
local hour and minute until the offset, so it is offered for offsets of whole quarters of an hour (all
those in use), which leaves 96 local times to remember instead of 1,440.
"""

from functools import cache

from constrained.automata.dfa import Dfa
from constrained.automata.regex import compile_rust

_LEAP_PAIR = "(?:0[48]|[2468][048]|[13579][26])"  # a multiple of four, and not 00
_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP_YEAR = f"(?:[0-9]{{2}}{_LEAP_PAIR}|{_LEAP_PAIR}00)"
DATE = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    f"|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)

_HOUR, _SIXTY = "(?:[01][0-9]|2[0-3])", "[0-5][0-9]"
_FRACTION = r"(?:\.[0-9]+)?"
TIME = f"(?:{_HOUR}:{_SIXTY}:{_SIXTY}{_FRACTION}(?:[Zz]|[+-]{_HOUR}:{_SIXTY}))"

_DAY_MINUTES = 24 * 60


def _leap_second() -> str:
    """The regex of times 23:59:60 UTC, written with any offset of whole quarters of an hour."""
    choices = [f"23:59:60{_FRACTION}[Zz]"]
    for offset in range(0, _DAY_MINUTES, 15):
        ahead, behind = (_clock((_DAY_MINUTES - 1 + sign * offset) % _DAY_MINUTES) for sign in (1, -1))
        choices.append(rf"{ahead}:60{_FRACTION}\+{_clock(offset)}|{behind}:60{_FRACTION}-{_clock(offset)}")
    return f"(?:{'|'.join(choices)})"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@cache
def date() -> Dfa:
    """`full-date`."""
    return compile_rust(DATE)


@cache
def time(*, leap_seconds: bool = False) -> Dfa:
    """`full-time`: an offset is required."""
    return compile_rust(f"{TIME}|{_leap_second()}" if leap_seconds else TIME)


@cache
def date_time(*, leap_seconds: bool = False) -> Dfa:
    """`date-time`: joined by T or t."""
    return compile_rust(f"{DATE}[Tt](?:{TIME}|{_leap_second()})" if leap_seconds else f"{DATE}[Tt]{TIME}")


@cache
def duration() -> Dfa:
    """`duration`: units in order and without gaps, whole numbers, weeks on their own."""
    seconds = "[0-9]+S"
    minutes = f"[0-9]+M(?:{seconds})?"
    hours = f"[0-9]+H(?:{minutes})?"
    clock = f"T(?:{hours}|{minutes}|{seconds})"
    days = "[0-9]+D"
    months = f"[0-9]+M(?:{days})?"
    years = f"[0-9]+Y(?:{months})?"
    return compile_rust(f"P(?:(?:{years}|{months}|{days})(?:{clock})?|{clock}|[0-9]+W)")
