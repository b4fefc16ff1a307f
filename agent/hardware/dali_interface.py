"""The driver of a DALI interface on a serial port, found by the interface's short name."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hardware.serial_port import port_opener
from agent.interfaces import Clock
from drivers import catalogue
from drivers.interfaces import DaliInterface, Foreign, Listener


def interface_on(
    port: str, product: str, channels: Sequence[int], clock: Clock, hears: Listener, foreign: Foreign | None = None
) -> DaliInterface:
    """Returns the driver of this product (a short name of the catalogue) on the port at this path.

    The port is opened once `run` of the driver is awaited. `channels` are the interface's buses that are in use.
    Raises KeyError for a product that the catalogue does not have.
    """
    interface: DaliInterface = catalogue.load(product)(port_opener(port, clock), clock, hears, tuple(channels), foreign)
    return interface
