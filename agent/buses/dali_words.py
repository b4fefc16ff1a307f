"""Turns the words in which a person writes a DALI command into frames: address, the standard's name, numbers."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import NamedTuple

from agent.config.problems import did_you_mean
from agent.errors import WrongUse
from protocols.dali import addresses, device_addresses, device_commands, gear_commands, levels, naming
from protocols.dali.addresses import Address
from protocols.dali.device_addresses import DeviceAddress, Instances
from protocols.dali.frames import NO_ANSWER, Reply, Transmission, bonded
from protocols.errors import ConversationFailed

Conversation = Generator[Transmission, Reply, Reply]
LEVEL = "LEVEL"
_EXTENDED = [name for table in naming.EXTENDED_TABLES.values() for name in table]
_GEAR = re.compile(r"(g?)(\d{1,3})")
_DEVICE = re.compile(r"d(g?)(\d{1,3})")


class Asked(NamedTuple):
    """One command that is to go out: its full name, whether gear answers it, and the conversation that sends it."""

    command: str
    answer: bool
    conversation: Conversation


def conversation_of(address: str, command: str, numbers: Sequence[str], registers: Sequence[str | None]) -> Asked:
    """Returns the command that these words name. `registers` are the bytes to load into DTR0 to DTR2 first (None: not).

    Raises WrongUse for words that name no command, and ValueOutOfRange for a number that does not fit.
    """
    name = " ".join(command.upper().replace("_", " ").split())
    text = address.strip().lower()
    dtrs = [None if register is None else _byte(register, f"DTR{i}") for i, register in enumerate(registers)]
    if text.startswith("d"):
        return _to_device(text, name, numbers, dtrs)
    loads = [gear_commands.special(f"DTR{i}", byte) for i, byte in enumerate(dtrs) if byte is not None]
    if text == "-":
        return _special(name, numbers, loads)
    to = _gear_address(text)
    if name == LEVEL:
        return _one(LEVEL, loads, gear_commands.level(to, _level(_only(name, numbers, "a level"))))
    if name in gear_commands.COMMANDS:
        span = gear_commands.COMMANDS[name].span
        number = _whole(_only(name, numbers, f"a number from 0 to {span - 1}")) if span > 1 else _none(name, numbers)
        return _one(name, loads, gear_commands.command(to, name, number))
    for device_type, table in naming.EXTENDED_TABLES.items():
        if name in table:
            _none(name, numbers)
            loads.append(gear_commands.special("ENABLE DEVICE TYPE", device_type))
            return _one(name, loads, gear_commands.extended(to, table[name]))
    if name in gear_commands.SPECIAL_COMMANDS:
        raise WrongUse(f"{name} is a special command to all gear: write - for its address")
    known = [LEVEL, *gear_commands.COMMANDS, *_EXTENDED]
    raise WrongUse(_unknown(name, "command to control gear", known))


def _special(name: str, numbers: Sequence[str], loads: list[Transmission]) -> Asked:
    if name not in gear_commands.SPECIAL_COMMANDS:
        if name in gear_commands.COMMANDS or name in _EXTENDED or name == LEVEL:
            raise WrongUse(f"{name} is for gear: write an address in place of the -, such as 5, g3 or all")
        raise WrongUse(_unknown(name, "special command", list(gear_commands.SPECIAL_COMMANDS)))
    takes = gear_commands.SPECIAL_COMMANDS[name].takes_data
    byte = _byte(_only(name, numbers, "a byte"), name) if takes else _none(name, numbers)
    return _one(name, loads, gear_commands.special(name, byte))


def _to_device(text: str, name: str, numbers: Sequence[str], dtrs: Sequence[int | None]) -> Asked:
    loads = [device_commands.special(f"DTR{i}", byte) for i, byte in enumerate(dtrs) if byte is not None]
    if text == "d-":
        if name not in device_commands.SPECIAL_COMMANDS:
            raise WrongUse(_unknown(name, "special command to control devices", list(device_commands.SPECIAL_COMMANDS)))
        data = device_commands.SPECIAL_COMMANDS[name].data
        if len(numbers) != data:
            raise WrongUse(f"{name} takes {data} data bytes, not {len(numbers)}")
        return _one(name, loads, device_commands.special(name, *[_byte(number, name) for number in numbers]))
    device, _, instance = text.partition(".")
    to = _device_address(device)
    _none(name, numbers)
    if not instance:
        if name not in device_commands.DEVICE_COMMANDS:
            raise WrongUse(_unknown(name, "command to control devices", list(device_commands.DEVICE_COMMANDS)))
        return _one(name, loads, device_commands.device(to, name))
    instances = _instances(instance)
    if name in device_commands.INSTANCE_COMMANDS:
        return _one(name, loads, device_commands.instance(to, instances, name))
    typed = [table for table in naming.INSTANCE_TABLES.values() if name in table]
    if not typed:
        known = {
            *device_commands.INSTANCE_COMMANDS,
            *(each for table in naming.INSTANCE_TABLES.values() for each in table),
        }
        raise WrongUse(_unknown(name, "command to instances", sorted(known)))
    return Asked(name, typed[0][name].answer, _by_type(to, instances, name, loads))


def _by_type(to: DeviceAddress, instances: Instances, name: str, loads: list[Transmission]) -> Conversation:
    """Sends a command whose opcode differs between instance types: asks the instance for its type first. Raises
    ConversationFailed if the type has no such command."""
    reply = yield device_commands.instance(to, instances, "QUERY INSTANCE TYPE")
    table = naming.INSTANCE_TABLES.get(reply.value) if reply.kind == Reply.VALUE else None
    if table is None or name not in table:
        found = f"is of type {reply.value}" if reply.kind == Reply.VALUE else f"says its type with {reply.kind}"
        raise ConversationFailed(f"{naming.device_address_text(to, instances)} {found}, which has no {name}")
    reply = yield from _frames([*loads, device_commands.instance(to, instances, name, table)])
    return reply


def _one(name: str, loads: list[Transmission], transmission: Transmission) -> Asked:
    return Asked(name, bool(transmission.answer), _frames([*loads, transmission]))


def _frames(transmissions: list[Transmission]) -> Conversation:
    reply = NO_ANSWER
    for transmission in transmissions:
        last = transmission is transmissions[-1]
        reply = yield transmission if last else bonded(transmission, Transmission.TIED)
    return reply


def _gear_address(text: str) -> Address:
    match = _GEAR.fullmatch(text)
    if match:
        return (addresses.group if match[1] else addresses.short)(int(match[2]))
    named = {"all": addresses.BROADCAST, "unaddressed": addresses.UNADDRESSED}
    if text not in named:
        raise WrongUse(
            f"{text!r} is no address: write 0-63, g0-g15, all, unaddressed or -, or d... for control devices"
        )
    return named[text]


def _device_address(text: str) -> DeviceAddress:
    match = _DEVICE.fullmatch(text)
    if match:
        return (device_addresses.group if match[1] else device_addresses.short)(int(match[2]))
    named = {"dall": device_addresses.BROADCAST, "dunaddressed": device_addresses.UNADDRESSED}
    if text not in named:
        raise WrongUse(f"{text!r} is no control device's address: write d0-d63, dg0-dg31, dall, dunaddressed or d-")
    return named[text]


def _instances(text: str) -> Instances:
    if text == "all":
        return device_addresses.ALL_INSTANCES
    if not text.isdecimal():
        raise WrongUse(f"{text!r} is no instance: write 0-31 or all behind the dot")
    return device_addresses.instance(int(text))


def _level(text: str) -> int:
    if text.upper() == "MASK":
        return gear_commands.MASK
    if text.endswith("%"):
        try:
            return levels.level_of(float(text[:-1]))
        except ValueError:
            raise WrongUse(f"{text!r} is no level: write 0-254, a percentage such as 50%, or MASK") from None
    return _byte(text, "a level")


def _only(name: str, numbers: Sequence[str], what: str) -> str:
    if len(numbers) != 1:
        raise WrongUse(f"{name} takes {what}: write it behind the command")
    return numbers[0]


def _none(name: str, numbers: Sequence[str]) -> int:
    if numbers:
        raise WrongUse(f"{name} takes no number, not {' '.join(numbers)}")
    return 0


def _whole(text: str) -> int:
    try:
        return int(text, 0)
    except ValueError:
        raise WrongUse(f"{text!r} is no whole number: write it as 18 or 0x12") from None


def _byte(text: str, name: str) -> int:
    value = _whole(text)
    if not 0 <= value <= 255:
        raise WrongUse(f"{name} is a byte, 0 to 255, not {value}")
    return value


def _unknown(name: str, kind: str, known: list[str]) -> str:
    remedy = did_you_mean(name, known)
    if not remedy.startswith("did"):  # there are too many names to show
        remedy = "board_configs/README.md says where the names are listed"
    return f"{name} is no {kind}: {remedy}"
