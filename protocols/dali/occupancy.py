"""Occupancy sensors: IEC 62386-303, instance type 3: commands, timers, event filter and event information."""

from collections import namedtuple

from protocols.dali.device_commands import Setting, table

INSTANCE_TYPE = 3

COMMANDS = table(
    (
        ("CATCH MOVEMENT", 0x20, ""),
        ("SET HOLD TIMER", 0x21, "2"),
        ("SET REPORT TIMER", 0x22, "2"),
        ("SET DEADTIME TIMER", 0x23, "2"),
        ("CANCEL HOLD TIMER", 0x24, ""),
        ("QUERY DEADTIME TIMER", 0x2C, "?"),
        ("QUERY HOLD TIMER", 0x2D, "?"),
        ("QUERY REPORT TIMER", 0x2E, "?"),
        ("QUERY CATCHING", 0x2F, "?"),
    )
)

HOLD_TIMER = Setting("a hold timer (s)", "SET HOLD TIMER", "QUERY HOLD TIMER", 10.0, 0, 254, None)
"""The time for which an area still counts as occupied after the last movement; 0: the shortest that the sensor can."""

REPORT_TIMER = Setting("a report timer (s)", "SET REPORT TIMER", "QUERY REPORT TIMER", 1.0, 0, 255, None)
"""The time after an event until the sensor tells its state again; 0: it never does."""

DEADTIME_TIMER = Setting("a deadtime timer (s)", "SET DEADTIME TIMER", "QUERY DEADTIME TIMER", 0.05, 0, 255, None)
"""The least time between two events."""


class Filter:
    """Bits of the event filter: the triggers of which the sensor tells."""

    OCCUPIED = 0x01
    VACANT = 0x02
    REPEAT = 0x04
    MOVEMENT = 0x08
    NO_MOVEMENT = 0x10


class Occupancy(namedtuple("Occupancy", "movement occupied repeat movement_sensor")):
    """The state that a sensor tells, four truths: something moves; the area is occupied (the hold timer included); the
    sensor repeats itself; the sensor senses movement (False: presence)."""

    def info(self) -> int:
        """Returns the event information, bits 0 to 3."""
        return sum(1 << place for place, holds in enumerate(self) if holds)


def decode(info: int) -> Occupancy | None:
    """Returns the state in the ten bits of an event, or None if a reserved bit is set."""
    if info >> 4:
        return None
    return Occupancy(bool(info & 1), bool(info & 2), bool(info & 4), bool(info & 8))


def from_input_value(value: int) -> "tuple[bool, bool]":
    """Returns (movement, occupied) from the two bits of QUERY INPUT VALUE, shifted down to 0-3."""
    return bool(value & 1), bool(value & 2)
