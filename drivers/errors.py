"""What can go wrong between a driver and its device.

DriverError
 +- PortUnavailable     the serial port is not there, is in use, or was pulled
 +- InterfaceSilent     the interface is there and says nothing
 +- BusUnpowered        the interface says that the DALI bus has no voltage, or is shorted
 +- BusBusy             another master kept colliding with the frame
"""


class DriverError(Exception):
    """The root: what is wrong, where, and what to do, in one sentence."""


class PortUnavailable(DriverError):
    """The serial port is not there, is in use, or was pulled."""


class InterfaceSilent(DriverError):
    """The interface does not answer the host."""


class BusUnpowered(DriverError):
    """The DALI bus has no voltage, or is shorted."""


class BusBusy(DriverError):
    """The frame collided with another master's each time it was tried."""
