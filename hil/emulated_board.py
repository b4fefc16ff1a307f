"""A board's devices, emulated: the street behind each serial port that the board names."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import cast

from agent.config.board import Board
from agent.parts.interfaces import INTERFACES
from agent.parts.named import part
from hil.devices.control_device import ControlDevice
from hil.devices.device_instances import Instance, LightSensor, OccupancySensor
from hil.devices.serial_port import Traffic
from hil.devices.street import Interface, Lamp, Street

MakeInterface = Callable[[asyncio.AbstractEventLoop, Callable[[bytes], None]], Interface]
"""Makes an emulated interface in this loop; what it says goes to the function given."""

NEW_GEAR_W = 25.0
"""What gear draws that no board describes."""


Lamps = dict[str, dict[str, Lamp]]
"""Bus by bus, the luminaires by name, in the order of their numbers in the street."""


def emulation_of(name: str) -> MakeInterface:
    """The emulation of the interface product of this short name. Raises UnknownName, or Unusable with a sentence."""
    return cast(MakeInterface, part(INTERFACES.find(name).emulation))


def lamps_of(board: Board, *, gear: int | None = None, unaddressed: bool = False) -> Lamps:
    """The board's luminaires; or as many new `gear` on each bus, named by their bus: street-01, street-02 ...

    New gear has no short address yet, and with `unaddressed` the board's has none either.
    """
    if gear is not None:
        new = Lamp(None, NEW_GEAR_W)
        return {bus.name: {f"{bus.name}-{number:02d}": new for number in range(1, gear + 1)} for bus in board.buses}
    return {
        bus.name: {
            one.name: Lamp(
                None if unaddressed else one.short_address, one.power_w, one.standby_w, min_power_w=one.min_power_w
            )
            for one in board.luminaires
            if one.bus == bus.name
        }
        for bus in board.buses
    }


class EmulatedBoard:
    """The streets of one board by bus name. Made inside a running event loop, whose time they keep.

    `links` is the folder of the symlinks, one a port, named as the port's last part; None makes each link where the
    board says that its port is. `lamps` are other luminaires than the board's, as `lamps_of` makes them. Beside the
    board's own sensors, each bus has so many `devices`: sensors of presence and light, at the first short addresses of
    control devices that are free.
    """

    def __init__(
        self,
        board: Board,
        *,
        links: Path | None = None,
        seed: int = 0,
        traffic: Traffic | None = None,
        lamps: Lamps | None = None,
        devices: int = 0,
    ) -> None:
        self.streets: dict[str, Street] = {}
        self.ports: dict[str, Street] = {}
        """By bus: the street that has the port, where several share one."""
        self.links: dict[str, Path] = {}
        self._places: dict[str, tuple[Street, int]] = {}
        self._sensors: dict[str, tuple[Street, int]] = {}
        by_port: dict[str, Street] = {}
        for bus in sorted(board.buses, key=lambda bus: (bus.port, bus.channel)):
            first = by_port.get(bus.port)
            link = self.links[bus.port] = Path(bus.port) if links is None else links / Path(bus.port).name
            here = (lamps or lamps_of(board))[bus.name]
            kinds = _devices_of(board, bus.name, devices)
            street = Street(
                list(here.values()),
                seed=seed,
                bus_supply=board.bus_supply,  # type: ignore[arg-type]  # checked by load_board
                link=None if first else link,
                traffic=traffic,
                product=emulation_of(bus.interface),
                hat=first.interface if first else None,
                devices=[_device(bus.name, seed, number, kinds[number]) for number in kinds],
            )
            self.ports[bus.name] = by_port.setdefault(bus.port, street)
            self.streets[bus.name] = street
            self._places.update({name: (street, number) for number, name in enumerate(here)})
            for sensor in board.sensors:
                if sensor.bus == bus.name:
                    self._sensors[sensor.name] = street, list(kinds).index(sensor.device)

    def place(self, luminaire: str) -> tuple[Street, int]:
        """The street of this luminaire, and its number there: what a story's faults and truths are asked by."""
        return self._places[luminaire]

    def sensor(self, name: str) -> tuple[Street, int]:
        """The street of this sensor of the board, and its device's number there: what a story moves it by."""
        return self._sensors[name]

    def report(self, began_wall: float) -> dict[str, object]:
        """What the devices saw, for benchmarks and stories in other processes: JSON-able, seconds and Wh.

        `began_wall` is the wall time at which this board was made.
        """
        return {bus: _report(street, began_wall) for bus, street in self.streets.items()}

    def close(self) -> None:
        """Takes the ports away."""
        for street in self.streets.values():
            if street.port is not None:
                street.close()


def _devices_of(board: Board, bus: str, more: int) -> dict[int, list[type[Instance]]]:
    """By short address: the instances of each control device on a bus, those of the board and so many more."""
    found: dict[int, list[type[Instance]]] = {}
    for sensor in board.sensors:
        if sensor.bus == bus:
            instances = found.setdefault(sensor.device, [])
            # What the board does not speak of is the other kind.
            mine, other = (
                (OccupancySensor, LightSensor) if sensor.kind == "presence" else (LightSensor, OccupancySensor)
            )
            instances += [other] * (sensor.instance + 1 - len(instances))
            instances[sensor.instance] = mine
    free = (number for number in range(64) if number not in found)
    found.update({next(free): [OccupancySensor, LightSensor] for _ in range(more)})
    return found


def _device(bus: str, seed: int, number: int, instances: list[type[Instance]]) -> ControlDevice:
    own_seed = random.Random(f"{seed}/{bus}/{number}").getrandbits(32)
    return ControlDevice([kind() for kind in instances], short_address=number, seed=own_seed)


def _report(street: Street, began_wall: float) -> dict[str, object]:
    began = street.statistics.since
    first_level = next((frame.time for frame in street.bus.trace if _is_level(frame.bits, frame.value)), None)
    return {
        "first_level_at": None if first_level is None else began_wall + first_level - began,
        "forward_frames": street.statistics.forward_frames,
        "settling_violations": street.statistics.settling_violations,
        "bus_load": street.bus_load(),
        "turnarounds": [
            [seconds, command.decode("ascii", "replace")] for seconds, command in street.interface.turnarounds
        ],
        "levels": [street.level(number) for number in range(len(street.gear))],
        "energy_wh": [street.energy_wh_true(number) for number in range(len(street.gear))],
    }


def _is_level(bits: int, value: int) -> bool:
    """Whether a frame sets a level directly: 16 bits with the selector bit clear, to gear (not a special command)."""
    return bits == 16 and not value & 0x0100
