"""Light sensors: IEC 62386-304, instance type 4: commands, settings, event filter and event information.

A light sensor tells a RELATIVE illuminance, 10 bits in an event: a share of the sensor's own range, not lux.
"""

from protocols.dali.device_commands import Setting, table

INSTANCE_TYPE = 4

COMMANDS = table(
    (
        ("SET REPORT TIMER", 0x30, "2"),
        ("SET HYSTERESIS", 0x31, "2"),
        ("SET DEADTIME TIMER", 0x32, "2"),
        ("SET HYSTERESIS MIN", 0x33, "2"),
        ("QUERY HYSTERESIS MIN", 0x3C, "?"),
        ("QUERY DEADTIME TIMER", 0x3D, "?"),
        ("QUERY REPORT TIMER", 0x3E, "?"),
        ("QUERY HYSTERESIS", 0x3F, "?"),
    )
)

REPORT_TIMER = Setting("a report timer (s)", "SET REPORT TIMER", "QUERY REPORT TIMER", 1.0, 0, 255, None)
"""The time after an event until the sensor tells its value again; 0: it never does."""

DEADTIME_TIMER = Setting("a deadtime timer (s)", "SET DEADTIME TIMER", "QUERY DEADTIME TIMER", 0.05, 0, 255, None)
"""The least time between two events."""

HYSTERESIS = Setting("a hysteresis (%)", "SET HYSTERESIS", "QUERY HYSTERESIS", 1, 0, 25, None)
"""The change that makes the sensor tell a new value, in percent of the value told last."""

HYSTERESIS_MIN = Setting("a least hysteresis", "SET HYSTERESIS MIN", "QUERY HYSTERESIS MIN", 1, 0, 255, None)
"""The least change that makes the sensor tell a new value, in counts of the input value."""

FULL_SCALE = 1023
"""The highest event information: the end of the sensor's range."""


class Filter:
    """Bits of the event filter: the triggers of which the sensor tells."""

    ILLUMINANCE_LEVEL = 0x01


def relative_illuminance(info: int) -> float:
    """Returns the ten bits of an event as a share of the sensor's range, 0 to 1: relative, not lux."""
    return info / FULL_SCALE
