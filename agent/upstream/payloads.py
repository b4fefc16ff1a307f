"""Topics and CBOR (RFC 8949) payloads of wire version 0: what gateway and collector say to each other by MQTT.

lichtmast/0/GATEWAY/birth    retained: what this gateway is
lichtmast/0/GATEWAY/state    retained, also the will: online or offline, how much waits in the journal
lichtmast/0/GATEWAY/records  a SenML pack of journal records (protocols/senml.py)
lichtmast/0/GATEWAY/ack      to the gateway: the ranges that a collector has committed
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from typing import NamedTuple

import cbor2

from agent.journal import Record
from protocols import senml
from protocols.errors import MalformedBytes

WIRE = 0


class PayloadError(Exception):
    """A payload from outside that is not what its topic promises; the text is one sentence."""


class Batch(NamedTuple):
    """Journal records of one gateway and epoch."""

    gateway: str
    epoch: str
    records: list[Record]


class Acknowledgement(NamedTuple):
    """Ranges [first, last] of sequence numbers that a collector has committed."""

    epoch: str
    ranges: list[tuple[int, int]]


def topic(gateway: str, leaf: str) -> str:
    """The topic of one gateway ("+" for all of them): leaf is birth, state, records or ack."""
    return f"lichtmast/{WIRE}/{gateway}/{leaf}"


def encode_facts(facts: Mapping[str, object]) -> bytes:
    """A birth or state: a map with text keys."""
    return cbor2.dumps(dict(facts), canonical=True)


def decode_facts(payload: bytes) -> dict[str, object]:
    """The map of a birth or state; raises PayloadError."""
    facts = _loaded(payload)
    if not isinstance(facts, dict) or not all(isinstance(key, str) for key in facts):
        raise PayloadError("A birth or state is a CBOR map with text keys.")
    return facts


def encode_records(gateway: str, epoch: str, records: Sequence[Record]) -> bytes:
    """One batch; its records are all of one `senml.leading_run`."""
    rows = [(record.seq, record.kind, record.body, record.clock_valid) for record in records]
    return cbor2.dumps(senml.encode_pack(gateway, epoch, rows), canonical=True)


def decode_records(payload: bytes) -> Batch:
    """The batch that `encode_records` made; raises PayloadError."""
    try:
        gateway, epoch, records = senml.decode_pack(_loaded(payload))
    except MalformedBytes as error:
        raise PayloadError(f"The records cannot be read: {error}.") from error
    return Batch(gateway, epoch, [Record(*record) for record in records])


def encode_acknowledgement(epoch: str, ranges: Iterable[tuple[int, int]]) -> bytes:
    """The ranges [first, last] that are committed."""
    return cbor2.dumps({"epoch": epoch, "ranges": [list(span) for span in ranges]}, canonical=True)


def decode_acknowledgement(payload: bytes) -> Acknowledgement:
    """The acknowledgement that `encode_acknowledgement` made; raises PayloadError."""
    facts = decode_facts(payload)
    epoch, ranges = facts.get("epoch"), facts.get("ranges")
    if not isinstance(epoch, str) or not isinstance(ranges, list):
        raise PayloadError("An acknowledgement names an epoch and ranges.")
    spans: list[tuple[int, int]] = []
    for span in ranges:
        if not isinstance(span, list) or len(span) != 2 or not all(type(end) is int for end in span):
            raise PayloadError("A range is two whole numbers, first and last.")
        if not 1 <= span[0] <= span[1]:
            raise PayloadError("A range runs from 1 or more, upward.")
        spans.append((span[0], span[1]))
    return Acknowledgement(epoch, spans)


def ranges_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """The runs [first, last] of consecutive numbers."""
    runs: list[tuple[int, int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _loaded(payload: bytes) -> object:
    stream = BytesIO(payload)
    try:
        value: object = cbor2.load(stream)
    except Exception as error:  # cbor2 builds dates, patterns and numbers from tags, and each has its own errors
        raise PayloadError("The payload is not CBOR.") from error
    if stream.tell() != len(payload):
        raise PayloadError("The payload goes on after its CBOR item.")
    return value
