"""The DALI interface products that a board may name, and the driver of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from agent.parts.named import Group, part
from protocols.dali_interfaces.product import Product

if TYPE_CHECKING:
    from drivers.interfaces import Clock, DaliInterface, Foreign, Listener, OpenPort

    MakeDriver = Callable[[OpenPort, Clock, Listener, tuple[int, ...], Foreign | None], DaliInterface]

INTERFACES = Group("lichtmast.interfaces", "protocols.dali_interfaces", Product, "DALI interface")


def driver_of(name: str) -> MakeDriver:
    """Returns the driver class of the product with this short name.

    Raises UnknownName if no product has this name, or Unusable with a sentence if its driver cannot be used.
    """
    return cast("MakeDriver", part(INTERFACES.find(name).driver))
