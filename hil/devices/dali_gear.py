"""D4i control gear with one lamp: its power, its frames, its own changes of level (IEC 62386-102; parts 250 to 253).

The gear owns no timer. It writes down when a change of its own is due (power-on level, system failure level, the end of
a fade), and carries it out, as of that time, at the next call.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from hil.devices import gear_commands
from hil.devices.d4i_banks import SUPPLY_ACTIVE, SUPPLY_BANK, banks_of
from hil.devices.gear_arc import NEVER, ArcPower
from hil.devices.gear_commissioning import Commissioning
from hil.devices.gear_variables import MASK, GearProfile, Variables
from hil.devices.power_curve import PowerCurve
from hil.devices.power_history import CurvePoint, Feed, PowerHistory

SEND_TWICE_S = 0.1
"""The second frame of a pair begins at most this long after the first one has ended."""
FRAME_S = 17 / 1200
"""Start bit and 16 bits at 1200 baud."""
RESET_DEAF_S = 0.3
IDENTIFY_S = 10.0
FLASH_S = 0.5
"""While it identifies itself, the lamp goes between full and lowest light at this pace."""


class Gear:
    """One control gear. Times are loop seconds and never run backward."""

    profile: GearProfile
    variables: Variables
    arc: ArcPower
    commissioning: Commissioning
    lamp_failed: bool
    power_cycle_seen: bool
    reset_state: bool
    dtr0: int
    dtr1: int
    dtr2: int

    def __init__(
        self,
        curve: PowerCurve,
        now: float,
        *,
        rng: random.Random,
        profile: GearProfile | None = None,
        short_address: int = MASK,
        level: int = 0,
        nominal_power_w: float = 25.0,
        min_power_w: float = 2.5,
        energy_wh: float = 0.0,
    ) -> None:
        self.profile = profile or GearProfile()
        self.rng = rng
        physical_min = self.profile.physical_min_level
        self.variables = Variables(short_address=short_address, min_level=physical_min, last_light_level=level)
        self.arc = ArcPower(self.variables, level, now)
        self.commissioning = Commissioning(self)
        lit_s = energy_wh / nominal_power_w * 3600.0
        self.history = PowerHistory(curve, now, first_energy_wh=energy_wh, powered_s=2.2 * lit_s, lit_s=lit_s)
        self.banks = banks_of(self, rng, nominal_power_w, min_power_w)
        self.dtr0 = self.dtr1 = self.dtr2 = 0
        self.write_enabled = False
        self.device_type_sequence: tuple[int, int] = (MASK, -1)
        self.next_type: tuple[int, int] = (0, -1)
        self.reset_state = self.power_cycle_seen = False
        self.answer_delay_s = rng.uniform(0.0056, 0.0104)
        self.address_changed: Callable[[], None] = lambda: None
        self.supply_changed: Callable[[], None] = lambda: None

        self.dead = self.lamp_failed = self.no_answer = self.garbled_answer = False
        self.late_s = 0.0
        self.failures = 0
        self.gear_starts = 1

        self._mains = self._bus_voltage = True
        self._power_on_wait_s = rng.uniform(*self.profile.power_on_wait_s)
        self._measuring_from = self._hears_from = -NEVER
        self._power_on_at = self._bus_failure_at = self._flash_at = NEVER
        self._identify_until = -NEVER
        self._next_due = NEVER
        self._first_of_two: tuple[int, int, float] = (-1, -1, 0.0)
        self._draw(now)

    # Its supplies and its frames

    @property
    def powered(self) -> bool:
        return self._mains and not self.dead

    def set_mains(self, on: bool, now: float) -> None:
        """Switches the mains. The gear keeps its non-volatile memory."""
        self.run(now)
        if on != self._mains:
            self._mains = on
            self._power_changed(now)

    def set_dead(self, dead: bool, now: float) -> None:
        """Kills or revives the gear. A dead gear neither answers nor lights nor draws power."""
        self.run(now)
        if dead != self.dead:
            self.dead = dead
            self._power_changed(now)

    def set_lamp_failed(self, failed: bool, now: float) -> None:
        """Breaks or repairs the lamp. With a broken lamp, the gear keeps its level and reports lamp failure."""
        self.run(now)
        self.failures += failed and not self.lamp_failed
        self.lamp_failed = failed
        self._draw(now)

    def set_bus_voltage(self, present: bool, now: float) -> None:
        """Switches the bus voltage. If it stays away long enough, the system failure level holds until the next
        command."""
        self.run(now)
        if present == self._bus_voltage:
            return
        self._bus_voltage = present
        self._bus_failure_at = NEVER if present or not self.powered else now + self.profile.bus_low_limit_s
        self._plan()

    def receive(self, address: int, opcode: int, sequence: int, now: float) -> int | None:
        """Obeys a 16-bit forward frame, complete at `now`. Returns the answer as a byte, or None for silence (NO).

        `sequence` counts all frames of the bus.
        """
        if self._next_due <= now:  # checked before `run` too, for speed: a broadcast reaches 64 gear, mostly idle
            self.run(now)
        if now < self._hears_from or self.dead or not self._mains:
            return None
        if not address & 1:
            gear_commands.direct_level(self, address, opcode, now)
            return None
        if self.profile.loses_command_after_lone_first and self._is_lost(address << 8 | opcode, now):
            return None
        if address in (0xA3, 0xC3, 0xC5):
            self.load_dtr(address, opcode, now)
            return None
        if 0xA0 < address < 0xFC:
            return gear_commands.special(self, address, opcode, sequence, now)
        answer = gear_commands.command(self, address, opcode, sequence, now)
        if answer is not None and self.profile.answers_nonsense:
            return self.rng.getrandbits(8)
        return answer

    def load_dtr(self, address: int, content: int, now: float) -> None:
        """Loads DTR0, DTR1 or DTR2 (special commands 0xA3, 0xC3, 0xC5), complete at `now`; quicker than `receive`."""
        if self._next_due <= now:
            self.run(now)
        if now < self._hears_from or self.dead or not self._mains:
            return
        if self.profile.loses_command_after_lone_first and self._is_lost(address << 8 | content, now):
            return
        if self.profile.dtr_closes_writing:
            self.write_enabled = False
        if address == 0xA3:
            self.dtr0 = content
        elif address == 0xC3:
            self.dtr1 = content
        else:
            self.dtr2 = content

    def deafen(self, until: float) -> None:
        """Makes the gear ignore all frames before the loop time `until`."""
        self._hears_from = max(self._hears_from, until)

    def hears(self, address: int) -> bool:
        """Returns True if a frame with this address byte is meant for this gear."""
        return gear_commands.addressed(self, address)

    def overheard(self) -> None:
        """Ends the write-enabled state, because a command went to another gear. The bus calls this only if the profile
        has `foreign_frames_close_writing`."""
        self.write_enabled = False

    def is_second(self, address: int, opcode: int, sequence: int, now: float) -> bool:
        """Returns True if the frame completes a pair: it repeats the frame directly before it, within SEND_TWICE_S."""
        frame = address << 8 | opcode
        first, heard, at = self._first_of_two
        if frame == first and sequence == heard + 1 and now - FRAME_S - at <= SEND_TWICE_S:
            self._first_of_two = (-1, -1, 0.0)
            return True
        self._first_of_two = (frame, sequence, now)
        return False

    def _is_lost(self, frame: int, now: float) -> bool:
        """Returns True if this frame comes in place of the second of a pair, so that the gear drops both."""
        first, _, at = self._first_of_two
        if first in (-1, frame):
            return False
        self._first_of_two = (-1, -1, 0.0)
        return now - FRAME_S - at <= SEND_TWICE_S

    # Its changes of level

    def run(self, now: float) -> None:
        """Carries out each change that was due up to `now`, as of its own time."""
        while self._next_due <= now:
            due = self._next_due
            if self.arc.off_at <= due:
                self.arc.switch_off_if_due(due)
            elif self._bus_failure_at <= due:
                self._bus_failure_at = NEVER
                self._system_failure(due)
            elif self._power_on_at <= due:
                self._power_on_at = NEVER
                level = self.variables.power_on_level
                self.arc.go_to(self.variables.last_light_level if level == MASK else level, due)
            elif self._flash_at <= due:
                self._flash_at = min(due + FLASH_S, self._identify_until) if due < self._identify_until else NEVER
            self._draw(due)

    def supply_switched(self) -> None:
        """Tells the listener that a memory bank has switched the integrated bus supply."""
        self.supply_changed()

    def level_changed(self, now: float) -> None:
        """Notes that a level command was carried out, which replaces a power-on level that is still due."""
        self._power_on_at = NEVER
        self.power_cycle_seen = False
        self._draw(now)

    def redraw(self, now: float) -> None:
        """Records the light and power after a change that bears on them."""
        self._draw(now)

    def reset(self, now: float) -> None:
        """Obeys RESET: resets all variables but the short address, gives full light, and is deaf for 300 ms."""
        self.variables = self.arc.variables = self.variables.reset(self.profile.physical_min_level)
        self.commissioning.reset()
        self.arc.go_to(self.variables.last_light_level, now)
        self.arc.limit_error = False
        self.level_changed(now)
        self.reset_state = True
        self._hears_from = now + RESET_DEAF_S

    def identify(self, now: float) -> None:
        """Flashes the lamp for 10 s; the level stays."""
        self._identify_until = now + IDENTIFY_S
        self._flash_at = now + FLASH_S
        self._draw(now)

    def stop_identifying(self, now: float) -> None:
        if now < self._identify_until:
            self._identify_until = -NEVER
            self._flash_at = NEVER
            self._draw(now)

    def identifying(self, now: float) -> bool:
        return now < self._identify_until

    # Its true state, and its measurements

    def status(self, now: float) -> int:
        """Returns the answer to QUERY STATUS, bits 0..7."""
        return (
            self.lamp_failed << 1
            | (self.history.lit_level(now) > 0) << 2
            | self.arc.limit_error << 3
            | self.arc.fading(now) << 4
            | self.reset_state << 5
            | (self.variables.short_address == MASK) << 6
            | self.power_cycle_seen << 7
        )

    def feeds_bus(self, now: float) -> bool:
        """Returns True if the integrated supply of this gear feeds the bus."""
        return self.powered and self.banks.read(SUPPLY_BANK, SUPPLY_ACTIVE, now) == 1

    def measuring(self, now: float) -> bool:
        return now >= self._measuring_from

    def level(self, now: float) -> int:
        """Returns actualLevel; 0 without power."""
        self.run(now)
        return self.arc.level(now) if self.powered else 0

    def energy_wh_true(self, now: float) -> float:
        """Returns the floating-point integral of the gear's power in Wh, from which the register is taken."""
        self.run(now)
        return self.history.energy_wh(now)

    def power_w(self, now: float) -> float:
        self.run(now)
        return self.history.power_w(now)

    def light(self, now: float) -> float:
        """Returns the share of full light, 0..1."""
        self.run(now)
        return self.history.light(now)

    def lit_level(self, now: float) -> float:
        self.run(now)
        return self.history.lit_level(now)

    def powered_s(self, now: float) -> float:
        return self.history.powered_s(now)

    def lit_s(self, now: float) -> float:
        return self.history.lit_s(now)

    def lamp_starts(self) -> int:
        return self.history.lamp_starts

    def points(self, now: float) -> list[CurvePoint]:
        self.run(now)
        return self.history.points(now)

    def _power_changed(self, now: float) -> None:
        self._bus_failure_at = self._power_on_at = self._flash_at = NEVER
        self._identify_until = -NEVER
        self.arc.darken(now)
        if self.powered:
            self._start(now)
        self._draw(now)

    def _start(self, now: float) -> None:
        self.gear_starts += 1
        self.power_cycle_seen = True
        self.write_enabled = False
        self.dtr0 = self.dtr1 = self.dtr2 = 0
        self.commissioning.end()
        self.banks.power_cycled()
        self._hears_from = now + self.profile.boot_s
        self._measuring_from = now + self.profile.measuring_starts_s
        self._power_on_at = now + self._power_on_wait_s
        if not self._bus_voltage:
            self._bus_failure_at = now + self.profile.bus_low_limit_s

    def _system_failure(self, now: float) -> None:
        level = self.variables.system_failure_level
        if level != MASK:
            self._power_on_at = NEVER
            self.arc.go_to(level, now)

    def _draw(self, now: float) -> None:
        """Records the course of light and power from `now` on, and plans the next change."""
        arc = self.arc
        linear = self.variables.linear_curve
        if not self.powered:
            self.history.record(now, Feed.NONE, 0.0, 0.0, now)
        elif self.lamp_failed:
            self.history.record(now, Feed.STANDBY, 0.0, 0.0, now)
        elif now < self._identify_until:
            full = int((self._identify_until - now) / FLASH_S + 1e-6) % 2 == 0
            level = float(self.variables.max_level if full else self.variables.min_level)
            self.history.record(now, Feed.LIT, level, level, now, linear=linear)
        elif (position := arc.position(now)) <= 0:
            self.history.record(now, Feed.STANDBY, 0.0, 0.0, now)
        else:
            self.history.record(now, Feed.LIT, position, arc.end_level, max(arc.end, now), linear=linear)
        self._plan()

    def _plan(self) -> None:
        self._next_due = min(self.arc.off_at, self._bus_failure_at, self._power_on_at, self._flash_at)
