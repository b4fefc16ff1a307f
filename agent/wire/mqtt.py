"""A connection by MQTT 3.1.1 (OASIS mqtt-v3.1.1) that comes back by itself; the one importer of aiomqtt.

aiomqtt neither reconnects nor bounds each wait; this module does both. Every wait for the broker happens inside
`waiting_for_the_world`, so that virtual time stands still meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, NamedTuple, TypeVar

import aiomqtt

from agent.hardware.world import world_of
from agent.interfaces import Clock, World
from agent.wire.bounded_reader import LARGEST_TOPIC_BYTES, Reading

ANSWER_S = 30.0
"""How long the broker may take to answer a CONNECT, PUBLISH or SUBSCRIBE; a slow SIM card needs several seconds."""

GOODBYE_S = 5.0
"""How long a DISCONNECT may take to go out."""

LONGEST_PAUSE_S = 300.0
STABLE_S = 300.0
"""A connection that has held this long was a good one: after it the pauses begin again at a second. One that the broker
ends right after it has accepted it was not."""

T = TypeVar("T")


class LinkLost(Exception):
    """The broker is away; the text is one sentence. The link connects again by itself."""


class Message(NamedTuple):
    """A message that the broker delivered."""

    topic: str
    payload: bytes


QUEUED_MESSAGES = 50
"""How many messages may wait; further ones are dropped, and an honest sender sends them again."""


class Broker(NamedTuple):
    """Where and how to connect.

    With `clean_session` False the broker keeps the client's subscriptions, and queues their messages while the client
    is away. A payload longer than `largest_payload_bytes` is dropped unread. With `reads_sparingly` False the client
    reads as fast as it can, as a collector does.
    """

    host: str
    port: int
    client_id: str
    keepalive_s: int = 300
    clean_session: bool = True
    largest_payload_bytes: int = 65_536
    reads_sparingly: bool = True


class Client(aiomqtt.Client):
    """aiomqtt's client with a reader within bounds, and with paho's housekeeping four times a keepalive.

    That housekeeping sends a ping, or notices that the answer to one is missing; aiomqtt runs it every second. A
    quarter of the keepalive is often enough (the broker allows one and a half: MQTT-3.1.2-24). It saves a Raspberry Pi
    86,000 wakeups a day, and a virtual night as many steps. A test notices when aiomqtt no longer has the methods
    overridden here.
    """

    clock: Clock
    largest_payload_bytes: int
    reads_sparingly: bool

    def _on_socket_open(self, client: Any, userdata: Any, sock: Any) -> None:
        super()._on_socket_open(client, userdata, sock)
        # It comes after the reader that aiomqtt has asked for, and takes its place. This runs in paho's thread.
        reading = Reading(
            self._client,
            sock,
            self._loop,
            self._disconnected,
            longest=self.largest_payload_bytes + LARGEST_TOPIC_BYTES,
            sparingly=self.reads_sparingly,
        )
        self._loop.call_soon_threadsafe(reading.go_on)

    def _on_message(self, client: Any, userdata: Any, message: Any) -> None:
        # aiomqtt would log each message that finds the queue full, which is a flood of its own.
        if len(message.payload) <= self.largest_payload_bytes and not self._queue.full():
            with contextlib.suppress(UnicodeDecodeError):  # a topic that is not text
                super()._on_message(client, userdata, message)

    async def _misc_loop(self) -> None:
        while self._client.loop_misc() == 0:
            await self.clock.sleep(self._keepalive / 4)

    async def abandon(self) -> None:
        """Ends the TCP connection without a word. aiomqtt leaves it open where CONNACK or the last ACK did not come."""
        connection = self._client.socket()
        if isinstance(connection, socket.socket):
            # The reader now sees the end of the stream and takes the ordinary way out, which frees everything.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            for _ in range(3):
                await asyncio.sleep(0)
        if self._disconnected.done():
            self._disconnected.exception()  # so that asyncio does not complain of an exception that was never retrieved


class Session:
    """One connection, while it lasts. Each method raises LinkLost."""

    def __init__(self, client: Client, world: World) -> None:
        self._client, self._world = client, world

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publishes at QoS 1. Returns once the broker has acknowledged it, which says nothing about any receiver."""
        with self._world.waiting_for_the_world(f"the broker's answer to a publish on {topic}"):
            await self._answer(self._client.publish(topic, payload, qos=1, retain=retain))

    async def subscribe(self, topic: str) -> None:
        """Subscribes at QoS 1. Returns once the broker has granted it."""
        with self._world.waiting_for_the_world(f"the broker's answer to a subscription to {topic}"):
            granted = await self._answer(self._client.subscribe(topic, qos=1))
        if any((code if isinstance(code, int) else code.value) > 2 for code in granted):
            raise LinkLost(f"The broker refuses the subscription to {topic}: grant it in the broker's access list.")

    async def _answer(self, call: Coroutine[object, object, T]) -> T:
        """Returns the call's result. aiomqtt would wait until the time-out, even on a connection that has ended."""
        answer = asyncio.ensure_future(call)
        try:
            ends: list[asyncio.Future[Any]] = [answer, self._client._disconnected]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                with _as_link_lost():
                    return answer.result()
            raise LinkLost("The broker ended the connection.")
        finally:
            answer.cancel()

    async def messages(self) -> AsyncIterator[Message]:
        """Yields what arrives, until LinkLost is raised."""
        with _as_link_lost():
            async for message in self._client.messages:
                yield Message(str(message.topic), message.payload)


class Link:
    """Keeps one connection: connects, runs a session on it, and tries again after a pause that grows from 1 s to 5
    minutes.

    `on_change(False, sentence)` is called once when the broker is away, however often it is tried, and
    `on_change(True, sentence)` once a session has got through again (`established`). `will` gives the topic and payload
    that the broker publishes when the connection is lost; it is asked at each attempt. `was_away` is True if the
    broker was away when the agent was stopped, and `on_change` had told so.
    """

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        on_change: Callable[[bool, str], None],
        *,
        will: Callable[[], tuple[str, bytes]] | None = None,
        was_away: bool = False,
        chance: random.Random | None = None,
    ) -> None:
        self._broker, self._clock, self._on_change = broker, clock, on_change
        self._world = world_of(clock)
        self._will = will
        self._chance = chance or random.Random()
        self._away = False
        self._was_away = was_away

    def established(self) -> None:
        """Takes in that the broker works with the session: it has granted what the session asked for."""
        if self._away or self._was_away:
            self._away = self._was_away = False
            self._on_change(True, f"The broker {self._broker.host}:{self._broker.port} is back.")

    async def run(self, session: Callable[[Session], Awaitable[None]]) -> None:
        """Runs `session` on each connection, until it is cancelled. A session ends by raising LinkLost."""
        failures = 0
        while True:
            connected_at: float | None = None
            try:
                async with self._connected() as connection:
                    connected_at = self._clock.monotonic()
                    await session(connection)
            except LinkLost as lost:
                if not self._away:
                    self._away = True
                    self._on_change(False, f"{lost} It is tried again until it is there.")
            if connected_at is not None and self._clock.monotonic() - connected_at >= STABLE_S:
                failures = 0
            # Full jitter: a thousand gateways that lost one broker do not come back in one second.
            ceiling = min(LONGEST_PAUSE_S, 2.0 ** min(failures, 20))
            failures += 1
            await self._clock.sleep(self._chance.uniform(0, ceiling))

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Session]:
        broker = self._broker
        client = Client(
            broker.host,
            broker.port,
            identifier=broker.client_id,
            keepalive=broker.keepalive_s,
            clean_session=broker.clean_session,
            will=None if self._will is None else aiomqtt.Will(*self._will(), qos=1, retain=True),
            timeout=ANSWER_S,
            max_queued_incoming_messages=QUEUED_MESSAGES,
            # Small packets both ways: Nagle's algorithm against delayed ACKs would hold each for 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        client.clock = self._clock
        client.largest_payload_bytes, client.reads_sparingly = broker.largest_payload_bytes, broker.reads_sparingly
        polite = False
        try:
            with self._world.waiting_for_the_world(f"the broker {broker.host}:{broker.port} to accept a connection"):
                await self._entered(client)
            polite = True
            yield Session(client, self._world)
        except LinkLost:
            polite = False  # the broker cannot hear a goodbye
            raise
        finally:
            with self._world.waiting_for_the_world("the end of the connection to the broker"):
                if polite:
                    with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
                        await self._clock.wait_for(client.__aexit__(None, None, None), GOODBYE_S)
                await client.abandon()

    async def _entered(self, client: Client) -> None:
        """Connects. A cancellation waits for the thread in which paho opens the socket, which cannot be cancelled."""
        broker = self._broker
        entering = asyncio.ensure_future(client.__aenter__())
        try:
            await asyncio.shield(entering)
        except asyncio.CancelledError:
            while not entering.done() and client._client.socket() is None:
                await asyncio.wait([entering], timeout=0.1)
            entering.cancel()
            raise
        except (aiomqtt.MqttError, OSError, ValueError) as error:  # ValueError: no host can have that name
            raise LinkLost(f"The broker {broker.host}:{broker.port} cannot be reached ({error}).") from error


@contextlib.contextmanager
def _as_link_lost() -> Iterator[None]:
    try:
        yield
    except (aiomqtt.MqttError, OSError) as error:
        raise LinkLost(f"The connection to the broker ended ({error}).") from error


async def until_one_ends(*parts: Coroutine[object, object, None]) -> None:
    """Runs the parts side by side until the first one ends; cancels the others, and raises that one's error."""
    tasks = [asyncio.ensure_future(part) for part in parts]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()
