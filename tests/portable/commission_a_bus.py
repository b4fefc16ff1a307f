"""Gives the gear of a bus their short addresses and prints each: the portable part of `lichtmast commission`.

    micropython commission_a_bus.py PORT

Its serial port and its clock are those of dim_a_lamp.py.
"""

import asyncio
import sys

from drivers.dali.atx_hat import AtxHat
from drivers.dali.bus import CONFIGURATION, DaliBus
from drivers.dali.inquiry import run_inquiry
from drivers.errors import DriverError
from protocols.dali.commissioning import commission
from protocols.dali.short_addresses import AddressPlan
from tests.portable.dim_a_lamp import TRIES, Clock, Port

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


async def commission_bus(path: str) -> None:
    clock = Clock()

    async def open_port(
        baud: int, received: "Callable[[bytes], None]", lost: "Callable[[str], None]", lines: object = None
    ) -> Port:
        return Port(path, received, lost)

    def hears(condition: str, channel: int, sentence: str) -> None:
        print(condition, channel)

    driver = AtxHat(open_port, clock, hears)
    running = asyncio.create_task(driver.run())
    bus = DaliBus(driver)
    await clock.wait_for(bus.wait_usable(), 10)
    for _ in range(TRIES):
        try:
            outcome = await run_inquiry(bus, clock, commission(AddressPlan()), CONFIGURATION)
            break
        except DriverError as error:
            print("again:", error)
    for gear in outcome.found:
        print("gear", gear.random_address, gear.short_address)
    for trouble in outcome.troubles:
        print("trouble", trouble)
    print("frames", bus.frames_sent)
    running.cancel()


if __name__ == "__main__":
    asyncio.run(commission_bus(sys.argv[1]))
