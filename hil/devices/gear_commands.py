"""How control gear obeys a 16-bit forward frame: the command tables of IEC 62386-102, clause 11.

Opcodes are those of the standard. Each function takes the gear it acts on and the loop time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hil.devices import gear_extensions
from hil.devices.gear_configuration import CONFIGURATION
from hil.devices.gear_queries import NO_AS_FRAME, QUERIES, YES_OR_NO

if TYPE_CHECKING:
    from hil.devices.dali_gear import Gear

RESET, IDENTIFY_DEVICE, ENABLE_WRITE_MEMORY = 0x20, 0x25, 0x81
BROADCAST = 0xFF
"""Address byte of a command to all gear."""
GO_TO_SCENE, QUERY_DEVICE_TYPE, QUERY_NEXT_DEVICE_TYPE, FIRST_EXTENSION = 0x10, 0x99, 0xA7, 0xE0
QUERY_CONTENT_DTR = (0x98, 0x9C, 0x9D)
ENABLE_DAPC_SEQUENCE = 0x09
"""This command sets no level: it neither ends POWER CYCLE SEEN nor replaces POWER ON LEVEL."""
MORE_THAN_ONE, NO_MORE = 0xFF, 0xFE
FIRST_OF_EDITION_2 = 0x08
"""Gear knows the address "broadcast unaddressed" from this version number on."""

LEVELS: dict[int, Callable[[Gear, float], None]] = {
    0x00: lambda gear, now: gear.arc.go_to(0, now),  # OFF
    0x01: lambda gear, now: gear.arc.slide(+1, now),  # UP
    0x02: lambda gear, now: gear.arc.slide(-1, now),  # DOWN
    0x03: lambda gear, now: gear.arc.step(+1, now),  # STEP UP
    0x04: lambda gear, now: gear.arc.step(-1, now),  # STEP DOWN
    0x05: lambda gear, now: gear.arc.go_to(gear.variables.max_level, now),  # RECALL MAX LEVEL
    0x06: lambda gear, now: gear.arc.go_to(gear.variables.min_level, now),  # RECALL MIN LEVEL
    0x07: lambda gear, now: gear.arc.step_down_and_off(now),
    0x08: lambda gear, now: gear.arc.on_and_step_up(now),
    ENABLE_DAPC_SEQUENCE: lambda gear, now: gear.arc.begin_sequence(now),
    0x0A: lambda gear, now: gear.arc.go_to(gear.variables.last_active_level, now, fade=True),
    0x0B: lambda gear, now: gear.arc.slide(+1, now, endless=True),  # CONTINUOUS UP
    0x0C: lambda gear, now: gear.arc.slide(-1, now, endless=True),  # CONTINUOUS DOWN
}


def _go_to_scene(scene: int) -> Callable[[Gear, float], None]:
    return lambda gear, now: gear.arc.go_to(gear.variables.scenes[scene], now, fade=True)


LEVELS.update({GO_TO_SCENE + scene: _go_to_scene(scene) for scene in range(16)})


def addressed(gear: Gear, address: int) -> bool:
    """Returns True if the address byte, its lowest bit aside, addresses this gear."""
    target = address >> 1
    if target < 0x40:
        return target == gear.variables.short_address
    if target < 0x50:
        return bool(gear.variables.groups >> (target - 0x40) & 1)
    if target == 0x7E:
        return gear.variables.short_address == 0xFF and gear.profile.version_number >= FIRST_OF_EDITION_2
    return target == 0x7F


def direct_level(gear: Gear, address: int, level: int, now: float) -> None:
    """Obeys DAPC, a frame with an even address byte and a level."""
    if not addressed(gear, address):
        return
    gear.write_enabled = False
    before = gear.variables.last_light_level
    gear.stop_identifying(now)
    gear.arc.dapc(level, now)
    _after_level(gear, before, now)


def command(gear: Gear, address: int, opcode: int, sequence: int, now: float) -> int | None:
    """Obeys a frame with an odd address byte and an opcode. Returns the answer, or None for NO."""
    if address != BROADCAST and not addressed(gear, address):
        return None
    if opcode not in QUERY_CONTENT_DTR:
        gear.write_enabled = False
    if opcode in gear.profile.unknown_commands:
        return None
    query = QUERIES.get(opcode)
    if query is not None:
        answer = query(gear, now)
        return NO_AS_FRAME if answer is None and gear.profile.no_is_frame and opcode in YES_OR_NO else answer
    if opcode in (QUERY_DEVICE_TYPE, QUERY_NEXT_DEVICE_TYPE):
        return _device_type(gear, opcode, sequence)
    if opcode >= FIRST_EXTENSION:
        return gear_extensions.command(gear, address, opcode, sequence, now)
    change = LEVELS.get(opcode)
    if change is not None:
        before = gear.variables.last_light_level
        gear.stop_identifying(now)
        change(gear, now)
        if opcode != ENABLE_DAPC_SEQUENCE:
            _after_level(gear, before, now)
        return None
    _configure(gear, address, opcode, sequence, now)
    return None


def _configure(gear: Gear, address: int, opcode: int, sequence: int, now: float) -> None:
    configure = CONFIGURATION.get(opcode)
    if configure is None or not gear.is_second(address, opcode, sequence, now):
        return
    if opcode == ENABLE_WRITE_MEMORY and address == BROADCAST and not gear.profile.broadcast_opens_writing:
        return
    if opcode != IDENTIFY_DEVICE:
        gear.stop_identifying(now)
    before = gear.variables.copy()
    configure(gear, now)
    if gear.variables != before:
        gear.reset_state = gear.reset_state and opcode == RESET


def _after_level(gear: Gear, before: int, now: float) -> None:
    if gear.variables.last_light_level != before:
        gear.reset_state = False
    gear.level_changed(now)


def _device_type(gear: Gear, opcode: int, sequence: int) -> int | None:
    """Returns the answer to QUERY DEVICE TYPE, or to QUERY NEXT DEVICE TYPE, which must directly follow it.

    The types come in the order of the profile, which the standard wants ascending.
    """
    types = gear.profile.device_types
    if opcode == QUERY_DEVICE_TYPE:
        gear.next_type = (0, sequence)
        if len(types) > 1:
            return MORE_THAN_ONE
        return types[0] if types else NO_MORE
    position, heard = gear.next_type
    if sequence != heard + 1 or len(types) < 2:
        return None
    gear.next_type = (position + 1, sequence)
    return types[position] if position < len(types) else NO_MORE


def special(gear: Gear, address: int, content: int, sequence: int, now: float) -> int | None:
    """Obeys a special command, which goes to all gear; its address byte is the opcode. Returns the answer, or None.

    `Gear.load_dtr` obeys those that load the DTRs.
    """
    if address in gear.profile.unknown_specials:
        return None
    if address in (0xC7, 0xC9):  # WRITE MEMORY LOCATION, and the one without a reply
        written = _write_memory(gear, content, now)
        return written if address == 0xC7 else None
    gear.write_enabled = False
    if address == 0xC1:  # ENABLE DEVICE TYPE
        gear.device_type_sequence = (content, sequence)
        return None
    return _commission(gear, address, content, sequence, now)


def _write_memory(gear: Gear, content: int, now: float) -> int | None:
    if not gear.write_enabled or gear.dtr1 not in gear.banks:
        return None
    written = gear.banks.write(gear.dtr1, gear.dtr0, content, now)
    gear.dtr0 = min(gear.dtr0 + 1, 0xFF)
    return written


def _commission(gear: Gear, address: int, content: int, sequence: int, now: float) -> int | None:
    search = gear.commissioning
    if address in (0xA5, 0xA7):  # INITIALISE, RANDOMISE: twice
        if not gear.is_second(address, content, sequence, now):
            return None
        if address == 0xA5:
            search.initialise(content, now)
        elif content == 0:
            search.randomise(now)
    elif address in (0xB1, 0xB3, 0xB5):  # SEARCHADDR H, M, L
        search.search({0xB1: 16, 0xB3: 8, 0xB5: 0}[address], content, now)
    elif address == 0xB7:
        search.program(content, now)
    elif address == 0xB9:
        return search.verify(content, now)
    elif content == 0:
        if address == 0xA9:
            return search.compare(now)
        if address == 0xAB:
            search.withdraw(now)
        elif address == 0xBB:
            return search.short_address(now)
        elif address == 0xA1:  # TERMINATE
            search.end()
            gear.stop_identifying(now)
    return None
