"""How long each lamp has burnt, as its gear counts it (DiiA part 253, bank 206): what constant light output goes by.

Until it is known the schedule takes the lamp for an old one, which burns brightest.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from agent.interfaces import Clock
from agent.lamps.luminaire import LuminaireState
from agent.schedule.inputs import OPERATING_HOURS, Reading
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from drivers.dali.inquiry import run_inquiry
from drivers.errors import DriverError
from protocols.dali.bank_inquiries import read_values
from protocols.dali.memory_banks import BANK_206
from protocols.errors import ConversationFailed

log = logging.getLogger("lichtmast")

FIELD = "operating time since reset"
"""Since the light source was exchanged."""
EVERY_S = 86400.0
AGAIN_S = 900.0


class Aging(NamedTuple):
    """A luminaire with constant light output, and the bus that it hangs on."""

    luminaire: LuminaireState
    bus: DaliBus


class OperatingHours:
    """Asks once a day, and again soon where somebody does not answer. `observe` takes the readings."""

    def __init__(self, aging: Sequence[Aging], observe: Callable[[Reading], None], clock: Clock) -> None:
        self._aging = aging
        self._observe = observe
        self._clock = clock

    async def run(self) -> None:
        """Asks for ever."""
        while True:
            missing = [each for each in self._aging if not await self._ask(each)]
            await self._clock.sleep(AGAIN_S if missing else EVERY_S)

    async def _ask(self, aging: Aging) -> bool:
        """Whether this lamp's hours are known now; gear that counts none is not asked again before its day."""
        with contextlib.suppress(TimeoutError):
            await self._clock.wait_for(aging.bus.wait_usable(), AGAIN_S)
        inquiry = read_values(aging.luminaire.address, BANK_206, [FIELD])
        try:
            found = await run_inquiry(aging.bus, self._clock, inquiry, priorities.DISCOVERY)
        except (ConversationFailed, DriverError) as error:
            log.debug("operating hours of %s: %s", aging.luminaire.name, error)
            return False
        seconds = found.value(FIELD).amount
        if seconds is not None:
            self._observe(Reading("", OPERATING_HOURS, seconds / 3600.0, aging.luminaire.name))
        return True
