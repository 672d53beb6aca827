"""Numbers and moments as people and as programs read them."""

from __future__ import annotations

from datetime import datetime, timezone

from tinylb.wording import printable

_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")
NOTHING = "-"


def exact(value: object) -> str:
    """Any value of an answer, on one line and without tabs; never empty, so that columns stay in their places."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    return printable("" if value is None else value, 4096) or NOTHING


def brief(value: object) -> str:
    """The same for people: empty where there is no value."""
    return "" if value is None or value == "" else exact(value)


def yes(value: object) -> str:
    """C{yes} for L{True}, and nothing for anything else."""
    return "yes" if value is True else ""


def size(value: object) -> str:
    """A number of bytes in three digits, decimal units."""
    number = numeral(value)
    if number is None:
        return brief(value)
    if number < 1000:
        return f"{number:.0f} B"
    thousands = 0
    while number >= 999.5 and thousands < len(_UNITS):
        number /= 1000
        thousands += 1
    places = 0 if number >= 99.95 else 1 if number >= 9.995 else 2
    return f"{number:.{places}f} {_UNITS[thousands - 1]}"


def rate(value: object) -> str:
    """A number per second."""
    number = numeral(value)
    if number is None:
        return brief(value)
    return f"{number:.0f}" if number >= 9.95 or number == 0 else f"{number:.1f}"


def numeral(value: object) -> float | None:
    """A value as a number; L{None} if it is not one."""
    isNumber = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if isNumber and abs(value) < 1e300 else None  # type: ignore[arg-type]


def age(value: object) -> str:
    """How long ago a moment was that is given in ISO 8601."""
    if not value:
        return brief(value)
    try:
        since = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        seconds = (datetime.now(timezone.utc) - since).total_seconds()
    except (TypeError, ValueError, OverflowError):
        return exact(value)
    return lasting(seconds)


def lasting(seconds: float) -> str:
    """A duration in its largest unit, and in the next one too if there are less than ten of the largest."""
    whole = max(0, int(seconds))
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= length:
            count, rest = divmod(whole, length)
            more = f" {rest // part}{smaller}" if count < 10 and rest // part else ""
            return f"{count}{unit}{more}"
    return f"{whole}s"


def clock(value: object) -> str:
    """A moment in ISO 8601 as the local time of day, with the date if that is not today."""
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00")).astimezone()
    except (ValueError, OverflowError):
        return exact(value)
    today = datetime.now().astimezone().date() == moment.date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")
