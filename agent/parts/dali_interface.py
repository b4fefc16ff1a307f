"""Makes the driver of a DALI interface on a serial port from the short name of the product."""

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

    The driver opens the port once its `run` is awaited. `channels` are the interface's buses that are in use.
    Raises UnknownName if no product has this name, or Unusable with a sentence if its driver cannot be used.
    """
    return driver_of(product)(port_opener(port, clock), clock, hears, tuple(channels), foreign)
