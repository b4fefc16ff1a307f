"""The ATX LED DALI HAT as a driver, with its 1 to 4 buses: see by_arrival.py for what binds an answer to its query.

The HAT works through its commands in order and says one line for each: J (answer), N (none), X (garbled) or Z (met
another master's frame). It takes no priority. Some firmware says N for each of the two frames of a send-twice command,
some one for both. The first pairs after connecting show which: LONE_LINES pairs in a row with one line each.

    host  t0123                   | 16 bits twice: one command             l012345 l012345 | 24 bits: the command twice
    HAT          N [N within SECOND_N_WITHIN_S]                                   N       N
"""

from drivers.dali.by_arrival import ByArrival
from drivers.dali.sender import IDENTITY, NOT_SENT
from protocols.dali.frames import Reply
from protocols.dali_interfaces import atx_hat as wire
from protocols.dali_interfaces.atx_hat import BusStatus, Line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.interfaces import Outcome
    from protocols.dali.frames import Transmission

SECOND_N_WITHIN_S = 0.05
LONE_LINES = 3
"""A lost line must not decide what the firmware says. Each line that comes unasked opens the question again, for it may
be a second one."""
LINE_WITHIN_S = 0.05
"""The pieces of a line come closer together than this, whatever USB and the host make of them."""
_STATUS = "status %d"


class AtxHat(ByArrival):
    """One HAT with its 1-4 buses; the promises are drivers.interfaces.DaliInterface's."""

    PRODUCT = "ATX DALI HAT"
    IF_SILENT = "check its wiring and that the serial console is off"
    BAUD = wire.BAUD
    READER = wire.LineReader
    IDENTIFY = wire.QUERY_VERSION
    HAND_OVER_S = wire.COMMAND_CHARACTERS * wire.CHARACTER_S

    noise_lines = 0
    _received_at = 0.0
    _lone_lines = 0

    async def greet(self) -> None:
        self._lone_lines = 0
        await super().greet()

    def encode(self, channel: int, transmission: "Transmission", priority: int) -> bytes:
        return wire.encode(channel, transmission)

    def makes_pair(self, transmission: "Transmission") -> bool:
        return wire.lines_for(transmission) == 1

    async def send(self, channel: int, transmission: "Transmission", content: bytes) -> "Outcome":
        outcome = await self.exchange(channel, transmission, content)
        if not transmission.twice or not self.makes_pair(transmission) or outcome == NOT_SENT:
            return outcome
        if self._lone_lines >= LONE_LINES:
            return outcome
        second = await self.listen_on(channel, SECOND_N_WITHIN_S)
        self._lone_lines = self._lone_lines + 1 if second is None else 0
        return second or outcome

    async def ask_bus(self, channel: int) -> None:
        await self.ask(_STATUS % channel, wire.query_status(channel))

    def received(self, content: bytes) -> None:
        now = self.clock.monotonic()
        if now - self._received_at > LINE_WITHIN_S:
            self.drop_rest()
        self._received_at = now
        super().received(content)

    def take(self, line: Line, now: float) -> None:
        if line.kind == Line.BUS_STATUS:
            self.replied(_STATUS % line.channel)
            if line.content in (BusStatus.POWERED, BusStatus.UNKNOWN):
                self.note_power(line.channel, True)
            else:
                self.hear_no_voltage(line.channel, now, more_to_come=True)
        elif line.kind == Line.NOISE:
            self.noise_lines += 1
        elif line.kind == Line.VERSION:
            self.replied(IDENTITY)
        else:
            self.hear_edge(line.channel, now - _age_of_last_edge(line))
            if line.kind == Line.FOREIGN:
                self.hear_foreign(line.channel, line.content)
            elif line.kind == Line.NOT_SENT:
                self.hear(line.channel, NOT_SENT, now)
            elif not self.hear(line.channel, line.content, now):
                self._lone_lines = 0


def _age_of_last_edge(line: Line) -> float:
    """How long ago the bus was last busy, when this line has just arrived."""
    characters = 2  # the letter and the line end
    if line.kind == Line.NOT_SENT:
        return characters * wire.CHARACTER_S  # what it collided with may have gone on until now
    if line.kind == Line.REPLY and line.content.kind == Reply.NO_ANSWER:
        return wire.NO_ANSWER_AFTER_S + characters * wire.CHARACTER_S
    if line.kind == Line.FOREIGN:
        characters += int(line.content.bits) // 4
    elif line.content.kind == Reply.VALUE:
        characters += 2
    return wire.STOP_CONDITION_S + characters * wire.CHARACTER_S
