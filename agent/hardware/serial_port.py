"""A serial port as a transport: the only importer of pyserial."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
from collections.abc import Callable
from pathlib import Path

import serial
import serial_asyncio_fast

from agent.hardware.world import world_of
from agent.interfaces import Clock, World
from drivers.errors import PortUnavailable
from drivers.interfaces import OpenPort

_PATTERNS = ("ttyAMA*", "ttyS[0-9]*", "ttyUSB*", "ttyACM*", "serial[0-9]*")


class SerialPort(asyncio.Protocol):
    """An open port. What arrives goes to `received`; `lost` hears once, with the reason, that the port is gone."""

    def __init__(self, path: str, world: World, received: Callable[[bytes], None], lost: Callable[[str], None]) -> None:
        self._path = path
        self._real_path = str(Path(path).resolve())
        self._world = world
        self._received = received
        self._lost = lost
        self._closed = False
        self._transport: serial_asyncio_fast.SerialTransport | None = None
        self.opened = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.opened.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._world.bytes_read(self._real_path, len(data))
        if not self._closed:
            self._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._world.port_closed(self._real_path)
        if not self._closed:
            self._closed = True
            self._lost(f"serial port {self._path} was lost: check its cable")

    def write(self, content: bytes) -> None:
        assert self._transport is not None
        if self._closed:
            return
        self._world.bytes_written(self._real_path, len(content))
        self._transport.write(content)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._world.port_closed(self._real_path)
        if self._transport is not None and not self._transport.is_closing():
            # A thread closes the descriptor, since the kernel may drain it first. The port is free for others at once.
            with contextlib.suppress(OSError):
                fcntl.flock(self._transport.serial.fd, fcntl.LOCK_UN)
            # abort, not close: the latter waits for the driver to drain what a pulled cable will never take
            self._transport.abort()


def port_opener(path: str, clock: Clock) -> OpenPort:
    """How a driver opens this port, as often as it needs to."""

    async def open_port(
        baud: int,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        lines: tuple[bool, bool] | None = None,
    ) -> SerialPort:
        device = serial.Serial(None, baud, timeout=0, write_timeout=0, exclusive=True)
        device.port = path
        if lines is not None:
            device.rts, device.dtr = lines  # set as the port opens; a pseudo-terminal, which has none, is left alone
        try:
            device.open()
        except (serial.SerialException, OSError) as error:
            raise PortUnavailable(_why(path, error)) from error
        port = SerialPort(path, world_of(clock), received, lost)
        await serial_asyncio_fast.connection_for_serial(asyncio.get_running_loop(), lambda: port, device)
        await port.opened
        return port

    return open_port


def ports_that_exist() -> list[str]:
    """The serial ports of this machine, by the names that boards use."""
    return sorted(str(path) for pattern in _PATTERNS for path in Path("/dev").glob(pattern))


def _why(path: str, error: Exception) -> str:
    number = getattr(error, "errno", None)
    if number == errno.EACCES:
        return f"serial port {path} is not yours to open: add this user to the group dialout"
    if number == errno.ENOENT or not Path(path).exists():
        there = ", ".join(ports_that_exist()) or "none"
        return f"serial port {path} does not exist; the ports of this machine are: {there}"
    if number in (errno.EBUSY, errno.EAGAIN) or "lock" in str(error):
        return f"serial port {path} is in use by another program: stop that one first"
    return f"serial port {path} cannot be opened: {error}"
