"""A serial port as a transport: the only importer of pyserial."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import serial

from agent.hardware.world import world_of
from agent.interfaces import Clock, World
from drivers.errors import PortUnavailable
from drivers.interfaces import OpenPort

_PATTERNS = ("ttyAMA*", "ttyS[0-9]*", "ttyUSB*", "ttyACM*", "serial[0-9]*")
READ_AT_ONCE = 4096


class SerialPort:
    """An open port. Bytes that arrive go to `received`. `lost` is called once, with the reason, when the port is gone.

    pyserial opens and sets the port. Bytes pass straight between the event loop and the kernel, because pyserial's own
    read and write would check a second time whether the port is ready.
    """

    def __init__(
        self,
        device: serial.Serial,
        path: str,
        world: World,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._device = device
        self._descriptor: int = device.fileno()
        self._path = path
        self._real_path = str(Path(path).resolve())
        self._world = world
        self._received = received
        self._lost = lost
        self._unsent = b""
        self._closed = False
        self._loop.add_reader(self._descriptor, self._readable)

    def write(self, content: bytes) -> None:
        """Sends these bytes as soon as the kernel has room for them. Does nothing on a closed port."""
        if self._closed:
            return
        self._world.bytes_written(self._real_path, len(content))
        if self._unsent:
            self._unsent += content
        elif left := self._left_of(content):
            self._unsent = left
            self._loop.add_writer(self._descriptor, self._writable)

    def close(self) -> None:
        """Closes the port, and drops the bytes that are still to be sent."""
        if self._closed:
            return
        self._closed = True
        self._world.port_closed(self._real_path)
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        # A thread closes the descriptor, since the kernel may drain it first. The port is free for others at once.
        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        self._loop.run_in_executor(None, _close, self._device)

    def _readable(self) -> None:
        try:
            content = os.read(self._descriptor, READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError:
            content = b""
        if content:
            self._world.bytes_read(self._real_path, len(content))
            self._received(content)
        else:
            self._hung_up()

    def _writable(self) -> None:
        self._unsent = self._left_of(self._unsent)
        if not self._unsent and not self._closed:
            self._loop.remove_writer(self._descriptor)

    def _left_of(self, content: bytes) -> bytes:
        """Writes as many bytes as the kernel takes now. Returns the rest."""
        try:
            return content[os.write(self._descriptor, content) :]
        except BlockingIOError:
            return content
        except OSError:
            self._loop.call_soon(self._hung_up)  # not within the driver's own write
            return b""

    def _hung_up(self) -> None:
        if not self._closed:
            self.close()
            self._lost(f"serial port {self._path} was lost: check its cable")


def _close(device: serial.Serial) -> None:
    with contextlib.suppress(OSError):
        device.close()


def port_opener(path: str, clock: Clock) -> OpenPort:
    """Returns a function by which a driver opens this port, as often as it needs to."""

    async def open_port(
        baud: int,
        received: Callable[[bytes], None],
        lost: Callable[[str], None],
        lines: tuple[bool, bool] | None = None,
    ) -> SerialPort:
        # Without an inter-byte time-out, a read without waiting bytes would return none, as if the port had hung up.
        device = serial.Serial(None, baud, timeout=0, write_timeout=0, inter_byte_timeout=0, exclusive=True)
        device.port = path
        if lines is not None:
            device.rts, device.dtr = lines  # set as the port opens; a pseudo-terminal, which has none, is left alone
        try:
            device.open()
        except (serial.SerialException, OSError) as error:
            raise PortUnavailable(_why(path, error)) from error
        return SerialPort(device, path, world_of(clock), received, lost)

    return open_port


def ports_that_exist() -> list[str]:
    """Returns the serial ports of this machine, by the names that boards use."""
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
