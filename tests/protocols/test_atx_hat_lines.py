"""The DALI HAT's lines, byte by byte: the commands, the lines that the reader understands, and noise."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.dali import addresses, gear_commands
from protocols.dali.frames import COLLISION, NO_ANSWER, ForwardFrame, Transmission, answered
from protocols.dali_interfaces.atx_hat import LONGEST_LINE, Line, LineReader, encode, query_status
from protocols.errors import ValueOutOfRange


def lines(*pieces: bytes) -> list[Line]:
    reader = LineReader()
    return [line for piece in pieces for line in reader.feed(piece)]


@pytest.mark.parametrize(
    ("channel", "transmission", "expected"),
    [
        (1, gear_commands.level(addresses.short(0), 254), b"h00FE\n"),
        (1, gear_commands.level(addresses.BROADCAST, 0), b"hFE00\n"),
        (1, gear_commands.command(addresses.short(1), "QUERY ACTUAL LEVEL"), b"h03A0\n"),
        (2, gear_commands.command(addresses.short(63), "QUERY STATUS"), b"1h7F90\n"),
        (3, gear_commands.command(addresses.group(15), "OFF"), b"2h9F00\n"),
        (4, gear_commands.command(addresses.short(1), "SET FADE TIME"), b"3t032E\n"),
        (1, gear_commands.special("INITIALISE", 0), b"tA500\n"),
        (1, gear_commands.special("DTR0", 10), b"hA30A\n"),
        (1, Transmission(ForwardFrame(24, 0xC1FE30), False, True, Transmission.LOOSE), b"lC1FE30\n"),
    ],
)
def test_what_is_sent(channel: int, transmission: Transmission, expected: bytes) -> None:
    assert encode(channel, transmission) == expected


def test_what_the_hat_cannot_send_is_refused() -> None:
    for frame, twice in ((ForwardFrame(25, 0), False), (ForwardFrame(8, 0), False)):
        with pytest.raises(ValueOutOfRange):
            encode(1, Transmission(frame, twice, False, Transmission.LOOSE))
    for channel in (0, 5, -1):
        with pytest.raises(ValueOutOfRange):
            query_status(channel)
    assert [query_status(channel) for channel in (1, 2, 3, 4)] == [b"d\n", b"1d\n", b"2d\n", b"3d\n"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"JFE\n", Line(Line.REPLY, 1, answered(254))),
        (b"j0a\r\n", Line(Line.REPLY, 1, answered(10))),
        (b"2J00\n", Line(Line.REPLY, 3, answered(0))),
        (b"N\n", Line(Line.REPLY, 1, NO_ANSWER)),
        (b"1N\n", Line(Line.REPLY, 2, NO_ANSWER)),
        (b"X\n", Line(Line.REPLY, 1, COLLISION)),
        (b"Z\n", Line(Line.NOT_SENT, 1, None)),
        (b"3Z\n", Line(Line.NOT_SENT, 4, None)),
        (b"HFE64\n", Line(Line.FOREIGN, 1, ForwardFrame(16, 0xFE64))),
        (b"1LC1FE30\n", Line(Line.FOREIGN, 2, ForwardFrame(24, 0xC1FE30))),
        (b"D01\n", Line(Line.BUS_STATUS, 1, 0)),
        (b"D11\n", Line(Line.BUS_STATUS, 1, 1)),
        (b"1D21\n", Line(Line.BUS_STATUS, 2, 2)),
        (b"D41\n", Line(Line.BUS_STATUS, 1, 4)),
        (b"V070802\n", Line(Line.VERSION, 1, "070802")),
        (b"V0705\n", Line(Line.VERSION, 1, "0705")),
    ],
)
def test_what_is_understood(content: bytes, expected: Line) -> None:
    assert lines(content) == [expected]


@pytest.mark.parametrize(
    "content",
    [
        b"J",
        b"JF",
        b"JFEE",
        b"JGG",
        b"NN",
        b"N0",
        b"X1",
        b"D1",
        b"D",
        b"D012",
        b"H01A",
        b"L01A0",
        b"V01",
        b"4N",
        b"11N",
        b"J F",
        b"\xff\xfe",
        b"P1610000",
        b"JFEN",
        b"H01A0H01A0",
    ],
)
def test_all_else_is_noise_and_kept_as_such(content: bytes) -> None:
    assert [(line.kind, line.content) for line in lines(content + b"\n")] == [(Line.NOISE, content)]


def test_a_line_longer_than_any_is_noise_up_to_its_end_however_it_arrives() -> None:
    long = b"J" * 40 + b"JFE"
    for cut in range(len(long)):
        found = lines(long[:cut], long[cut:] + b"\nJFE\n")
        assert [line.kind for line in found] == [Line.NOISE, Line.REPLY], cut
    assert LONGEST_LINE < 40


def test_the_rest_of_a_line_can_be_dropped() -> None:
    reader = LineReader()
    assert reader.feed(b"N\nJF") == [Line(Line.REPLY, 1, NO_ANSWER)]
    reader.drop_rest()
    assert reader.feed(b"J0A\n") == [Line(Line.REPLY, 1, answered(10))]


WORDS = st.sampled_from([b"JFE\n", b"N\n", b"X\n", b"Z\n", b"H01A0\n", b"1D01\n", b"\n", b"\r\n", b"J", b"0" * 20])
STREAMS = st.lists(st.one_of(st.binary(max_size=30), WORDS), max_size=20).map(b"".join)


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 200), max_size=12))
def test_any_bytes_in_any_pieces_give_the_same_lines(stream: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(stream)]
    pieces = [stream[begin:end] for begin, end in itertools.pairwise(places)]
    whole = lines(stream)
    kinds = (Line.REPLY, Line.NOT_SENT, Line.FOREIGN, Line.BUS_STATUS, Line.VERSION, Line.NOISE)
    assert all(line.kind in kinds and 1 <= line.channel <= 4 for line in whole)
    in_pieces = lines(*pieces)
    # If noise is too long, the pieces decide only how much of it is kept.
    assert [_short(line) for line in in_pieces] == [_short(line) for line in whole]


def _short(line: Line) -> tuple[object, ...]:
    if line.kind == Line.NOISE and len(line.content) > LONGEST_LINE:
        return (line.kind, "too long")
    return tuple(line)


@given(stream=STREAMS)
def test_after_any_bytes_and_a_line_end_the_next_line_is_understood(stream: bytes) -> None:
    assert lines(stream, b"\n", b"JA5\n")[-1] == Line(Line.REPLY, 1, answered(0xA5))
