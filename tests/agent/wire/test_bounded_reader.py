"""The reader of a connection, turn by turn: how much it takes at once, and how long it rests after a rush."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent.wire.bounded_reader import (
    BYTES_EACH_S,
    PACKETS_EACH_S,
    READ_BYTES,
    RUSH_BYTES,
    RUSH_PACKETS,
    Reading,
)

LONGEST = 1000
SOCKET = 0
"""As of a service that was started without a standard input."""


class Loop:
    """The part of an event loop that the reader uses; time stands still unless the test moves it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.reads: Callable[[], None] | None = None
        self.later: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now

    def add_reader(self, number: int, read: Callable[[], None]) -> None:
        assert number == SOCKET
        self.reads = read

    def remove_reader(self, number: int) -> None:
        assert number == SOCKET
        self.reads = None

    def call_later(self, seconds: float, do: Callable[[], None]) -> None:
        self.later.append((seconds, do))


class Client:
    """The part of paho that reads: in each turn it takes pieces of `piece` bytes until there are no more."""

    def __init__(self) -> None:
        self.waiting = 0
        self.piece = 100
        self.turns: list[int] = []
        self.fails: Exception | None = None
        self._in_packet: dict[str, Any] = {"packet": bytearray()}

    def _sock_recv(self, size: int) -> bytes:
        taken = min(size, self.waiting)
        if not taken:
            raise BlockingIOError
        self.waiting -= taken
        return bytes(taken)

    def loop_read(self) -> None:
        self.turns.append(0)
        if self.fails:
            raise self.fails
        with contextlib.suppress(BlockingIOError):
            while some := self._sock_recv(self.piece):
                self.turns[-1] += len(some)
                self._in_packet["packet"] += some


class Connection:
    def __init__(self, *, sparingly: bool = True) -> None:
        self.loop, self.client = Loop(), Client()
        self.number = SOCKET
        self.disconnected: asyncio.Future[Any] = asyncio.Future(loop=asyncio.new_event_loop())
        loop: Any = self.loop
        self.reading = Reading(self.client, self, loop, self.disconnected, longest=LONGEST, sparingly=sparingly)
        self.reading.go_on()

    def fileno(self) -> int:
        return self.number

    def turn(self, waiting: int, times: int = 1) -> None:
        """Takes the turn in which the socket has bytes to read."""
        for _ in range(times):
            self.client.waiting += waiting
            assert self.loop.reads is not None
            self.loop.reads()


@pytest.fixture
def here() -> Iterator[Connection]:
    connection = Connection()
    yield connection
    connection.disconnected.get_loop().close()


def test_outside_of_its_turn_nothing_is_taken(here: Connection) -> None:
    here.client.waiting = 10
    with pytest.raises(BlockingIOError):
        here.client._sock_recv(10)
    here.turn(0)
    assert here.client.waiting == 0


def test_one_turn_takes_no_more_than_its_share_and_the_rest_waits(here: Connection) -> None:
    here.turn(3 * READ_BYTES)
    assert here.client.turns == [READ_BYTES]
    here.turn(0, 2)
    assert here.client.turns == [READ_BYTES] * 3
    assert here.client.waiting == 0


def test_of_a_packet_that_is_too_long_the_head_is_kept(here: Connection) -> None:
    here.turn(LONGEST)
    assert here.reading.held_bytes == LONGEST
    here.turn(5 * LONGEST)
    assert here.reading.held_bytes == LONGEST


def test_a_rush_of_packets_is_taken_at_once_and_then_one_after_the_other(here: Connection) -> None:
    here.turn(10, RUSH_PACKETS)
    assert (here.loop.later, here.loop.reads is not None) == ([], True)
    here.turn(10)
    ((rest_s, go_on),) = here.loop.later
    assert rest_s == pytest.approx(1 / PACKETS_EACH_S)
    assert here.loop.reads is None  # what comes meanwhile waits in the kernel
    here.loop.now += rest_s
    go_on()
    here.turn(10)
    assert here.loop.later[1][0] == pytest.approx(1 / PACKETS_EACH_S)


def test_a_rush_of_bytes_likewise(here: Connection) -> None:
    here.turn(READ_BYTES, RUSH_BYTES // READ_BYTES)
    assert here.loop.later == []
    here.turn(READ_BYTES)
    assert here.loop.later[0][0] == pytest.approx(READ_BYTES / BYTES_EACH_S)


def test_what_was_spent_comes_back_with_time_but_never_more_than_a_rush(here: Connection) -> None:
    here.turn(READ_BYTES, 10)
    here.loop.now += 86_400.0
    here.turn(READ_BYTES, RUSH_BYTES // READ_BYTES)
    assert here.loop.later == []
    here.turn(0)
    here.turn(0, RUSH_PACKETS - RUSH_BYTES // READ_BYTES - 1)
    assert here.loop.later == []
    here.turn(0)
    assert len(here.loop.later) == 1


def test_a_connection_that_need_not_be_sparing_is_never_left_unread() -> None:
    here = Connection(sparingly=False)
    here.turn(READ_BYTES, 3 * RUSH_PACKETS)
    assert here.loop.later == []
    here.disconnected.get_loop().close()


def test_a_connection_that_breaks_says_why_once(here: Connection) -> None:
    here.client.fails = OSError("cut")
    here.turn(0)
    assert str(here.disconnected.exception()) == "cut"
    here.client.fails = OSError("cut again")
    here.turn(0)
    assert str(here.disconnected.exception()) == "cut"
    here.loop.reads = None
    here.reading.go_on()
    assert here.loop.reads is None  # it is over


def test_a_socket_that_was_closed_while_it_rested_is_let_be(here: Connection) -> None:
    here.turn(10, RUSH_PACKETS + 1)
    here.number = -1
    here.loop.later[0][1]()
    assert here.loop.reads is None


def test_a_socket_that_closes_in_its_own_turn_is_not_waited_for(here: Connection) -> None:
    here.turn(10, RUSH_PACKETS)
    here.number = -1
    here.turn(10)
    assert here.loop.later == []
