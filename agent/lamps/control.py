"""Brings the luminaires of one bus to their levels and keeps them there: levels first, questions beside them.

Each cycle compares what is wanted with what was told, so nothing needs to be remembered over trouble: a bus or a gear
that comes back is told its level again. No question stands between a level that is due and the bus: each question
is asked beside the levels, and a level passes between the frames of any conversation.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from agent.interfaces import Clock
from agent.lamps.dimming import Dimming
from agent.lamps.fail_safe import FailSafe
from agent.lamps.foreign_masters import ForeignMasters
from agent.lamps.gear_health import GearHealth
from agent.lamps.level_limits import LevelLimits
from agent.lamps.luminaire import LuminaireState
from agent.lamps.mains import Mains
from agent.lamps.turns import each_in_turn
from agent.lamps.verification import Verification
from agent.records.alarms import EventLog
from drivers.dali.bus import DaliBus
from drivers.errors import BusUnpowered, DriverError, PortUnavailable
from protocols.dali import gear_commands, levels
from protocols.dali.frames import ForwardFrame, Reply
from protocols.errors import ConversationFailed

CYCLE_S = 10.0
STATUS_EVERY_S = 300.0
"""Each gear is asked for its status about this often."""
STATUS_OF_DARK_EVERY_S = 900.0
METERED_WITHIN_S = 960.0
"""A lamp that is told to be off has no light that could fail. While its energy register is read at least this often,
which shows that its gear is there, it is asked for its status less often."""
MAINS_ASKED_AT_S = 9.0
"""Into each cycle: late, because a level makes gear forget that it lost its mains, and levels fall due at its begin."""
FAILURES_TO_REPORT = 3
"""Cycles in a row: a line that is lost now and then on a noisy wire is made up for in the next one."""
AGAIN_S = 0.2
"""A level that did not go out is tried again this soon, then after twice as long, and so on."""
TOGETHER_S = 2.0
"""What questions find is told this much later: where gear comes back, more of it does."""
AFTER_TROUBLE_S = (0.15, 0.5, 1.5)
"""Gear may hear nothing for a while after its mains are back (IEC 62386-101: up to 0.45 s), and goes to its POWER ON
LEVEL after 0.6 s where no level came before: so levels are told at once, and then again."""
SHORTEST_PAUSE_S = 0.001


class LuminaireControl:
    """The luminaires of one bus. `safe_level` is what their gear shows when mains returns or the bus fails,
    `floor_level` the least light at night; `next_change_s` says in how many seconds what sensors said will change a
    level (None: it will not). `known_marked` is what `mains` has told the journal in the process before."""

    def __init__(
        self,
        name: str,
        bus: DaliBus,
        luminaires: Sequence[LuminaireState],
        dimming: Dimming,
        health: GearHealth,
        safe_level: int,
        clock: Clock,
        events: EventLog,
        next_change_s: Callable[[], float | None] = lambda: None,
        *,
        floor_level: int = 1,
        known_marked: object = None,
    ) -> None:
        self.name = name
        self.luminaires = luminaires
        self.dimming = dimming
        self.health = health
        self.mains = Mains(name, bus, luminaires, clock, known_marked)
        limits = LevelLimits(bus, health, floor_level, events)
        self._verification = Verification(health, limits, clock, events)
        self._fail_safe = FailSafe(bus, health, limits, safe_level, clock, events)
        self._foreign = ForeignMasters(name, luminaires, clock, events)
        self._bus = bus
        self._safe_level = safe_level
        self._clock = clock
        self._events = events
        self._next_change_s = next_change_s
        self._woken = asyncio.Event()
        self._levels_due_at = math.inf
        self._told_anew_at: list[float] = []
        self._next_cycle_at = float("-inf")
        self._turns = (asyncio.Event(), asyncio.Event())
        self._cycled = asyncio.Event()
        self._failures: dict[str, int] = {}
        health.needs_level = self._level_needed

    async def run(self, after_cycle: Callable[[], object]) -> None:
        """Cycles for ever, each at a whole multiple of CYCLE_S, and levels at once whenever it is woken.
        After a cycle `after_cycle()` is called, and awaited where it is awaitable; no cycle waits for it."""
        questions, mains = self._turns
        work = (
            self._tell_for_ever(),
            self._ask_for_ever(questions, self._ask),
            self._ask_for_ever(mains, self._ask_for_mains_late),
            self._after_cycles(after_cycle),
        )
        parts = [asyncio.ensure_future(part) for part in work]
        try:
            await asyncio.gather(*parts)
        finally:
            for part in parts:  # where one failed, the other must not run beside those of the restart
                part.cancel()

    async def _tell_for_ever(self) -> None:
        """Levels, and nothing before them: once a cycle, and whenever one is due."""
        again_s = AGAIN_S
        while True:
            # Nothing can be told to a bus that is not there; its interface has said so, and says when it is back.
            try:
                await self._clock.wait_for(self.wait_usable(), CYCLE_S)
            except TimeoutError:
                # By day, where the lamps' mains are switched, for hours.
                self._events.cannot_tell({self.name, *(each.name for each in self.luminaires)})
                self._cycled.set()
                continue
            now = self._clock.monotonic()
            cycle = now >= self._next_cycle_at
            if cycle:
                pause_s = CYCLE_S - self._clock.wall() % CYCLE_S
                self._next_cycle_at = now + max(pause_s, SHORTEST_PAUSE_S)
            if self._levels_due_at <= now:
                self._levels_due_at = math.inf
            if any(at <= now for at in self._told_anew_at):
                self._told_anew_at = [at for at in self._told_anew_at if at > now]
                self._nothing_is_told()
            if await self._tell(counts=cycle):
                again_s = AGAIN_S
            else:
                self._due(self._clock.monotonic() + again_s)
                again_s = min(2 * again_s, CYCLE_S)
            if cycle:
                for turn in self._turns:
                    turn.set()
                self._cycled.set()
            await self._until_due()

    async def _until_due(self) -> None:
        while True:
            now = self._clock.monotonic()
            left_s = self._next_change_s()
            changes_at = [] if left_s is None else [now + max(left_s, SHORTEST_PAUSE_S)]
            due_at = min(self._next_cycle_at, self._levels_due_at, *self._told_anew_at, *changes_at)
            if due_at <= now:
                return
            self._woken.clear()
            try:
                await self._clock.wait_for(self._woken.wait(), due_at - now)
            except TimeoutError:
                # A timer may fire a moment early, but a step begins at its very second. A clock that was set ends the
                # wait much earlier: then all is looked at anew.
                while 0 < (early_s := due_at - self._clock.monotonic()) < SHORTEST_PAUSE_S:
                    await self._clock.sleep(early_s)
                return

    async def _ask_for_ever(self, turn: asyncio.Event, ask: Callable[[], Awaitable[None]]) -> None:
        """After the levels of each cycle, but never before them: questions may take their time."""
        while True:
            await turn.wait()
            turn.clear()
            await ask()

    async def _after_cycles(self, after_cycle: Callable[[], object]) -> None:
        """Beside the cycles: a disk that hangs must not keep the lamps waiting."""
        while True:
            await self._cycled.wait()
            self._cycled.clear()
            done = after_cycle()
            if asyncio.iscoroutine(done):
                await done

    def wake(self) -> None:
        """What is wanted has changed: levels are told at once."""
        self.dimming.look_again()
        self._due(self._clock.monotonic())

    def _due(self, at: float) -> None:
        """Levels are told by then (monotonic seconds). The earliest time does for all: what is due is known already."""
        self._levels_due_at = min(self._levels_due_at, at)
        self._woken.set()

    def _level_needed(self) -> None:
        """A question has found a lamp that must be told again: soon, and together with others that are found."""
        self._due(self._clock.monotonic() + TOGETHER_S)

    async def wait_usable(self) -> None:
        """Returns once the bus can be talked to."""
        await self._bus.wait_usable()

    def tell_again(self) -> None:
        """After trouble on the bus: every level is told again, at once, and every fail-safe level looked at."""
        for luminaire in self.luminaires:
            luminaire.forget_what_it_shows()
        self.mains.ask_for_marks()
        now = self._clock.monotonic()
        self._told_anew_at = [now + after_s for after_s in AFTER_TROUBLE_S]
        self._next_cycle_at = now
        self.wake()

    def _nothing_is_told(self) -> None:
        """Every level is told again, at once and without a fade."""
        for luminaire in self.luminaires:
            luminaire.commanded = None
            luminaire.fade_code = None
            luminaire.extended_fade_cleared = False

    def note_bus_without_voltage(self, *, gear_feeds_bus: bool) -> None:
        """What a dead bus says of the lamps: where their own gear feeds it, they have no mains and cannot burn; else
        they show their SYSTEM FAILURE LEVEL."""
        for luminaire in self.luminaires:
            if gear_feeds_bus:
                self.health.without_mains(luminaire)
            elif self.health.observer:
                self.health.observer.level(luminaire.name, self._safe_level, 0.0)

    def note_foreign(self, frame: ForwardFrame) -> None:
        """Another master's frame was seen. Where it can have moved lamps, they are told their levels at once: there
        must be only one that dims a street, and it is this one."""
        meaning = gear_commands.meaning(frame)
        if meaning is not None and meaning.name == "DTR2":
            self.mains.forget_marks()
        answer_at = self._foreign.hear(frame)
        if answer_at is None:
            return
        if meaning is not None and meaning.name == "RESET":
            # It makes gear deaf for 0.3 s. However many come, the newest few are enough.
            self._told_anew_at = [*self._told_anew_at, answer_at + AFTER_TROUBLE_S[1]][-len(AFTER_TROUBLE_S) :]
        self._due(answer_at)

    async def cycle(self) -> None:
        """Once through everything, one after the other. A bus in trouble is left; its interface says what it is."""
        await self._tell(counts=True)
        await self._ask_for_mains()
        await self._ask()

    async def _tell(self, *, counts: bool) -> bool:
        """The levels that are due; whether all of them went out."""
        return await self._tried("levels", self.dimming.command_levels, counts=counts)

    async def _ask_for_mains_late(self) -> None:
        await self._clock.sleep((MAINS_ASKED_AT_S - self._clock.wall()) % CYCLE_S)
        await self._ask_for_mains()

    async def _ask_for_mains(self) -> None:
        """One broadcast. Where gear has lost its mains all are told their levels again at once, which takes next to no
        frames and harms none that is there already; which gear it was comes out afterwards."""
        lost = False

        async def ask() -> None:
            nonlocal lost
            lost = await self.mains.lost_by_any()
            if self._events.remembers("supplyLoss", self.name):  # the interface tells of changes since its start only
                self._events.end("supplyLoss", self.name, f"DALI bus {self.name} has voltage again")

        await self._tried("mains", ask)
        if lost:
            self.mains.ask_for_marks()
            for luminaire in self.luminaires:
                luminaire.commanded = None
            self.dimming.look_again()
            await self._tell(counts=False)

    async def _ask(self) -> None:
        """All questions of a cycle. One that fails keeps none of the others from being asked."""
        parts = (
            ("verification", lambda: self._verification.verify_all(self.luminaires)),
            ("fail-safe levels", lambda: self._fail_safe.check_some(self.luminaires)),
            ("status", self._poll_some),
            ("marks", self.mains.mark),
            ("stored levels", self.dimming.learn_stored),
        )
        for name, ask in parts:
            await self._tried(name, ask)
        self._foreign.end_if_gone()

    async def _tried(self, name: str, part: Callable[[], Awaitable[None]], *, counts: bool = True) -> bool:
        """Whether this part of a cycle came through; where one fails in several cycles in a row, it is said."""
        try:
            await part()
        except (PortUnavailable, BusUnpowered):
            return False  # the interface has said so itself
        except (DriverError, ConversationFailed) as error:
            self._failures[name] = self._failures.get(name, 0) + counts
            if self._failures[name] >= FAILURES_TO_REPORT:
                self._events.begin("busUnusable", self.name, f"{error}; it is tried again every {CYCLE_S:.0f} s")
            return False
        self._failures.pop(name, None)
        if not self._failures:
            self._events.end("busUnusable", self.name, f"DALI bus {self.name} can be used again")
        return True

    async def read_level(self, luminaire: LuminaireState) -> int | None:
        """The level that the gear shows; where it was told another one, it is told again. Raises DriverError."""
        reply = await self.health.ask(luminaire, "QUERY ACTUAL LEVEL")
        if reply.kind != Reply.VALUE:
            return None
        shows: int = reply.value
        if luminaire.commanded is not None and luminaire.verify_at is None:
            await self._verification.compare(luminaire, shows)
        return shows

    async def _poll_some(self) -> None:
        """Those that may have lost their mains; and of those that are due never so many that a cycle is full of them:
        they spread out by themselves."""
        now = self._clock.monotonic()
        unsure = [each for each in self.luminaires if each.mains_unsure]
        due = [each for each in self.luminaires if _status_due_at(each, now) < now]
        polled = [*unsure, *due[: math.ceil(len(self.luminaires) * CYCLE_S / STATUS_EVERY_S)]]
        once = {each.name: each for each in polled}
        await each_in_turn(once.values(), self.health.poll_status)


def _status_due_at(luminaire: LuminaireState, now: float) -> float:
    if luminaire.status_asked_at is None:
        return -math.inf
    spared = luminaire.commanded == levels.OFF and luminaire.metered_at >= now - METERED_WITHIN_S
    return luminaire.status_asked_at + (STATUS_OF_DARK_EVERY_S if spared else STATUS_EVERY_S)
