"""A street of emulated lamp-posts: D4i gear on a DALI bus (IEC 62386), its supply, and an interface on a serial port.

A story switches faults on by luminaire number, in the order given, and asks for the true state. It commands the lamps
only through the port.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from hil.devices.control_device import ControlDevice
from hil.devices.d4i_banks import INTEGRATED_SUPPLY
from hil.devices.dali_bus import BusStatistics, DaliBus
from hil.devices.dali_gear import Gear
from hil.devices.dali_hat import DaliHat
from hil.devices.gear_variables import MASK, GearProfile
from hil.devices.power_curve import PowerCurve
from hil.devices.power_history import CurvePoint, PowerHistory
from hil.devices.serial_port import SerialPort, Traffic

BusSupply = Literal["gear", "separate", "gateway"]
OLDEST_REGISTER_WH = 400_000.0
"""Highest energy register at the start: these lamps have burnt before."""


@dataclass(frozen=True)
class Lamp:
    """One luminaire. It draws `power_w` at full light and `min_power_w` at 1 % (by default a tenth).

    A `short_address` of None means that the gear is not addressed yet. `profile` describes its gear if that differs
    from the street's.
    """

    short_address: int | None
    power_w: float
    standby_w: float = 0.4
    min_power_w: float | None = None
    level: int = 0
    profile: GearProfile | None = None


class Interface(Protocol):
    """An emulated interface product between a serial line and its buses. It takes bytes by `receive`, and sends them by
    the callable that its constructor gets."""

    powered: bool
    turnarounds: deque[tuple[float, bytes]]

    def receive(self, content: bytes) -> None: ...
    def add_bus(self, bus: DaliBus) -> None: ...


class Street:
    """Gear, bus, interface and port, built inside a running asyncio loop. Times are loop seconds.

    `bus_supply` says what feeds the bus: the gear (as long as one of them has mains), a separate supply on permanent
    mains, or the gateway. `product` makes the interface; with `hat`, this bus becomes the next bus of an existing
    interface, on the port of that interface. `devices` are control devices (sensors) on this bus, numbered in that
    order for `presence` and `illuminance`.
    """

    def __init__(
        self,
        lamps: Sequence[Lamp],
        *,
        seed: int = 0,
        energy_exponent: int = -1,
        bus_supply: BusSupply = "separate",
        link: Path | None = None,
        traffic: Traffic | None = None,
        profile: GearProfile | None = None,
        product: Callable[[asyncio.AbstractEventLoop, Callable[[bytes], None]], Interface] = DaliHat,
        hat: Interface | None = None,
        devices: Sequence[ControlDevice] = (),
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.bus_supply = bus_supply
        self.gear = [
            self._specimen(number, lamp, seed, energy_exponent, lamp.profile or profile or GearProfile())
            for number, lamp in enumerate(lamps)
        ]
        self.devices = list(devices)
        self.bus = DaliBus(self.gear, self.loop, devices=self.devices)
        self.port: SerialPort | None = None
        for one in self.gear:
            one.supply_changed = self._supply_changed
        self._supply_on = self._gateway_on = True
        self._shorted = False
        if hat is None:
            hat = product(self.loop, self._say)
            self.port = SerialPort(self.loop, hat.receive, link=link, traffic=traffic, seed=seed)
            self.port.plug()
        self.interface = hat
        self.interface.add_bus(self.bus)

    @property
    def hat(self) -> DaliHat:
        """Returns the interface, which must be the HAT."""
        assert isinstance(self.interface, DaliHat)
        return self.interface

    # Faults

    def gear_dead(self, i: int, dead: bool = True) -> None:
        """Kills a gear: it neither answers nor lights nor draws power."""
        self.gear[i].set_dead(dead, self.loop.time())
        self._feed_bus()

    def lamp_failed(self, i: int, failed: bool = True) -> None:
        """Breaks a lamp: it gives no light, while the gear answers, keeps its level and reports lamp failure."""
        self.gear[i].set_lamp_failed(failed, self.loop.time())

    def no_answer(self, i: int, silent: bool = True) -> None:
        """Silences a gear: it obeys but never answers."""
        self.gear[i].no_answer = silent

    def late_answer(self, i: int, late_ms: float) -> None:
        """Delays each answer of a gear by this many ms (26 to 40 were seen in the field); 0 ends the fault."""
        self.gear[i].late_s = late_ms / 1000.0

    def framing_error(self, i: int, broken: bool = True) -> None:
        """Makes the backward frames of a gear break the bit timing."""
        self.gear[i].garbled_answer = broken

    def garbled_lines(self, lines: int = 1) -> None:
        """Flips bits in the next lines from the interface."""
        self._port().garble(lines)

    def transmit_collisions(self, frames: int = 1) -> None:
        """Makes the next frames collide with another sender's, so that they do not go out (Z on the HAT)."""
        self.bus.collide_next = frames

    def unplug(self) -> None:
        """Pulls the cable: the host's port is gone."""
        self._port().unplug()

    def plug(self) -> str:
        """Puts the cable back under its old link. Returns the new terminal's path."""
        return self._port().plug()

    def bus_power(self, on: bool) -> None:
        """Cuts the bus voltage, as a broken wire or a failed supply does, or brings it back."""
        self._supply_on = on
        self._feed_bus()

    def bus_short(self, shorted: bool = True) -> None:
        """Shorts the two wires of the bus, or ends the short circuit."""
        self._shorted = shorted
        self._feed_bus()

    def mains(self, on: bool, i: int | None = None) -> None:
        """Switches the mains of one lamp or of all. A separate bus supply has mains of its own."""
        now = self.loop.time()
        lamps = self.gear if i is None else [self.gear[i]]
        for one in lamps:
            one.set_mains(on, now)
        self._feed_bus()

    def gateway_power(self, on: bool) -> None:
        """Switches the power of the gateway and its interface. The bus goes down only if the gateway feeds it."""
        self._gateway_on = on
        self.interface.powered = on
        self._feed_bus()

    # Surroundings of the sensors

    def presence(self, device: int, moving: bool) -> None:
        """Starts or ends movement in front of an occupancy sensor."""
        self.devices[device].presence(moving)

    def illuminance(self, device: int, value: int) -> None:
        """Sets the light at a light sensor: 0 to 1023, relative to its range."""
        self.devices[device].illuminance(value)

    def close(self) -> None:
        """Takes the port away at the end of the story."""
        if self.port is not None:
            self.port.unplug()

    # True state

    @property
    def statistics(self) -> BusStatistics:
        return self.bus.statistics

    def bus_load(self) -> float:
        """Returns the share of the time so far in which the bus carried a frame."""
        return self.statistics.load(self.loop.time())

    def level(self, i: int) -> int:
        """Returns actualLevel, 0..254; 0 without power."""
        return self.gear[i].level(self.loop.time())

    def light(self, i: int) -> float:
        """Returns the share of full light that the lamp really gives, 0..1."""
        return self.gear[i].light(self.loop.time())

    def power_w(self, i: int) -> float:
        return self.gear[i].power_w(self.loop.time())

    def energy_wh_true(self, i: int) -> float:
        """Returns the floating-point integral of the lamp's power in Wh, counted as its register counts."""
        return self.gear[i].energy_wh_true(self.loop.time())

    def energy_wh_at(self, i: int, loop_time: float) -> float:
        """Returns the integral of the lamp's power, in Wh, up to an instant in the past.

        Raises ValueError for the future, or before the street was built.
        """
        return self._past(i, loop_time).energy_wh(loop_time)

    def power_w_at(self, i: int, loop_time: float) -> float:
        """Returns the power in W that the lamp drew at an instant in the past.

        Raises ValueError for the future, or before the street was built.
        """
        return self._past(i, loop_time).power_w(loop_time)

    def light_at(self, i: int, loop_time: float) -> float:
        """Returns the share of full light, 0..1, at an instant in the past.

        Raises ValueError for the future, or before the street was built.
        """
        return self._past(i, loop_time).light(loop_time)

    def _past(self, i: int, loop_time: float) -> PowerHistory:
        now = self.loop.time()
        if loop_time > now:
            raise ValueError(
                f"loop time {loop_time:.3f} s has not come yet (it is {now:.3f} s): ask for a past instant"
            )
        self.gear[i].run(now)
        return self.gear[i].history

    def curve(self, i: int) -> list[CurvePoint]:
        """Returns level and power from the start until now, as the corners of a plot."""
        return self.gear[i].points(self.loop.time())

    def full_power_w(self, i: int) -> float:
        """Returns the power in W that this specimen really draws at full light."""
        return self.gear[i].history.curve.power_w(254)

    def _specimen(self, number: int, lamp: Lamp, seed: int, energy_exponent: int, profile: GearProfile) -> Gear:
        rng = random.Random(f"{seed}/gear {number}")
        min_power_w = lamp.power_w / 10 if lamp.min_power_w is None else lamp.min_power_w
        return Gear(
            PowerCurve.seeded(rng, lamp.power_w, lamp.standby_w, min_power_w),
            self.loop.time(),
            rng=rng,
            profile=replace(profile, energy_exponent=energy_exponent, device_types=self._device_types(profile)),
            short_address=MASK if lamp.short_address is None else lamp.short_address,
            level=lamp.level,
            nominal_power_w=lamp.power_w,
            min_power_w=min_power_w,
            energy_wh=rng.uniform(0.0, OLDEST_REGISTER_WH),
        )

    def _device_types(self, profile: GearProfile) -> tuple[int, ...]:
        own = set(profile.device_types)
        return tuple(sorted(own | {INTEGRATED_SUPPLY} if self.bus_supply == "gear" else own))

    def _supply_changed(self) -> None:
        self.loop.call_soon(self._feed_bus)  # not at once: the frame that switched the supply is still on the bus

    def _feed_bus(self) -> None:
        fed = self._supply_on
        if self.bus_supply == "gear":
            fed = fed and any(one.feeds_bus(self.loop.time()) for one in self.gear)
        elif self.bus_supply == "gateway":
            fed = fed and self._gateway_on
        self.bus.set_voltage(fed, shorted=fed and self._shorted)

    def _port(self) -> SerialPort:
        if self.port is None:
            raise ValueError("this bus shares another street's port: pull the cable there")
        return self.port

    def _say(self, line: bytes) -> None:
        self._port().write(line)
