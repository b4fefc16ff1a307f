"""SenML (RFC 8428) packs of journal records: labels, units and shapes. Another module turns a pack into CBOR bytes.

A pack is a list of maps with the integer labels of RFC 8428 section 6. Each journal record is a group: a map named
"seq" opens it, and its values follow::

    [ {-1: 26, -2: "gw-1/L01/", -3: 1763800200, 0: "seq", 2: 7},    opens the pack and the first group
      {0: "epoch", 3: "0123456789abcdef"},                           always the second map
      {0: "sender", 3: "..."},                                       only if two senders must be told apart
      {0: "energy/register", 2: 1234, 1: "Wh"},                      one map for each value of the shape
      {0: "further", 3: "{...}"},                                    JSON of the values that the shape does not name
      {-2: "gw-1/L02/", 0: "seq", 2: 8},                             opens the second group
      ... ]
    -1 version, -2 base name, -3 base time (s), 0 name, 1 unit, 2 number, 3 text, 4 truth
    -2: gateway/subject/, or gateway/; -2 and -3 hold for all that follows, and stand only where they change

A record that travels as text has neither time nor measurements::

      {-2: "gw-1/", 0: "seq", 2: 9}, {0: "kind", 3: "event"}, {0: "clock", 4: false}, {0: "body", 3: "{...}"}

The full name of a value is then gw-1/L01/energy/register. Units are those of RFC 8428 and, for Wh, RFC 8798 (hence
version 26: RFC 9100, feature "secondary units").

Timing: SenML reads a time below 2**28, or none, as relative to now. So a record travels as text if its clock could not
be believed or the caller has no shape for its kind. Records with a time and records without one never share a pack:
`leading_run` says how many may go together.

Faults: `decode_pack` raises MalformedBytes for a pack that this module would not make. Values that the shape does not
know are passed over, because a newer version may have added them.

The caller decides which kinds there are: the functions take its shapes, a dict from the name of a kind to its `Shape`.
"""

import json
from collections import namedtuple

from protocols.errors import MalformedBytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BASE_VERSION = -1
BASE_NAME = -2
BASE_TIME = -3
NAME = 0
UNIT = 1
VALUE = 2
STRING_VALUE = 3
BOOLEAN_VALUE = 4
TIME = 6
"""The integer labels of RFC 8428, table 4."""

VERSION = 26
"""Version 10 (RFC 8428) plus bit 4: secondary units may occur (RFC 9100)."""

ABSOLUTE_TIME = 1 << 28
"""A time is absolute only from this second on: RFC 8428 section 4.5.3."""

LONGEST_SENDER = 40

LARGEST_INTEGER = (1 << 53) - 1
"""The largest whole number that every reader holds exactly."""

NUMBER = "number"
NUMBER_OR_NONE = "number or none"  # left out of the pack where it is None
TEXT = "text"
BOOLEAN = "boolean"

ShapeField = namedtuple("ShapeField", ("key", "name", "unit", "type"))
"""One value of a shape: its key in the record's body, its SenML name, its unit (None: it has none) and its type."""

Shape = namedtuple("Shape", ("time_key", "subject_key", "fields"))
"""The form in which the records of one kind travel value by value: the key of the time in the body, the key of the
subject (None: the gateway) and the fields. A reader tells the kind by the first field: its name is found in no other
shape, and its value is never None."""

_LABEL_OF = {NUMBER: VALUE, NUMBER_OR_NONE: VALUE, TEXT: STRING_VALUE, BOOLEAN: BOOLEAN_VALUE}
_PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.:"
_GATEWAY = "abcdefghijklmnopqrstuvwxyz0123456789-"


def is_of(value: object, type_: str) -> bool:
    """Returns True if the value is of this type: NUMBER, NUMBER_OR_NONE, TEXT or BOOLEAN. A number is finite; a whole
    one is at most LARGEST_INTEGER away from 0."""
    if type_ == TEXT:
        return _is_text(value)
    if type_ == BOOLEAN:
        return value is True or value is False
    return _is_number(value) or (type_ == NUMBER_OR_NONE and value is None)


def fits(shape: "Shape", body: "dict[str, object]") -> bool:
    """Returns True if the body has every value that the shape names, each of its type. Further keys are allowed."""
    if not _is_number(body.get(shape.time_key)):
        return False
    if shape.subject_key is not None and not _is_text(body.get(shape.subject_key)):
        return False
    return all(field.key in body and is_of(body[field.key], field.type) for field in shape.fields)


def has_time(shape: "Shape | None", body: "dict[str, object]", clock_valid: bool) -> bool:
    """Returns True if the record travels as measurements with an absolute time. `shape` is None for a kind without
    one."""
    if shape is None or not clock_valid or not fits(shape, body):
        return False
    time = body[shape.time_key]
    return isinstance(time, (int, float)) and time >= ABSOLUTE_TIME


def leading_run(shapes: "dict[str, Shape]", records: "Sequence[tuple[int, str, dict[str, object], bool]]") -> int:
    """Returns how many of the first records (seq, kind, body, clock_valid) may travel in one pack."""
    run, timed = 0, None  # type: int, bool | None
    for _, kind, body, clock_valid in records:
        this_timed = has_time(shapes.get(kind), body, clock_valid)
        if timed is not None and this_timed != timed:
            break
        timed = this_timed
        run += 1
    return run


def encode_pack(
    shapes: "dict[str, Shape]",
    gateway: str,
    epoch: str,
    records: "Sequence[tuple[int, str, dict[str, object], bool]]",
    sender: "str | None" = None,
) -> "list[dict[int, object]]":
    """Returns the pack of at least one record (seq, kind, body, clock_valid), all of one `leading_run`.

    If a journal was copied to another gateway, `sender` tells the two senders of one gateway's records apart.
    """
    pack = []  # type: list[dict[int, object]]
    name, time = None, None  # type: str | None, object
    for seq, kind, body, clock_valid in records:
        shape = shapes.get(kind)
        timed = has_time(shape, body, clock_valid)
        subject_key = shape.subject_key if timed and shape is not None else None
        subject = None if subject_key is None else body[subject_key]
        opening = {NAME: "seq", VALUE: seq}  # type: dict[int, object]
        group_name = gateway + "/" + ("" if subject is None else _escaped(str(subject)) + "/")
        if group_name != name:
            name = opening[BASE_NAME] = group_name
        if timed and shape is not None:
            group_time = body[shape.time_key]
            # 5 and 5.0 are equal, but the reader shall get back the one that was written.
            if group_time != time or type(group_time) is not type(time):
                time = opening[BASE_TIME] = group_time
        pack.append(opening)
        if len(pack) == 1:
            opening[BASE_VERSION] = VERSION
            pack.append({NAME: "epoch", STRING_VALUE: epoch})
            if sender is not None:
                # A reader that does not know the sender passes over it as an addition.
                pack.append({NAME: "sender", STRING_VALUE: sender})
        pack += _measurements(shape, body) if timed and shape is not None else _as_text(kind, body, clock_valid)
    return pack


def _measurements(shape: "Shape", body: "dict[str, object]") -> "list[dict[int, object]]":
    group = []  # type: list[dict[int, object]]
    further = {key: value for key, value in body.items() if key not in (shape.time_key, shape.subject_key)}
    for key, name, unit, type_ in shape.fields:
        value = further.pop(key)
        if value is not None:
            record = {NAME: name, _LABEL_OF[type_]: value}  # type: dict[int, object]
            if unit is not None:
                record[UNIT] = unit
            group.append(record)
    if further:
        group.append({NAME: "further", STRING_VALUE: json.dumps(further)})
    return group


def _as_text(kind: str, body: "dict[str, object]", clock_valid: bool) -> "list[dict[int, object]]":
    return [
        {NAME: "kind", STRING_VALUE: kind},
        {NAME: "clock", BOOLEAN_VALUE: clock_valid},
        {NAME: "body", STRING_VALUE: json.dumps(body)},
    ]


def decode_pack(
    shapes: "dict[str, Shape]", pack: object
) -> "tuple[str, str, list[tuple[int, str, dict[str, object], bool]]]":
    """Returns (gateway, epoch, records) of a pack made by `encode_pack`; raises MalformedBytes for anything else."""
    if not isinstance(pack, (list, tuple)) or len(pack) < 3:
        raise MalformedBytes("a SenML pack is a list of at least three records")
    for record in pack:
        if not isinstance(record, dict):
            raise MalformedBytes("a SenML record is a map")
    if pack[0].get(BASE_VERSION) != VERSION:
        raise MalformedBytes("the SenML version is not " + str(VERSION))
    if pack[0].get(NAME) != "seq" or pack[1].get(NAME) != "epoch":
        raise MalformedBytes("the pack does not begin with its sequence number and epoch")
    epoch = pack[1].get(STRING_VALUE)
    base_name = pack[0].get(BASE_NAME)
    # A number of a million digits is no name, and has no text either.
    gateway = base_name.split("/")[0] if isinstance(base_name, str) else ""
    if not isinstance(epoch, str) or len(epoch) != 16 or any(digit not in "0123456789abcdef" for digit in epoch):
        raise MalformedBytes("the epoch is not 16 hexadecimal digits")
    if not 1 <= len(gateway) <= 40 or any(letter not in _GATEWAY for letter in gateway):
        raise MalformedBytes("the base name does not begin with a gateway")
    kind_of = {shape.fields[0].name: kind for kind, shape in shapes.items()}
    records = []
    name, time = None, None  # type: str | None, object
    at = 0
    while at < len(pack):
        opening = pack[at]
        end = at + 1
        while end < len(pack) and pack[end].get(NAME) != "seq":
            end += 1
        seq = opening.get(VALUE)
        if not _is_integer(seq) or seq < 1:
            raise MalformedBytes("a sequence number is not a positive whole number")
        name, time = opening.get(BASE_NAME, name), opening.get(BASE_TIME, time)
        subject = _subject(gateway, name)
        group = pack[2:end] if at == 0 else pack[at + 1 : end]
        kind, body, clock_valid = _decode_group(shapes, kind_of, subject, time, group)
        records.append((seq, kind, body, clock_valid))
        at = end
    return gateway, epoch, records


def sender_of(pack: object) -> "str | None":
    """Returns the sender that a pack names, or None if it names none. `decode_pack` must have accepted the pack."""
    if isinstance(pack, (list, tuple)) and len(pack) > 2 and pack[2].get(NAME) == "sender":
        sender = pack[2].get(STRING_VALUE)
        if _is_text(sender) and 1 <= len(sender) <= LONGEST_SENDER:
            return str(sender)
    return None


def _decode_group(
    shapes: "dict[str, Shape]", kind_of: "dict[str, str]", subject: "str | None", time: object, group: object
) -> "tuple[str, dict[str, object], bool]":
    values = {}  # type: dict[str, dict[int, object]]
    for record in group:  # type: ignore[attr-defined] # a list of maps, checked by decode_pack
        name = record.get(NAME)
        if not isinstance(name, str) or name in values or BASE_NAME in record or BASE_TIME in record or TIME in record:
            raise MalformedBytes("a group's values need names, each once, and share its base and time")
        values[name] = record
    if "body" in values:
        return _decode_text(values)
    kind = next((kind_of[name] for name in values if name in kind_of), None)
    if kind is None:
        raise MalformedBytes("a group names no value of a known kind")
    shape = shapes[kind]
    body = {shape.time_key: time}  # type: dict[str, object]
    if shape.subject_key is not None:
        body[shape.subject_key] = subject
    elif subject is not None:
        raise MalformedBytes("a record of this kind has no subject")
    for key, name, _, type_ in shape.fields:
        body[key] = values.pop(name, {}).get(_LABEL_OF[type_])
    if "further" in values:
        for key, value in _decode_json(values.pop("further")).items():
            if key in body:
                raise MalformedBytes("a further value repeats one of the shape")
            body[key] = value
    # The rest of `values` comes from a newer version: additions are not errors.
    if not has_time(shape, body, True):
        raise MalformedBytes("a group has not the values, types or time of its kind")
    return kind, body, True


def _decode_text(values: "dict[str, dict[int, object]]") -> "tuple[str, dict[str, object], bool]":
    kind = values.get("kind", {}).get(STRING_VALUE)
    clock_valid = values.get("clock", {}).get(BOOLEAN_VALUE)
    if not _is_text(kind) or not is_of(clock_valid, BOOLEAN):
        raise MalformedBytes("a record that travels as text needs its kind and its clock")
    return kind, _decode_json(values["body"]), clock_valid  # type: ignore[return-value] # checked just above


def _decode_json(record: "dict[int, object]") -> "dict[str, object]":
    text = record.get(STRING_VALUE)
    if not isinstance(text, str):
        raise MalformedBytes("a record that travels as text has none")
    try:
        body = json.loads(text)
        # Python reads NaN and Infinity, which JSON does not have.
        if isinstance(body, dict) and _is_finite(body):
            return body
    except (ValueError, RuntimeError):  # RuntimeError: nested deeper than the stack
        pass
    raise MalformedBytes("a record's text is not a JSON object")


def _is_finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(_is_finite(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_finite(item) for item in value)
    return not isinstance(value, float) or _is_number(value)


def _is_integer(value: object) -> bool:
    # True is an int in CPython and none in MicroPython.
    return isinstance(value, int) and value is not True and value is not False and abs(value) <= LARGEST_INTEGER


def _is_number(value: object) -> bool:
    # NaN fails both comparisons.
    return _is_integer(value) or (isinstance(value, float) and -float("inf") < value < float("inf"))


def _is_text(value: object) -> bool:
    # Half of a surrogate pair has no UTF-8.
    return isinstance(value, str) and not any(0xD800 <= ord(letter) <= 0xDFFF for letter in value)


def _escaped(subject: str) -> str:
    """Returns the subject as part of a SenML name, which may have only letters, digits and - : . / _.

    Any other byte, / and _ included, becomes _ and two hexadecimal digits.
    """
    if all(letter in _PLAIN for letter in subject):
        return subject
    return "".join(
        chr(byte) if chr(byte) in _PLAIN else "_" + "0123456789abcdef"[byte >> 4] + "0123456789abcdef"[byte & 15]
        for byte in subject.encode()
    )


def _subject(gateway: str, name: object) -> "str | None":
    if not isinstance(name, str) or not name.startswith(gateway + "/"):
        raise MalformedBytes("a base name is not the gateway's")
    escaped = name[len(gateway) + 1 :]
    if not escaped:
        return None
    if not escaped.endswith("/"):
        raise MalformedBytes("a base name does not end in /")
    first, *others = escaped[:-1].split("_")
    subject = first.encode()
    try:
        for other in others:
            subject += bytes([int(other[:2], 16)]) + other[2:].encode()
        return subject.decode()
    except ValueError:  # UnicodeError is a ValueError
        pass
    raise MalformedBytes("a base name has a wrong escape")
