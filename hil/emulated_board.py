"""A board's devices, emulated: the street behind each serial port that the board names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from agent.config.board import Board
from hil.devices.dali_hat import DaliHat
from hil.devices.luba import Luba
from hil.devices.sci2 import Sci2, Sci2Newer
from hil.devices.serial_port import Traffic
from hil.devices.sevenlab import SevenLab
from hil.devices.street import Interface, Lamp, Street

PRODUCTS: dict[str, Callable[[asyncio.AbstractEventLoop, Callable[[bytes], None]], Interface]] = {
    "atx_hat": DaliHat,
    "luba": Luba,
    "sci2": Sci2,
    "sci2_2": Sci2Newer,
    "sevenlab": SevenLab,
}
"""The emulation behind each interface's short name."""


class EmulatedBoard:
    """The streets of one board by bus name. Made inside a running event loop, whose time they keep.

    `links` is the folder of the symlinks, one a port, named as the port's last part; None makes each link where the
    board says that its port is.
    """

    def __init__(
        self, board: Board, *, links: Path | None = None, seed: int = 0, traffic: Traffic | None = None
    ) -> None:
        self.streets: dict[str, Street] = {}
        self.links: dict[str, Path] = {}
        self._places: dict[str, tuple[Street, int]] = {}
        by_port: dict[str, Street] = {}
        for bus in sorted(board.buses, key=lambda bus: (bus.port, bus.channel)):
            first = by_port.get(bus.port)
            link = self.links[bus.port] = Path(bus.port) if links is None else links / Path(bus.port).name
            lamps = [lamp for lamp in board.luminaires if lamp.bus == bus.name]
            street = Street(
                [Lamp(lamp.short_address, lamp.power_w, lamp.standby_w, lamp.min_power_w) for lamp in lamps],
                seed=seed,
                bus_supply=board.bus_supply,  # type: ignore[arg-type]  # checked by load_board
                link=None if first else link,
                traffic=traffic,
                product=PRODUCTS[bus.interface],
                hat=first.interface if first else None,
            )
            by_port.setdefault(bus.port, street)
            self.streets[bus.name] = street
            self._places.update({lamp.name: (street, number) for number, lamp in enumerate(lamps)})

    def place(self, luminaire: str) -> tuple[Street, int]:
        """The street of this luminaire, and its number there: what a story's faults and truths are asked by."""
        return self._places[luminaire]

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
