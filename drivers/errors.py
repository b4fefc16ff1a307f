"""The errors between a driver and its device.

DriverError
 +- PortUnavailable     the serial port is not there, is in use, or was pulled
 +- InterfaceSilent     the interface is there and does not answer the host
 +- BusUnpowered        the DALI bus has no voltage, or is shorted
 +- BusBusy             the frame collided with another master's each time it was tried
"""


class DriverError(Exception):
    """The root of all driver errors; the text says in one sentence what is wrong, where, and what to do."""


class PortUnavailable(DriverError):
    """The serial port is not there, is in use, or was pulled."""


class InterfaceSilent(DriverError):
    """The interface does not answer the host."""


class BusUnpowered(DriverError):
    """The DALI bus has no voltage, or is shorted."""


class BusBusy(DriverError):
    """The frame collided with another master's each time it was tried."""
