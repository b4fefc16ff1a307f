"""Begins the counters of gear anew when its light source was exchanged, and with them constant light output."""

from __future__ import annotations

from agent.buses.open_bus import OpenBus
from agent.commissioning.findings import BusRecord, Finding
from agent.interfaces import Clock
from drivers.dali.bus import CONFIGURATION
from drivers.dali.inquiry import run_inquiry
from drivers.errors import DriverError
from protocols.dali import addresses
from protocols.dali.light_source import begin_anew
from protocols.errors import ConversationFailed

STAGE = "light source"
S_AN_HOUR = 3600


async def exchange_lamp(bus: OpenBus, name: str, short_address: int, clock: Clock) -> BusRecord:
    """Resets the counters in the gear of this luminaire, and returns the record. A failure is a finding in it."""
    config = bus.config
    record = BusRecord(config.name, config.interface, config.port, config.channel, False, clock.wall(), compared=False)
    began = clock.monotonic()
    try:
        await bus.wait_usable()
        age = await run_inquiry(bus.dali, clock, begin_anew(addresses.short(short_address)), CONFIGURATION)
    except ConversationFailed as failure:
        finding = Finding("gearTrouble", name, {"address": short_address, "text": str(failure)})
    except DriverError as error:
        finding = Finding("busLost", config.name, {"text": str(error)})
    else:
        hours = None if age.operating_s is None else age.operating_s // S_AN_HOUR
        finding = Finding("lampExchanged", name, {"address": short_address, "hours": hours, "starts": age.starts})
    record.findings.append(finding)
    record.frames[STAGE] = bus.dali.frames_sent
    record.took_s = clock.monotonic() - began
    return record
