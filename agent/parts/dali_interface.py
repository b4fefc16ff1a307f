"""The driver of a DALI interface on a serial port, found by the interface's short name."""

from __future__ import annotations

from collections.abc import Sequence

from agent.hardware.serial_port import port_opener
from agent.interfaces import Clock
from agent.parts.interfaces import driver_of
from drivers.interfaces import DaliInterface, Foreign, Listener


def interface_on(
    port: str, product: str, channels: Sequence[int], clock: Clock, hears: Listener, foreign: Foreign | None = None
) -> DaliInterface:
    """Returns the driver of this product (its short name) on the port at this path.

    The port is opened once `run` of the driver is awaited. `channels` are the interface's buses that are in use.
    Raises UnknownName, or Unusable with a sentence.
    """
    return driver_of(product)(port_opener(port, clock), clock, hears, tuple(channels), foreign)
