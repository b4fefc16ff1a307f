"""The gateway's end of the wire: sends the journal by MQTT and moves its cursor as collectors acknowledge.

A broker's PUBACK is not delivery: brokers lose what they have acknowledged when they are killed, or when a queue is
full. So a batch counts as delivered only once a collector names its sequence numbers in an acknowledgement of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable, Mapping

from agent.interfaces import Clock
from agent.records.journal import Journal
from agent.records.journal_errors import JournalError
from agent.records.record import Record
from agent.wire import payloads
from agent.wire.mqtt import GOODBYE_S, Broker, Link, LinkLost, Session, until_one_ends

BATCH_RECORDS = 50
WINDOW_BATCHES = 4
"""How many batches are on their way at once; as many are sent again if no acknowledgement comes."""

FIRST_ACK_WAIT_S = 60.0
LONGEST_ACK_WAIT_S = 900.0
"""A collector that is away is asked again after 1, 2, 4 ... and then every 15 minutes: on a metered SIM bytes cost."""


LARGEST_BATCH_BYTES = 200_000
"""The length of the records' bodies in the journal; a collector takes a payload of up to 1 MB."""

ALONE_AFTER_S = 3600.0
"""Another gateway of this name is gone if no collector has mentioned it for this long."""

EPOCH_PAUSE_S = 3600.0
"""The least time between two new epochs, if a collector finds conflicts without end."""


class MqttReporter:
    """Sends one journal to one broker. `run` it in a task; `stop` ends it with an offline state.

    `birth` holds the facts of the gateway (version, board, luminaires ...); wire, gateway and epoch are added.
    `on_change(False, sentence)` is called once when the broker is away, `on_change(True, sentence)` when it is back.
    `on_twin(True, sentence)` is called when another gateway sends under this name, `on_twin(False, sentence)` once
    that is over. `was_away` is True if `on_change` has told, before the restart, that the broker was away.
    """

    def __init__(
        self,
        journal: Journal,
        broker: Broker,
        gateway: str,
        birth: Mapping[str, object],
        clock: Clock,
        on_change: Callable[[bool, str], None],
        *,
        on_twin: Callable[[bool, str], None] | None = None,
        was_away: bool = False,
        chance: random.Random | None = None,
    ) -> None:
        self._journal, self._gateway, self._birth, self._clock = journal, gateway, dict(birth), clock
        self._link = Link(
            broker, clock, on_change, will=lambda: self._state(online=False), was_away=was_away, chance=chance
        )
        self._session: Session | None = None
        self._running: asyncio.Task[None] | None = None
        self._ack_wait_s = FIRST_ACK_WAIT_S
        # Another process, or another gateway with a copy of the journal, is another sender: what a collector has stored
        # of that one says nothing about this one's records.
        self._sender = secrets.token_hex(8)
        self._epoch_begun_at: float | None = None
        self._on_twin = on_twin or (lambda _there, _text: None)
        self._twin_met_at: float | None = None
        self.sent = 0  # records published, repetitions included
        self.repeated = 0  # those of them that this process had published before

    async def run(self) -> None:
        """Sends until `stop`. Raises JournalError if the journal cannot be read."""
        self._running = asyncio.ensure_future(self._link.run(self.run_session))
        try:
            await asyncio.shield(self._running)
        except asyncio.CancelledError:
            if not self._running.cancelled():  # this task is cancelled; it was not stopped
                self._running.cancel()
                await asyncio.gather(self._running, return_exceptions=True)
                raise

    async def stop(self) -> None:
        """Publishes the offline state if there is a connection, disconnects, and lets `run` return."""
        if self._session is not None:
            # If that does not get through, the will tells it.
            with contextlib.suppress(LinkLost, TimeoutError):
                await self._clock.wait_for(self._publish_state(self._session, online=False), GOODBYE_S)
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    @property
    def connected(self) -> bool:
        """True while there is a connection to the broker."""
        return self._session is not None

    async def run_session(self, session: Session) -> None:
        """Sends and receives over one connection, until it is lost. Raises LinkLost, and JournalError if the journal
        cannot be read."""
        self._session = session
        try:
            await until_one_ends(self._receive(session), self._send(session))
        finally:
            self._session = None

    def _meet_twin(self, *, there: bool) -> None:
        """Takes in what a collector says with an acknowledgement: whether another gateway sends under this name too."""
        now = self._clock.monotonic()
        if there:
            if self._twin_met_at is None:
                self._on_twin(
                    True, f"Another gateway runs under the name {self._gateway}: give each a name of its own."
                )
            self._twin_met_at = now
        elif self._twin_met_at is not None and now - self._twin_met_at >= ALONE_AFTER_S:
            self._twin_met_at = None
            self._on_twin(False, f"No other gateway runs under the name {self._gateway} any more.")

    async def _receive(self, session: Session) -> None:
        async for message in session.messages():
            try:
                acknowledgement = payloads.decode_acknowledgement(message.payload)
            except payloads.PayloadError:
                continue  # not a collector's; the next time-out sends again the records that it may have named
            await self._settle(acknowledgement)

    async def _settle(self, acknowledgement: payloads.Acknowledgement) -> None:
        journal = self._journal
        if acknowledgement.epoch != journal.epoch or acknowledgement.to not in (None, self._sender):
            return
        await journal.acknowledge(acknowledgement.ranges, acknowledgement.epoch)
        self._meet_twin(there=acknowledgement.twin)
        spans = [span for span in acknowledgement.conflicts if span[1] > journal.cursor and span[0] <= journal.last]
        now = self._clock.monotonic()
        if not spans or (self._epoch_begun_at is not None and now - self._epoch_begun_at < EPOCH_PAUSE_S):
            return
        self._epoch_begun_at = now
        numbers = f"from {spans[0][0]} on" if len(spans) > 1 or spans[0][1] > spans[0][0] else f"at {spans[0][0]}"
        with contextlib.suppress(JournalError):  # the next commit logs that, and does it
            await journal.begin_epoch(
                f"A collector holds other records {numbers} under the epoch {acknowledgement.epoch}: this journal was"
                " restored from a copy, or another gateway runs with one."
            )

    async def _send(self, session: Session) -> None:
        journal = self._journal
        epoch, published_depth = "", 0
        sent: list[tuple[int, int]] = []  # batches on their way
        after = newest = 0  # the last sequence number sent; the newest ever sent on this connection
        deadline = 0.0
        while True:
            if epoch != journal.epoch:  # at the start, and after a damaged journal was replaced
                epoch, sent, after, newest = journal.epoch, [], journal.cursor, journal.cursor
                published_depth = await self._introduce(session)
            cursor = journal.cursor
            journal.news.clear()
            sent = [span for span in sent if journal.acknowledged_through(span[1]) is None]
            # While no acknowledgement comes, one batch asks as well as four.
            window = WINDOW_BATCHES if self._ack_wait_s == FIRST_ACK_WAIT_S else 1
            while len(sent) < window and (batch := await self._next_batch(max(after, journal.cursor))):
                if epoch != journal.epoch:
                    break
                if after <= journal.cursor:  # nothing was on its way
                    deadline = self._clock.monotonic() + self._ack_wait_s
                after = batch[-1].seq
                sent.append((batch[0].seq, after))
                self.sent += len(batch)
                self.repeated += sum(record.seq <= newest for record in batch)
                newest = max(newest, after)
                payload = payloads.encode_records(self._gateway, epoch, batch, self._sender)
                await session.publish(payloads.topic(self._gateway, "records"), payload)
            if not journal.depth and published_depth:
                published_depth = await self._publish_state(session, online=True)
            try:
                if after > journal.cursor:
                    await self._clock.wait_for(journal.news.wait(), deadline - self._clock.monotonic())
                else:
                    await journal.news.wait()
            except TimeoutError:
                # No collector has committed these, although the broker has them: all after the cursor is sent again.
                self._ack_wait_s = min(LONGEST_ACK_WAIT_S, 2 * self._ack_wait_s)
                sent, after = [], journal.cursor
            if journal.cursor > cursor:
                self._ack_wait_s = FIRST_ACK_WAIT_S
                deadline = self._clock.monotonic() + self._ack_wait_s

    async def _next_batch(self, after: int) -> list[Record]:
        """Returns the next records that may travel together, without those that are acknowledged already."""
        while True:
            records = await self._journal.read_after(after, BATCH_RECORDS, LARGEST_BATCH_BYTES)
            if not records:
                return []
            settled = self._journal.acknowledged_through(records[0].seq)
            if settled is None:
                break
            after = settled
        return [
            record
            for record in records[: payloads.leading_run(records)]
            if self._journal.acknowledged_through(record.seq) is None
        ]

    async def _introduce(self, session: Session) -> int:
        """Begins a connection: subscribes, and publishes birth and state. Returns the depth that the state names."""
        birth = {
            **self._birth,
            "wire": payloads.WIRE,
            "gateway": self._gateway,
            "epoch": self._journal.epoch,
            "sender": self._sender,
        }
        await session.subscribe(payloads.topic(self._gateway, "ack"))
        await session.publish(payloads.topic(self._gateway, "birth"), payloads.encode_facts(birth), retain=True)
        depth = await self._publish_state(session, online=True)
        self._link.established()
        return depth

    async def _publish_state(self, session: Session, *, online: bool) -> int:
        depth = self._journal.depth
        await session.publish(*self._state(online=online), retain=True)
        return depth

    def _state(self, *, online: bool) -> tuple[str, bytes]:
        """Returns the topic and the payload of the state. In the will, the time is that of the connection."""
        journal = self._journal
        facts: dict[str, object] = {
            "wire": payloads.WIRE,
            "gateway": self._gateway,
            "state": "online" if online else "offline",
            "time": self._clock.wall(),
            "clock_valid": self._clock.valid(),
            "epoch": journal.epoch,
            "depth": journal.depth,
            "first": journal.cursor + 1,
            "last": journal.last,
        }
        return payloads.topic(self._gateway, "state"), payloads.encode_facts(facts)
