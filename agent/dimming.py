"""Tells luminaires their levels: the fewest frames, one fade for all, one by one where inrush asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from agent.frame_plan import LevelFrame, StoredInGear, Wish, plan
from agent.gear_health import LuminaireObserver
from agent.interfaces import Clock
from agent.luminaire import LuminaireState
from agent.targets import Wanted
from drivers.dali import bus as priorities
from drivers.dali.bus import DaliBus
from protocols.dali import addresses, levels, sequences
from protocols.dali.addresses import Address
from protocols.dali.frames import Reply

VERIFY_AFTER_FADE_S = 1.0
GROUP_QUERIES = ("QUERY GROUPS 0-7", "QUERY GROUPS 8-15")
SCENES = 16


class Dimming:
    """The level commands of one bus. `stagger_s` is the pause between two luminaires that are switched on from dark:
    the inrush of LED gear is 40 to 100 times its nominal current."""

    def __init__(
        self,
        bus: DaliBus,
        luminaires: Sequence[LuminaireState],
        wanted: Callable[[], Mapping[str, Wanted]],
        clock: Clock,
        stagger_s: float = 0.0,
    ) -> None:
        self._bus = bus
        self._luminaires = luminaires
        self._wanted = wanted
        self._clock = clock
        self._stagger_s = stagger_s
        self._levels_differ = False
        self.observer: LuminaireObserver | None = None

    async def command_levels(self) -> None:
        """Brings every luminaire that is not where it is wanted to its level. Raises DriverError."""
        asked = self._wanted()
        wishes: dict[int, Wish] = {}
        due, dark = set(), False
        for luminaire in self._luminaires:
            percent, fade_s = asked[luminaire.name]
            # A lamp that is told its level anew should not take a minute to be lit.
            wish = Wish(levels.level_of(percent), 0.0 if luminaire.commanded is None else fade_s)
            wishes[luminaire.short_address] = wish
            if luminaire.commanded != wish.level:
                due.add(luminaire.short_address)
                dark = dark or (luminaire.commanded == levels.OFF)
        if not due:
            return
        self._levels_differ = self._levels_differ or len({wish.level for wish in wishes.values()}) > 1
        staggered = dark and self._stagger_s > 0
        await self._set_fade_for_all(wishes, due)
        for number, frame in enumerate(plan(wishes, due, self._stored(), one_by_one=staggered)):
            if staggered and number:
                await self._clock.sleep(self._stagger_s)
            await self._command(frame)

    async def learn_stored(self) -> None:
        """Reads what the next luminaire's gear has stored, a gear at each call: its groups; and its scenes, once
        luminaires of this bus were asked for different levels, for only then can a scene spare frames."""
        for luminaire in self._luminaires:
            if luminaire.groups is None and luminaire.answers:
                luminaire.groups = await self._read_groups(luminaire.address)
                return
            if self._levels_differ and luminaire.scenes is None and luminaire.answers:
                luminaire.scenes = await self._read_scenes(luminaire.address)
                return

    async def _read_groups(self, address: Address) -> frozenset[int] | None:
        members = 0
        for position, name in enumerate(GROUP_QUERIES):
            reply = await self._bus.run(sequences.query(address, name), priorities.DISCOVERY)
            if reply.kind != Reply.VALUE:
                return None
            members |= reply.value << (8 * position)
        return frozenset(number for number in range(16) if members >> number & 1)

    async def _read_scenes(self, address: Address) -> tuple[int, ...] | None:
        scenes = []
        for scene in range(SCENES):
            reply = await self._bus.run(sequences.query(address, "QUERY SCENE LEVEL", scene), priorities.DISCOVERY)
            if reply.kind != Reply.VALUE:
                return None
            scenes.append(reply.value)
        return tuple(scenes)

    def _stored(self) -> StoredInGear:
        """What is known of the gear. A group or scene counts only once it is known of every luminaire: whoever has not
        been asked may be in it."""
        groups: dict[int, set[int]] = {}
        scenes: dict[int, dict[int, int]] = {}
        if all(luminaire.groups is not None for luminaire in self._luminaires):
            for luminaire in self._luminaires:
                for number in luminaire.groups or ():
                    groups.setdefault(number, set()).add(luminaire.short_address)
        if all(luminaire.scenes is not None for luminaire in self._luminaires):
            for luminaire in self._luminaires:
                for scene, level in enumerate(luminaire.scenes or ()):
                    scenes.setdefault(scene, {})[luminaire.short_address] = level
        return StoredInGear(groups, scenes)

    async def _set_fade_for_all(self, wishes: Mapping[int, Wish], due: set[int]) -> None:
        """Where all wish for the same fade, one broadcast sets it for all."""
        codes = {levels.fade_code(wish.fade_s) for wish in wishes.values()}
        if len(codes) != 1 or len(due) < 2:
            return
        code = codes.pop()
        if any(luminaire.fade_code != code for luminaire in self._luminaires):
            await self._set_fade(addresses.BROADCAST, code)
            for luminaire in self._luminaires:
                luminaire.fade_code = code

    async def _set_fade(self, address: Address, code: int) -> None:
        await self._bus.run(sequences.set_parameter(address, "SET FADE TIME", code), priorities.LEVELS)

    async def _command(self, frame: LevelFrame) -> None:
        reached = [luminaire for luminaire in self._luminaires if luminaire.short_address in frame.reaches]
        code = levels.fade_code(frame.fade_s)
        if any(luminaire.fade_code != code for luminaire in reached):
            await self._set_fade(frame.address, code)
        await self._bus.send(frame.transmission)
        fade_s = levels.fade_time_s(code)
        for luminaire in reached:
            luminaire.fade_code = code
            level = frame.level_of[luminaire.short_address]
            if luminaire.commanded != level:
                luminaire.verify_at = self._clock.monotonic() + fade_s + VERIFY_AFTER_FADE_S
                if self.observer:
                    self.observer.level(luminaire.name, level, fade_s)
            luminaire.commanded = level
