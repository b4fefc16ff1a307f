"""Topics and CBOR (RFC 8949) payloads of wire version 0: the messages between gateway and collector by MQTT.

lichtmast/0/GATEWAY/birth    retained: the facts of this gateway
lichtmast/0/GATEWAY/state    retained, also the will: online or offline, and the depth of the journal
lichtmast/0/GATEWAY/records  a SenML pack of journal records (protocols/senml.py)
lichtmast/0/GATEWAY/ack      to the gateway: the ranges that a collector has committed, and those that it cannot

Within a wire version changes only add. A batch names its sender, a random number that each start of an agent makes, and
its acknowledgement names the sender that it is for: two gateways may run with copies of one journal, and what is stored
of one is not stored of the other. "conflicts" names the numbers under which the collector holds other records; "twin"
says that two senders take turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import NamedTuple

import cbor2

from agent.records.kinds import shapes
from agent.records.record import Record
from protocols import senml
from protocols.errors import MalformedBytes

WIRE = 0

LARGEST_BYTES = {"records": 1_000_000, "ack": 8_192, "birth": 65_536, "state": 65_536}
"""The longest payload that is decoded. What the agent and the collector send stays far below."""

MOST_RANGES = 500
"""An acknowledgement answers one batch of 50 records; one with more ranges than this is not a collector's."""


class PayloadError(Exception):
    """A payload is not what its topic promises; the text is one sentence."""


class Batch(NamedTuple):
    """Journal records of one gateway and epoch. `sender` is None if the batch does not name it."""

    gateway: str
    epoch: str
    records: list[Record]
    sender: str | None = None


class Acknowledgement(NamedTuple):
    """Ranges [first, last] of sequence numbers that a collector has committed.

    `to` is the sender of the batch (None: it is not named), `conflicts` the numbers that hold other records and were
    not stored. `twin` is True where another sender sends under this gateway's name too.
    """

    epoch: str
    ranges: list[tuple[int, int]]
    to: str | None = None
    conflicts: list[tuple[int, int]] = []
    twin: bool = False


def topic(gateway: str, leaf: str) -> str:
    """Returns the topic of one gateway ("+" for all of them): leaf is birth, state, records or ack."""
    return f"lichtmast/{WIRE}/{gateway}/{leaf}"


def encode_facts(facts: Mapping[str, object]) -> bytes:
    """Returns the payload of a birth or state: a map with text keys."""
    return cbor2.dumps(dict(facts), canonical=True)


def decode_facts(payload: bytes) -> dict[str, object]:
    """Returns the map of a birth or state; raises PayloadError."""
    return _facts(payload, "birth")


def _facts(payload: bytes, leaf: str) -> dict[str, object]:
    facts = _loaded(payload, leaf)
    if not isinstance(facts, dict) or not all(isinstance(key, str) for key in facts):
        raise PayloadError("A birth, state or acknowledgement is a CBOR map with text keys.")
    return facts


def leading_run(records: Sequence[Record]) -> int:
    """Returns how many of the first records may travel in one batch."""
    return senml.leading_run(shapes(), records)


def encode_records(gateway: str, epoch: str, records: Sequence[Record], sender: str | None = None) -> bytes:
    """Returns the payload of one batch; its records are all of one `leading_run`."""
    return cbor2.dumps(senml.encode_pack(shapes(), gateway, epoch, records, sender), canonical=True)


def decode_records(payload: bytes) -> Batch:
    """Returns the batch that `encode_records` made; raises PayloadError."""
    pack = _loaded(payload, "records")
    try:
        gateway, epoch, records = senml.decode_pack(shapes(), pack)
    except MalformedBytes as error:
        raise PayloadError(f"The records cannot be read: {error}.") from error
    return Batch(gateway, epoch, [Record(*record) for record in records], senml.sender_of(pack))


def encode_acknowledgement(
    epoch: str,
    ranges: Iterable[tuple[int, int]],
    *,
    to: str | None = None,
    conflicts: Iterable[tuple[int, int]] = (),
    twin: bool = False,
) -> bytes:
    """Returns the payload of an acknowledgement: the ranges [first, last] that are committed and, as `conflicts`, those
    that are not because the collector holds other records under their numbers."""
    facts: dict[str, object] = {"epoch": epoch, "ranges": [list(span) for span in ranges]}
    if to is not None:
        facts["to"] = to
    if refused := [list(span) for span in conflicts]:
        facts["conflicts"] = refused
    if twin:
        facts["twin"] = True
    return cbor2.dumps(facts, canonical=True)


def decode_acknowledgement(payload: bytes) -> Acknowledgement:
    """Returns the acknowledgement that `encode_acknowledgement` made; raises PayloadError."""
    facts = _facts(payload, "ack")
    epoch, to = facts.get("epoch"), facts.get("to")
    if not isinstance(epoch, str) or not isinstance(to, str | None):
        raise PayloadError("An acknowledgement names an epoch, ranges, and the sender as text.")
    return Acknowledgement(
        epoch, _spans(facts.get("ranges")), to, _spans(facts.get("conflicts", [])), facts.get("twin") is True
    )


def _spans(ranges: object) -> list[tuple[int, int]]:
    if not isinstance(ranges, list) or len(ranges) > MOST_RANGES:
        raise PayloadError(f"An acknowledgement has a list of at most {MOST_RANGES} ranges.")
    spans: list[tuple[int, int]] = []
    for span in ranges:
        if not isinstance(span, list) or len(span) != 2 or not all(type(end) is int for end in span):
            raise PayloadError("A range is two whole numbers, first and last.")
        if not 1 <= span[0] <= span[1]:
            raise PayloadError("A range runs from 1 or more, upward.")
        spans.append((span[0], span[1]))
    return spans


def ranges_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Returns the runs [first, last] of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _loaded(payload: bytes, leaf: str) -> object:
    if len(payload) > LARGEST_BYTES[leaf]:
        raise PayloadError(f"The payload of {len(payload)} bytes is longer than {LARGEST_BYTES[leaf]}.")
    stream = BytesIO(payload)
    try:
        value: object = cbor2.load(stream)
    except Exception as error:  # cbor2 builds dates, patterns and numbers from tags, and each has its own errors
        raise PayloadError("The payload is not CBOR.") from error
    if stream.tell() != len(payload):
        raise PayloadError("The payload goes on after its CBOR item.")
    return value
