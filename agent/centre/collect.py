"""The receiving end: journal records by MQTT into a store, acknowledged once they are committed, and not before."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from agent.centre.intake import Intake
from agent.centre.store import Store, Stored, StoreError
from agent.centre.twins import Twins
from agent.interfaces import Clock
from agent.wire import payloads
from agent.wire.mqtt import Broker, Link, Message, Session, until_one_ends


class Received(NamedTuple):
    """The outcome of one message.

    `new` records were stored. `repeated` ones were stored before, and sent again because an acknowledgement came late
    or never. `doubled` ones are about something that another record is about: they are kept, but do not count.
    `conflicts` have numbers that hold other records: they are kept apart, and asked for under a new epoch. `twin` is
    True with the first batch that shows that two gateways send under this name. Where `problem` is set, the message was
    neither stored nor acknowledged.
    """

    gateway: str
    new: int = 0
    repeated: int = 0
    doubled: int = 0
    twin: bool = False
    conflicts: int = 0
    problem: str | None = None


async def collect(
    broker_host: str,
    broker_port: int,
    store_path: Path | str,
    clock: Clock,
    *,
    client_id: str = "lichtmast-collect",
    keepalive_s: int = 60,
    on_batch: Callable[[Received], None] | None = None,
    on_change: Callable[[bool, str], None] | None = None,
    chance: random.Random | None = None,
) -> None:
    """Stores and acknowledges what arrives, until it is cancelled.

    `on_batch` hears the outcome of each message; `on_change` hears once that the broker is away and once that it is
    back. The broker keeps messages for `client_id` while the collector is away. Raises StoreError at the start; of
    later trouble with the store `on_batch` hears, and the gateway sends again.
    """
    tell_batch, tell_change = on_batch or _ignore_batch, on_change or _ignore_change
    loop = asyncio.get_running_loop()
    broker = Broker(
        broker_host,
        broker_port,
        client_id,
        keepalive_s,
        clean_session=False,
        largest_payload_bytes=payloads.LARGEST_BYTES["records"],
        reads_sparingly=False,
    )
    link = Link(broker, clock, tell_change, chance=chance)
    twins = Twins()
    with ThreadPoolExecutor(1, thread_name_prefix="store") as thread:
        store = await loop.run_in_executor(thread, Store, Path(store_path))

        async def receive(session: Session) -> None:
            await session.subscribe(payloads.topic("+", "records"))
            link.established()
            intake = Intake()
            await until_one_ends(take_in(session, intake), store_in_turn(session, intake))

        async def take_in(session: Session, intake: Intake) -> None:
            async for message in session.messages():
                if not message.topic.endswith("/records"):
                    continue  # some brokers also send messages that they keep for other clients (amqtt 0.11)
                if problem := intake.put(_gateway(message), message):
                    tell_batch(Received(_gateway(message), problem=problem))

        def store_one(message: Message) -> tuple[payloads.Batch, Stored]:
            batch = _decoded(message)
            return batch, store.write(batch.gateway, batch.epoch, batch.records, clock.wall())

        async def store_in_turn(session: Session, intake: Intake) -> None:
            while True:
                message = await intake.take()
                try:
                    batch, stored = await loop.run_in_executor(thread, store_one, message)
                except (payloads.PayloadError, StoreError) as error:
                    tell_batch(Received(_gateway(message), problem=str(error)))
                    continue
                conflicts = set(stored.conflicts)
                twin, is_new = twins.hear(batch.gateway, batch.sender, clock.monotonic())
                acknowledgement = payloads.encode_acknowledgement(
                    batch.epoch,
                    payloads.ranges_of(record.seq for record in batch.records if record.seq not in conflicts),
                    to=batch.sender,
                    conflicts=payloads.ranges_of(conflicts),
                    twin=twin,
                )
                tell_batch(
                    Received(batch.gateway, stored.new, stored.repeated, stored.doubled, is_new, stored.new_conflicts)
                )
                await session.publish(payloads.topic(batch.gateway, "ack"), acknowledgement)

        try:
            await link.run(receive)
        finally:
            await loop.run_in_executor(thread, store.close)


def _decoded(message: Message) -> payloads.Batch:
    batch = payloads.decode_records(message.payload)
    # The topic is what the broker's access list guards: a gateway speaks for itself only.
    if batch.gateway != _gateway(message):
        raise payloads.PayloadError(f"The records are of gateway {batch.gateway}, their topic is {message.topic:.80}.")
    return batch


def _gateway(message: Message) -> str:
    return message.topic.split("/")[2]


def _ignore_batch(_: Received) -> None: ...


def _ignore_change(_: bool, __: str) -> None: ...
