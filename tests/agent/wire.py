"""What the tests of the wire share: brokers, a cable between, records."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.free_port import free_port

START = 1_763_800_200


def interval(number: int) -> dict[str, object]:
    """The body of an interval that no other number has."""
    return {
        "luminaire": f"L{number % 10:02}",
        "start": START + 900 * (number // 10),
        "duration_s": 900,
        "actual_wh": 4.7,
        "baseline_wh": 6.25,
        "quality": "metered",
        "coverage": 1.0,
        "available_s": 900,
        "full_power_w": 25.0,
        "full_power_source": "declared",
    }


class Mosquitto:
    """A mosquitto process on a loopback port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        self._program = _mosquitto_program()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it listens."""
        self._process = subprocess.Popen(
            [self._program, "-c", str(self._configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
        raise AssertionError(f"mosquitto ended with {self._process.returncode}")

    def end(self, how: int = signal.SIGTERM) -> None:
        """Ends it and waits for that."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None


def _mosquitto_program() -> str:
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is not None:
        return program
    sentence = "mosquitto is not installed: `apt install mosquitto` brings it"
    if os.environ.get("CI") == "true":
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Mosquitto]:
    """A running mosquitto."""
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.end()


class Cable:
    """A TCP connection's way to a broker that can go silent, and be cut."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._silent = False
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.connections = 0

    async def __aenter__(self) -> Cable:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._carry(reader, far_writer), self._carry(far_reader, writer))
        finally:
            for end in (writer, far_writer):
                end.close()
                self._writers.discard(end)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while some := await reader.read(65536):
                if not self._silent:
                    writer.write(some)
        writer.close()

    def silence(self) -> None:
        """From here on, whatever is sent is swallowed; both ends stay connected."""
        self._silent = True

    def cut(self) -> None:
        """Ends all connections; new ones get through again."""
        self._silent = False
        for writer in list(self._writers):
            writer.transport.abort()
