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


class PlainBroker:
    """A broker of one client at a time, made of bytes (MQTT 3.1.1): it can refuse subscriptions, hang up, and flood."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.clean_sessions: list[bool] = []
        self.wills: list[tuple[str, bytes, bool]] = []  # topic, payload, whether it is retained
        self.subscribed: list[str] = []
        self.subscribed_qos: list[int] = []
        self.published: list[tuple[str, bytes]] = []
        self.refuses: set[str] = set()  # topics
        self.hangs_up_on: bytes = b""  # types of packet (first byte) that it does not answer: it ends the connection
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> PlainBroker:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        if self._writer is not None:
            self._writer.transport.abort()
        await asyncio.sleep(0)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writer = writer
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                kind = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await _remaining_length(reader))
                answer = self._answer(kind, body)
                if kind & 0xF0 in self.hangs_up_on:
                    break
                writer.write(answer)
                await writer.drain()
        writer.transport.abort()

    def _answer(self, kind: int, body: bytes) -> bytes:
        if kind == 0x10:  # CONNECT: 10 bytes of variable header, of which the eighth holds the flags
            self.clean_sessions.append(bool(body[7] & 2))
            if body[7] & 4:
                # Behind the header and the client's name.
                will_topic, rest = _field(_field(body[10:])[1])
                self.wills.append((will_topic.decode(), _field(rest)[0], bool(body[7] & 0x20)))
            return b"\x20\x02\x00\x00"
        if kind == 0x82:  # SUBSCRIBE
            topic = body[4 : 4 + int.from_bytes(body[2:4], "big")].decode()
            self.subscribed.append(topic)
            self.subscribed_qos.append(body[-1])
            return b"\x90\x03" + body[:2] + (b"\x80" if topic in self.refuses else b"\x01")
        if kind & 0xF6 == 0x32:  # PUBLISH at QoS 1
            end = 2 + int.from_bytes(body[:2], "big")
            self.published.append((body[2:end].decode(), body[end + 2 :]))
            return b"\x40\x02" + body[end : end + 2]
        return b"\xd0\x00" if kind == 0xC0 else b""  # PINGREQ

    async def deliver(self, topic: str, payload: bytes) -> None:
        """Sends a message (QoS 0) to the client; returns once it has left."""
        assert self._writer is not None
        body = len(topic).to_bytes(2, "big") + topic.encode() + payload
        length = bytearray()
        rest = len(body)
        while rest or not length:
            length.append(rest & 127 | (128 if rest > 127 else 0))
            rest >>= 7
        self._writer.write(b"\x30" + bytes(length) + body)
        await self._writer.drain()


def _field(some: bytes) -> tuple[bytes, bytes]:
    """What has two bytes of length before it, and what comes after it."""
    end = 2 + int.from_bytes(some[:2], "big")
    return some[2:end], some[end:]


async def _remaining_length(reader: asyncio.StreamReader) -> int:
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return length
