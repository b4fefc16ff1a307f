"""LED modules, device type 6: IEC 62386-207, its application extended commands as a table, and conversations on them.

Each command has ENABLE DEVICE TYPE 6 directly before it. Edition 2 (2018) dropped reference measurement and current
protector; gear of edition 1 still has them. QUERY FEATURES tells which failures a gear can see.
"""

from collections import namedtuple

from protocols.dali import gear_commands
from protocols.dali.gear_data import LED, one_answer
from protocols.dali.gear_errors import WriteNotTaken
from protocols.dali.inquiries import begun_again
from protocols.errors import ValueOutOfRange

TYPE_CHECKING = False
if TYPE_CHECKING:
    from protocols.dali.addresses import Address
    from protocols.dali.frames import Reply, Transmission
    from protocols.dali.inquiries import Conversation, Inquiry


_COMMANDS = (
    ("REFERENCE SYSTEM POWER", 0xE0, "2"),
    ("ENABLE CURRENT PROTECTOR", 0xE1, "2"),
    ("DISABLE CURRENT PROTECTOR", 0xE2, "2"),
    ("SELECT DIMMING CURVE", 0xE3, "2"),
    ("SET FAST FADE TIME", 0xE4, "2"),
    ("QUERY GEAR TYPE", 0xED, "?"),
    ("QUERY DIMMING CURVE", 0xEE, "?"),
    ("QUERY POSSIBLE OPERATING MODES", 0xEF, "?"),
    ("QUERY FEATURES", 0xF0, "?"),
    ("QUERY FAILURE STATUS", 0xF1, "?"),
    ("QUERY SHORT CIRCUIT", 0xF2, "?"),
    ("QUERY OPEN CIRCUIT", 0xF3, "?"),
    ("QUERY LOAD DECREASE", 0xF4, "?"),
    ("QUERY LOAD INCREASE", 0xF5, "?"),
    ("QUERY CURRENT PROTECTOR ACTIVE", 0xF6, "?"),
    ("QUERY THERMAL SHUT DOWN", 0xF7, "?"),
    ("QUERY THERMAL OVERLOAD", 0xF8, "?"),
    ("QUERY REFERENCE RUNNING", 0xF9, "?"),
    ("QUERY REFERENCE MEASUREMENT FAILED", 0xFA, "?"),
    ("QUERY CURRENT PROTECTOR ENABLED", 0xFB, "?"),
    ("QUERY OPERATING MODE", 0xFC, "?"),
    ("QUERY FAST FADE TIME", 0xFD, "?"),
    ("QUERY MIN FAST FADE TIME", 0xFE, "?"),
    ("QUERY EXTENDED VERSION NUMBER", 0xFF, "?"),
)
COMMANDS = gear_commands.extended_table(_COMMANDS)

FAILURES = (
    "short circuit",
    "open circuit",
    "load decrease",
    "load increase",
    "current protector active",
    "thermal shutdown",
    "thermal overload with light reduction",
    "reference measurement failed",
)
"""QUERY FAILURE STATUS, bits 0 to 7."""
FEATURES = (
    "short circuit",
    "open circuit",
    "load decrease",
    "load increase",
    "current protector active",
    "thermal shutdown",
    "thermal overload with light reduction",
    "physical selection",
)
"""QUERY FEATURES, bits 0 to 7: the failures that the gear can see at all, and one way to select it."""
GEAR_TYPES = ("supply integrated", "LED module integrated", "AC supply possible", "DC supply possible")
"""QUERY GEAR TYPE, bits 0 to 3."""
OPERATING_MODES = ("PWM", "amplitude", "current controlled", "high current pulse", "other than logarithmic curve")
"""QUERY OPERATING MODE, bits 0 to 4; bits 0 to 3 of QUERY POSSIBLE OPERATING MODES."""

LOGARITHMIC = 0
LINEAR = 1

FAST_FADE_UNIT_MS = 25
LONGEST_FAST_FADE = 27


class LedState(
    namedtuple(
        "LedState",
        "gear_types features possible_modes modes failures linear fast_fade_code min_fast_fade_code",
    )
):
    """The state of an LED gear: the names of the bits that are set, `linear` for its curve, and fast fades as codes.
    Each is None if the gear does not answer for it."""


def command(address: "Address", name: str) -> "Transmission":
    """Returns the command of this name, which means nothing unless ENABLE DEVICE TYPE 6 goes directly before it."""
    return gear_commands.extended(address, COMMANDS[name])


def send(address: "Address", name: str) -> "Conversation[Reply]":
    """Sends one command with its ENABLE DEVICE TYPE and returns the reply as it is."""
    yield gear_commands.special("ENABLE DEVICE TYPE", LED)
    reply = yield command(address, name)
    return reply


def query(address: "Address", name: str) -> "Conversation[int | None]":
    """Sends one query and returns the byte, or None for no answer, which means 'no' to some. Raises SeveralAnswered."""
    reply = yield from send(address, name)
    return one_answer(reply, address, name)


def named_bits(byte: int, names: "tuple[str, ...]") -> "tuple[str, ...]":
    """Returns the names of the bits that are set; a bit without a name is 'bit 5' or the like, so that none is lost."""
    return tuple([names[bit] if bit < len(names) else "bit %d" % bit for bit in range(8) if byte >> bit & 1])


def failures(status: int) -> "tuple[str, ...]":
    """Returns the names from FAILURES in an answer to QUERY FAILURE STATUS, 0-255."""
    return named_bits(status, FAILURES)


def read_failures(address: "Address") -> "Conversation[tuple[str, ...] | None]":
    """Reads the failures of the gear's LED modules, as names from FAILURES; None if the gear does not answer.

    Raises SeveralAnswered.
    """
    status = yield from query(address, "QUERY FAILURE STATUS")
    return None if status is None else failures(status)


def read_state(address: "Address") -> "Inquiry[LedState]":
    """Reads the LedState of one gear. Raises SeveralAnswered."""
    gear_types, features, possible, modes = yield _queries(
        address, ("QUERY GEAR TYPE", "QUERY FEATURES", "QUERY POSSIBLE OPERATING MODES", "QUERY OPERATING MODE")
    )
    status, curve, fast_fade, shortest = yield _queries(
        address, ("QUERY FAILURE STATUS", "QUERY DIMMING CURVE", "QUERY FAST FADE TIME", "QUERY MIN FAST FADE TIME")
    )
    return LedState(
        _named(gear_types, GEAR_TYPES),
        _named(features, FEATURES),
        _named(possible, OPERATING_MODES),
        _named(modes, OPERATING_MODES),
        _named(status, FAILURES),
        None if curve is None else curve == LINEAR,
        fast_fade,
        shortest,
    )


def _queries(address: "Address", names: "tuple[str, ...]") -> "Conversation[list[int | None]]":
    found = []
    for name in names:
        answer = yield from query(address, name)
        found.append(answer)
    return found


def _named(byte: int | None, names: "tuple[str, ...]") -> "tuple[str, ...] | None":
    return None if byte is None else named_bits(byte, names)


def fast_fade_s(code: int) -> float:
    """Returns the seconds of a fast fade code, 0-27, in steps of 25 ms; 0 is the gear's shortest fade.

    Raises ValueOutOfRange.
    """
    if not 0 <= code <= LONGEST_FAST_FADE:
        raise ValueOutOfRange("a fast fade code is 0 to %d, not %r" % (LONGEST_FAST_FADE, code))
    return code * FAST_FADE_UNIT_MS / 1000


def write_fast_fade(address: "Address", code: int) -> "Conversation[None]":
    """Sets the fast fade, a code of 0-27 (see fast_fade_s), and reads it back.

    It holds while fade time and extended fade time are 0. Raises ValueOutOfRange, and WriteNotTaken if the gear keeps
    another one, such as its shortest.
    """
    fast_fade_s(code)
    yield from _write(address, "SET FAST FADE TIME", "QUERY FAST FADE TIME", code)


def write_dimming_curve(address: "Address", curve: int) -> "Conversation[None]":
    """Sets the dimming curve, LOGARITHMIC or LINEAR, and reads it back. Raises ValueOutOfRange and WriteNotTaken."""
    if curve not in (LOGARITHMIC, LINEAR):
        raise ValueOutOfRange("a dimming curve is 0 (logarithmic) or 1 (linear), not %r" % (curve,))
    yield from _write(address, "SELECT DIMMING CURVE", "QUERY DIMMING CURVE", curve)


def _write(address: "Address", name: str, read_back: str, value: int) -> "Conversation[None]":
    found = yield from begun_again(_write_once, address, name, read_back, value)
    if found != value:
        raise WriteNotTaken(
            "%s %d does not take %d by %s (%s): it may be no LED gear, or not have this value"
            % (address.kind, address.number, value, name, "no answer" if found is None else "it keeps %d" % found),
            address,
            found,
        )


def _write_once(address: "Address", name: str, read_back: str, value: int) -> "Conversation[int | None]":
    yield gear_commands.special("DTR0", value)
    yield from send(address, name)
    found = yield from query(address, read_back)
    return found
