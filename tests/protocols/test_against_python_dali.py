"""Our commands against python-dali's: two tables written apart from each other must give the same bytes."""

import inspect
import re

import pytest
from dali import address as their_address
from dali.command import Command as TheirCommand
from dali.command import from_frame
from dali.frame import ForwardFrame as TheirFrame
from dali.gear import general
from hypothesis import given
from hypothesis import strategies as st

from protocols.dali import addresses, gear_commands
from protocols.dali.addresses import Address
from protocols.dali.frames import ForwardFrame, Transmission, forward16

_THEIRS = {
    name: their_class
    for name, their_class in vars(general).items()
    if inspect.isclass(their_class) and issubclass(their_class, TheirCommand) and not name.startswith(("_", "Unknown"))
}
_SPELLED_OUT = {"QUERY GROUPS 0-7": "QueryGroupsZeroToSeven", "QUERY GROUPS 8-15": "QueryGroupsEightToFifteen"}


def _squeeze(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


_BY_NAME = {_squeeze(name): their_class for name, their_class in _THEIRS.items()}


def _their_class(name: str) -> type:
    return _BY_NAME[_squeeze(_SPELLED_OUT.get(name, name))]


def _theirs(address: Address) -> object:
    if address.kind == Address.SHORT:
        return their_address.GearShort(address.number)
    if address.kind == Address.GROUP:
        return their_address.GearGroup(address.number)
    if address.kind == Address.UNADDRESSED:
        return their_address.GearBroadcastUnaddressed()
    return their_address.GearBroadcast()


def _agree(ours: Transmission, theirs: TheirCommand) -> None:
    assert ours.frame.to_bytes() == theirs.frame.pack
    assert ours.twice == theirs.sendtwice
    assert ours.answer == (theirs.response is not None)


ADDRESSES = st.one_of(
    st.integers(0, 63).map(addresses.short),
    st.integers(0, 15).map(addresses.group),
    st.sampled_from([addresses.BROADCAST, addresses.UNADDRESSED]),
)


@pytest.mark.parametrize("name", sorted(gear_commands.COMMANDS))
@given(address=ADDRESSES, number=st.integers(0, 15))
def test_addressed_command(name: str, address: Address, number: int) -> None:
    spans = gear_commands.COMMANDS[name].span > 1
    theirs = _their_class(name)(_theirs(address), number) if spans else _their_class(name)(_theirs(address))
    _agree(gear_commands.command(address, name, number if spans else 0), theirs)


@pytest.mark.parametrize("name", sorted(gear_commands.SPECIAL_COMMANDS))
@given(value=st.integers(0, 63))
def test_special_command(name: str, value: int) -> None:
    if not gear_commands.SPECIAL_COMMANDS[name].takes_data:
        _agree(gear_commands.special(name), _their_class(name)())
    elif name in ("PROGRAM SHORT ADDRESS", "VERIFY SHORT ADDRESS"):  # they take the address, we the byte
        _agree(gear_commands.special(name, value << 1 | 1), _their_class(name)(value))
    elif name == "INITIALISE":
        _agree(gear_commands.special(name, value << 1 | 1), general.Initialise(address=value))
        _agree(gear_commands.special(name, 0x00), general.Initialise(broadcast=True))
        _agree(gear_commands.special(name, 0xFF), general.Initialise())
    else:
        _agree(gear_commands.special(name, value), _their_class(name)(value))


@given(address=ADDRESSES, level=st.integers(0, 254))
def test_level(address: Address, level: int) -> None:
    _agree(gear_commands.level(address, level), general.DAPC(_theirs(address), level))


@given(first=st.integers(0, 255), second=st.integers(0, 255))
def test_what_a_frame_means(first: int, second: int) -> None:
    theirs = from_frame(TheirFrame(16, [first, second]))
    ours = gear_commands.meaning(forward16(first, second))
    their_name = type(theirs).__name__
    if ours is None:
        # Frames that part 102 leaves open, and special commands whose second byte must be 0.
        assert their_name not in _THEIRS or second != 0
        return
    if ours.name == "DAPC":
        assert their_name == "DAPC"
        return
    if ours.name == "QUERY EXTENDED VERSION NUMBER" or their_name not in _THEIRS:
        # python-dali reads two kinds otherwise: extended commands, and specials with an impossible short address.
        return
    assert isinstance(theirs, _their_class(ours.name))


def test_every_command_that_they_know_is_ours_too() -> None:
    names = list(gear_commands.COMMANDS) + list(gear_commands.SPECIAL_COMMANDS)
    ours = {_their_class(name) for name in names} | {general.DAPC}
    assert {name for name, their_class in _THEIRS.items() if their_class not in ours} == set()


@given(bits=st.sampled_from([16, 24]), content=st.binary(min_size=3, max_size=3))
def test_frame_bytes(bits: int, content: bytes) -> None:
    taken = content[: bits // 8]
    assert ForwardFrame(bits, int.from_bytes(taken, "big")).to_bytes() == taken
