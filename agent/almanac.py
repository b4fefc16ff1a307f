"""Civil time of a place from the machine's time zone database (IANA), for the portable schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# What datetime can hold with room for any offset: years 2 to 9998. A clock beyond is wrong, but must not end a part.
_FIRST_UNIX = datetime(2, 1, 1, tzinfo=UTC).timestamp()
_LAST_UNIX = datetime(9998, 12, 31, tzinfo=UTC).timestamp()


# January and July of a year in which all zones are as they are.
_SEASONS = (datetime(2026, 1, 1, tzinfo=UTC).timestamp(), datetime(2026, 7, 1, tzinfo=UTC).timestamp())

MOST_HOURS_OFF_THE_SUN = 3.5
"""So far legal time may be from the sun's. The furthest that people live with is a little more than 3 hours, in the
west of China (Beijing's clock at 74 east); Spain, Alaska and Greenland keep 1.6 to 2.6, Kiribati half an hour. Further
off it is another place's clock: its noon is no daytime, and a day from noon to noon no night."""


class UnknownTimezone(ValueError):
    """The zone is not in this machine's database; the message says what to do."""


class ZoneAlmanac:
    """Keeps agent.interfaces.Almanac for an IANA time zone such as "Europe/Amsterdam"."""

    def __init__(self, timezone: str) -> None:
        """Raises UnknownTimezone."""
        self.timezone = timezone
        try:
            self._zone = ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise UnknownTimezone(
                f'the time zone "{timezone}" is not known on this machine: write an IANA name such as'
                ' "Europe/Amsterdam", or install the package tzdata where the machine has no time zone database'
            ) from None

    def utc_offset_s(self, unix: float) -> int:
        """Seconds that local time is ahead of UTC at this instant."""
        moment = _EPOCH + timedelta(seconds=min(max(unix, _FIRST_UNIX), _LAST_UNIX))
        offset = moment.astimezone(self._zone).utcoffset()
        assert offset is not None
        return int(offset.total_seconds())

    def hours_off_the_sun(self, longitude: float) -> float:
        """How far these clocks are from the sun's mean time at this longitude (degrees east), in summer or in winter,
        when it is less; a day more or less does not count."""
        ahead_h = [self.utc_offset_s(moment) / 3600.0 for moment in _SEASONS]
        return min(abs((each - longitude / 15.0 + 12.0) % 24.0 - 12.0) for each in ahead_h)

    def agrees_with(self, other: ZoneAlmanac) -> bool:
        """Whether both show the same time, in winter and in summer."""
        return all(self.utc_offset_s(moment) == other.utc_offset_s(moment) for moment in _SEASONS)

    def local_to_unix(self, year: int, month: int, day: int, second_of_day: float) -> float:
        """The instant at which local clocks show this.

        A time that the clocks skip in spring is the instant of the change; one that they show twice in autumn is the
        first.
        """
        year = min(max(year, 2), 9998)
        local = datetime(year, month, day, tzinfo=UTC) + timedelta(seconds=second_of_day)
        nominal = (local - _EPOCH).total_seconds()
        # With the offset before the change (fold=0), a skipped time lands after the change, by how far it was skipped.
        offset = local.replace(tzinfo=self._zone, fold=0).utcoffset()
        after = local.replace(tzinfo=self._zone, fold=1).utcoffset()
        assert offset is not None
        assert after is not None
        if after > offset:
            return self._change_between(nominal - after.total_seconds(), nominal - offset.total_seconds())
        return nominal - offset.total_seconds()

    def _change_between(self, before: float, after: float) -> float:
        """The instant of the one change of offset in (before, after], to the second: such changes are whole seconds."""
        first = self.utc_offset_s(before)
        low, high = int(before), int(after)
        while high - low > 1:
            middle = (low + high) // 2
            if self.utc_offset_s(middle) == first:
                low = middle
            else:
                high = middle
        return float(high)
