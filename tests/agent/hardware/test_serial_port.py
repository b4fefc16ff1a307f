"""Serial ports as transports, on real terminals: bytes, a lost port, and the sentence about one that cannot be
opened."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.hardware import serial_port
from agent.hardware.serial_port import port_opener
from drivers.errors import PortUnavailable
from drivers.interfaces import Transport
from hil.devices.serial_port import SerialPort as Device
from hil.virtual_time import VirtualClock, run_virtual

BAUD = 19200
NOBODY = 65534


class Line:
    """A device that sends back in capitals all that it hears, and a host on the other end."""

    def __init__(self, clock: VirtualClock, link: Path) -> None:
        self.clock = clock
        self.path = str(link)
        self.asked: list[bytes] = []
        self.heard: list[bytes] = []
        self.lost: list[str] = []
        self.device = Device(asyncio.get_running_loop(), self._echo, link=link, traffic=clock)
        self.device.plug()

    def _echo(self, content: bytes) -> None:
        self.asked.append(content)
        self.device.write(content.upper())

    async def open(self) -> Transport:
        return await port_opener(self.path, self.clock)(BAUD, self.heard.append, self.lost.append)


def on_a_line(story: Callable[[Line], Awaitable[None]], folder: Path) -> None:
    async def whole(clock: VirtualClock) -> None:
        line = Line(clock, folder / "port")
        await story(line)
        await clock.sleep(0.1)
        line.device.unplug()

    run_virtual(whole, 0.0)


def test_bytes_go_and_come_back(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        port = await line.open()
        port.write(b"hello\n")
        await line.clock.sleep(0.01)
        assert b"".join(line.heard) == b"HELLO\n"
        port.close()
        port.close()
        port.write(b"nobody there\n")
        await line.clock.sleep(0.1)
        assert line.lost == []
        assert not line.device.host_there

    on_a_line(story, tmp_path)


def test_what_the_kernel_has_no_room_for_is_sent_as_soon_as_it_has(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        port = await line.open()
        line.device.mute = True
        pieces = [b"%07d\n" % number for number in range(10_000)]
        for piece in pieces:
            port.write(piece)
        await line.clock.sleep(0.1)
        assert b"".join(line.asked) == b"".join(pieces)
        port.write(b"and after that\n")
        await line.clock.sleep(0.1)
        assert line.asked[-1] == b"and after that\n"
        port.close()

    on_a_line(story, tmp_path)


def test_a_pulled_cable_is_said_once(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        port = await line.open()
        port.write(b"a\n")
        await line.clock.sleep(0.01)
        line.device.unplug()
        await line.clock.sleep(0.1)
        assert line.lost == [f"serial port {line.path} was lost: check its cable"]
        port.write(b"b\n")
        port.close()
        await line.clock.sleep(0.1)
        assert len(line.lost) == 1

    on_a_line(story, tmp_path)


def test_a_port_that_came_back_can_be_opened_by_the_same_opener(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        opened = port_opener(line.path, line.clock)
        for _ in range(2):
            line.heard.clear()
            port = await opened(BAUD, line.heard.append, line.lost.append)
            port.write(b"x\n")
            await line.clock.sleep(0.01)
            assert line.heard == [b"X\n"]
            port.close()
            line.device.unplug()
            await line.clock.sleep(0.1)
            line.device.plug()

    on_a_line(story, tmp_path)


async def refused(path: str | Path, clock: VirtualClock) -> str:
    with pytest.raises(PortUnavailable) as error:
        await port_opener(str(path), clock)(BAUD, lambda _content: None, lambda _reason: None)
    return str(error.value)


def test_a_port_that_is_not_there_names_those_that_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(line: Line) -> None:
        monkeypatch.setattr(serial_port, "ports_that_exist", lambda: ["/dev/ttyAMA0", "/dev/ttyUSB0"])
        missing = tmp_path / "ttyUSB7"
        sentence = f"serial port {missing} does not exist; the ports of this machine are: "
        assert await refused(missing, line.clock) == f"{sentence}/dev/ttyAMA0, /dev/ttyUSB0"
        monkeypatch.setattr(serial_port, "ports_that_exist", list)
        assert await refused(missing, line.clock) == f"{sentence}none"
        line.device.unplug()  # leaves a board's link without a terminal behind
        dangling = tmp_path / "dangling"
        dangling.symlink_to("/dev/pts/does-not-exist")
        assert "does not exist" in await refused(dangling, line.clock)

    on_a_line(story, tmp_path)


def test_the_ports_of_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ttyUSB1", "ttyUSB0", "ttyAMA0", "serial0", "ttyS0", "ttyS", "tty1", "null", "ttyACM3"):
        (tmp_path / name).touch()
    monkeypatch.setattr(serial_port, "Path", lambda path: tmp_path if path == "/dev" else Path(path))
    assert [Path(path).name for path in serial_port.ports_that_exist()] == [
        "serial0",
        "ttyACM3",
        "ttyAMA0",
        "ttyS0",
        "ttyUSB0",
        "ttyUSB1",
    ]


def test_a_port_in_use_by_another(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        port = await line.open()
        assert await refused(line.path, line.clock) == (
            f"serial port {line.path} is in use by another program: stop that one first"
        )
        port.close()
        (await line.open()).close()  # at once, although a thread is still busy with the end of the first one

    on_a_line(story, tmp_path)


def test_a_port_of_another_user(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        terminal = line.device.path
        Path(terminal).chmod(0)
        with without_privileges():
            sentence = await refused(terminal, line.clock)
        assert sentence == f"serial port {terminal} is not yours to open: add this user to the group dialout"

    on_a_line(story, tmp_path)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Runs the test as the user `nobody` if it is root, because root may open everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_something_that_is_no_port(tmp_path: Path) -> None:
    async def story(line: Line) -> None:
        file = tmp_path / "file"
        file.write_text("not a terminal")
        assert (await refused(file, line.clock)).startswith(f"serial port {file} cannot be opened: ")
        assert (await refused(tmp_path, line.clock)).startswith(f"serial port {tmp_path} cannot be opened: ")

    on_a_line(story, tmp_path)
