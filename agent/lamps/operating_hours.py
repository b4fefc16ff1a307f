"""Reads how long each lamp has burnt, as its gear counts it (DiiA part 253, bank 206), for constant light output.

Until that is known the schedule takes the lamp for an old one, which burns brightest.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence

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
"""The gear counts from the last exchange of its light source."""
EVERY_S = 86400.0
AGAIN_S = 900.0


class OperatingHours:
    """Asks gear of one bus for the operating hours of its lamps once a day, and again after AGAIN_S if any does not
    answer. `luminaires` are those with constant light output; `observe` takes the readings."""

    def __init__(
        self, luminaires: Sequence[LuminaireState], bus: DaliBus, observe: Callable[[Reading], None], clock: Clock
    ) -> None:
        self._luminaires = luminaires
        self._bus = bus
        self._observe = observe
        self._clock = clock

    async def run(self) -> None:
        """Asks all luminaires again and again, for ever."""
        while True:
            missing = [each for each in self._luminaires if not await self._ask(each)]
            await self._clock.sleep(AGAIN_S if missing else EVERY_S)

    async def _ask(self, luminaire: LuminaireState) -> bool:
        """Asks one gear. Returns False if it should be asked again soon; gear that counts no hours can wait for a
        day."""
        with contextlib.suppress(TimeoutError):
            await self._clock.wait_for(self._bus.wait_usable(), AGAIN_S)
        inquiry = read_values(luminaire.address, BANK_206, [FIELD])
        try:
            found = await run_inquiry(self._bus, self._clock, inquiry, priorities.DISCOVERY)
        except (ConversationFailed, DriverError) as error:
            log.debug("operating hours of %s: %s", luminaire.name, error)
            return False
        seconds = found.value(FIELD).amount
        if seconds is not None:
            self._observe(Reading("", OPERATING_HOURS, seconds / 3600.0, luminaire.name))
        return True
