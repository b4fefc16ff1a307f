"""The civil time of a place, from the machine's time zone database (IANA), for the portable schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The range of datetime, less a year at each end for any offset. A clock beyond it is wrong, but must not end a part.
_FIRST_UNIX = datetime(2, 1, 1, tzinfo=UTC).timestamp()
_LAST_UNIX = datetime(9998, 12, 31, tzinfo=UTC).timestamp()

# January and July: one of them falls in summer time, in either hemisphere.
_SEASONS = (datetime(2026, 1, 1, tzinfo=UTC).timestamp(), datetime(2026, 7, 1, tzinfo=UTC).timestamp())

MOST_HOURS_OFF_THE_SUN = 3.5
"""The most hours by which legal time may differ from the sun's. People live with a little more than 3 hours at most, in
the west of China (Beijing's clock at 74 east); Spain, Alaska and Greenland keep 1.6 to 2.6, Kiribati half an hour. A
clock that differs by more belongs to another place: its noon may be dark, and a day from noon to noon cuts nights."""


class UnknownTimezone(ValueError):
    """The time zone is not in this machine's database. The message says what to do."""


class ZoneAlmanac:
    """An Almanac (agent/interfaces.py) for an IANA time zone such as "Europe/Amsterdam"."""

    def __init__(self, timezone: str) -> None:
        """Looks the zone up. Raises UnknownTimezone if this machine does not know it."""
        self.timezone = timezone
        try:
            self._zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UnknownTimezone(
                f'the time zone "{timezone}" is not known on this machine: write an IANA name such as'
                ' "Europe/Amsterdam", or install the package tzdata where the machine has no time zone database'
            ) from None

    def utc_offset_s(self, unix: float) -> int:
        """Returns the seconds by which local time is ahead of UTC at this instant; negative west of Greenwich."""
        moment = _EPOCH + timedelta(seconds=min(max(unix, _FIRST_UNIX), _LAST_UNIX))
        offset = moment.astimezone(self._zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    def hours_off_the_sun(self, longitude: float) -> float:
        """Returns how many hours local time differs from the sun's mean time at this longitude (degrees east).

        Summer and winter are compared, and the smaller difference counts. It is from 0 to 12: a zone on the other side
        of the date line is not a day off.
        """
        ahead_h = [self.utc_offset_s(moment) / 3600.0 for moment in _SEASONS]
        return min(abs((each - longitude / 15.0 + 12.0) % 24.0 - 12.0) for each in ahead_h)

    def agrees_with(self, other: ZoneAlmanac) -> bool:
        """Returns whether both zones show equal time, in winter and in summer."""
        return all(self.utc_offset_s(moment) == other.utc_offset_s(moment) for moment in _SEASONS)

    def local_to_unix(self, year: int, month: int, day: int, second_of_day: float) -> float:
        """Returns the instant (Unix seconds) at which local clocks show this date and time.

        If the clocks skip the time in spring, returns the instant of the change. If they show it twice in autumn,
        returns the first of the two.
        """
        year = min(max(year, 2), 9998)
        local = datetime(year, month, day, tzinfo=UTC) + timedelta(seconds=second_of_day)
        nominal = (local - _EPOCH).total_seconds()
        # A time that is skipped has a larger offset after the change (fold=1) than before it (fold=0).
        offset = local.replace(tzinfo=self._zone, fold=0).utcoffset()
        after = local.replace(tzinfo=self._zone, fold=1).utcoffset()
        assert offset is not None
        assert after is not None
        if after > offset:
            return self._change_between(nominal - after.total_seconds(), nominal - offset.total_seconds())
        return nominal - offset.total_seconds()

    def _change_between(self, before: float, after: float) -> float:
        """Returns the instant of the only change of offset in (before, after]. Changes fall on whole seconds."""
        first = self.utc_offset_s(before)
        low, high = int(before), int(after)
        while high - low > 1:
            middle = (low + high) // 2
            if self.utc_offset_s(middle) == first:
                low = middle
            else:
                high = middle
        return float(high)
