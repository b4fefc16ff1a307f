"""Our 24-bit commands against python-dali's: two tables written apart from each other must give the same bytes."""

import inspect
import re
from types import ModuleType

import pytest
from dali import address as their_address
from dali.command import Command as TheirCommand
from dali.command import from_frame
from dali.device import general, light, occupancy
from dali.frame import ForwardFrame as TheirFrame
from hypothesis import given
from hypothesis import strategies as st

from protocols.dali import device_addresses, device_commands, light_sensor
from protocols.dali import occupancy as our_occupancy
from protocols.dali.device_addresses import DeviceAddress, Instances
from protocols.dali.frames import ForwardFrame, Transmission
from protocols.errors import ValueOutOfRange


def _theirs_in(module: ModuleType) -> dict[str, type]:
    return {
        _squeeze(name): found
        for name, found in vars(module).items()
        if inspect.isclass(found)
        and issubclass(found, TheirCommand)
        and not issubclass(found, general._Event)
        and not name.startswith(("_", "Unknown"))
    }


def _squeeze(name: str) -> str:
    spelled = name
    for digits, word in (
        ("31", "ThirtyOne"),
        ("24", "TwentyFour"),
        ("23", "TwentyThree"),
        ("16", "Sixteen"),
        ("15", "Fifteen"),
        ("0-", "Zero-"),
        ("8-", "Eight-"),
        ("-7", "-Seven"),
    ):
        spelled = re.sub(rf"(?<!\d){digits}(?!\d)" if digits.isdigit() else digits, word, spelled)
    spelled = re.sub(r"(?<=[a-zA-Z])-(?=[A-Z][a-z])", "To", spelled)
    return re.sub(r"[^a-z0-9]", "", spelled.lower())


_GENERAL, _OCCUPANCY, _LIGHT = _theirs_in(general), _theirs_in(occupancy), _theirs_in(light)
_TABLES = {
    "303": (our_occupancy.COMMANDS, _OCCUPANCY),
    "304": (light_sensor.COMMANDS, _LIGHT),
    "103": (device_commands.INSTANCE_COMMANDS, _GENERAL),
}

_THEIR_INSTANCES = {
    Instances.NUMBER: their_address.InstanceNumber,
    Instances.GROUP: their_address.InstanceGroup,
    Instances.TYPE: their_address.InstanceType,
    Instances.FEATURE_OF_NUMBER: their_address.FeatureInstanceNumber,
    Instances.FEATURE_OF_GROUP: their_address.FeatureInstanceGroup,
    Instances.FEATURE_OF_TYPE: their_address.FeatureInstanceType,
}
_THEIR_WHOLE_INSTANCES = {
    Instances.ALL: their_address.InstanceBroadcast,
    Instances.DEVICE: their_address.Device,
    Instances.FEATURE_OF_ALL: their_address.FeatureInstanceBroadcast,
    Instances.FEATURE_OF_DEVICE: their_address.FeatureDevice,
}

EDITION_2022 = {
    "QUERY APPLICATION CONTROLLER ALWAYS ACTIVE": 0x49,
    "QUERY INSTANCE CONFIGURATION": 0x93,
    "QUERY AVAILABLE INSTANCE TYPES": 0x94,
}
"""Commands of IEC 62386-103:2022 that python-dali lacks, with the opcodes of DALI_cli's decoder (SvenHaedrich)."""

ADDRESSES = st.one_of(
    st.integers(0, 63).map(device_addresses.short),
    st.integers(0, 31).map(device_addresses.group),
    st.sampled_from([device_addresses.BROADCAST, device_addresses.UNADDRESSED]),
)
INSTANCES = st.one_of(
    st.builds(Instances, st.sampled_from(sorted(_THEIR_INSTANCES)), st.integers(0, 31)),
    st.sampled_from(sorted(_THEIR_WHOLE_INSTANCES)).map(lambda kind: Instances(kind, 0)),
)
BYTES = st.integers(0, 255)


def _their_address(address: DeviceAddress) -> object:
    if address.kind == DeviceAddress.SHORT:
        return their_address.DeviceShort(address.number)
    if address.kind == DeviceAddress.GROUP:
        return their_address.DeviceGroup(address.number)
    if address.kind == DeviceAddress.UNADDRESSED:
        return their_address.DeviceBroadcastUnaddressed()
    return their_address.DeviceBroadcast()


def _their_instances(instances: Instances) -> object:
    if instances.kind in _THEIR_INSTANCES:
        return _THEIR_INSTANCES[instances.kind](instances.number)
    return _THEIR_WHOLE_INSTANCES[instances.kind]()


def _agree(ours: Transmission, theirs: TheirCommand) -> None:
    assert ours.frame.to_bytes() == theirs.frame.pack
    assert ours.frame.bits == 24
    assert ours.twice == theirs.sendtwice
    assert ours.answer == (theirs.response is not None)


@pytest.mark.parametrize("name", sorted(device_commands.DEVICE_COMMANDS.keys() - EDITION_2022.keys()))
@given(address=ADDRESSES)
def test_device_command(name: str, address: DeviceAddress) -> None:
    _agree(device_commands.device(address, name), _GENERAL[_squeeze(name)](_their_address(address)))


@pytest.mark.parametrize(
    ("part", "name"),
    [(part, name) for part, (ours, _) in _TABLES.items() for name in sorted(ours.keys() - EDITION_2022.keys())],
)
@given(address=ADDRESSES, instances=INSTANCES)
def test_instance_command(part: str, name: str, address: DeviceAddress, instances: Instances) -> None:
    ours, theirs = _TABLES[part]
    command = theirs[_squeeze(name)](_their_address(address), _their_instances(instances))
    _agree(device_commands.instance(address, instances, name, ours), command)


@pytest.mark.parametrize("name", sorted(device_commands.SPECIAL_COMMANDS))
@given(first=BYTES, second=BYTES)
def test_special_command(name: str, first: int, second: int) -> None:
    data = (first, second)[: device_commands.SPECIAL_COMMANDS[name].data]
    _agree(device_commands.special(name, *data), _GENERAL[_squeeze(name)](*data))


@pytest.mark.parametrize("name", sorted(EDITION_2022))
def test_what_only_the_edition_of_2022_has(name: str) -> None:
    to = device_addresses.short(5)
    if name in device_commands.DEVICE_COMMANDS:
        ours, middle = device_commands.device(to, name), 0xFE
    else:
        ours, middle = device_commands.instance(to, device_addresses.instance(2), name), 0x02
    assert ours.frame.to_bytes() == bytes([0x0B, middle, EDITION_2022[name]])
    assert (ours.answer, ours.twice) == (True, False)
    meaning = device_commands.meaning(ours.frame)
    assert meaning is not None
    assert meaning.name == name


def test_every_command_that_they_know_is_ours_too() -> None:
    known = {*device_commands.DEVICE_COMMANDS, *device_commands.INSTANCE_COMMANDS, *device_commands.SPECIAL_COMMANDS}
    names = known - EDITION_2022.keys()
    # Two of python-dali's names stand for one command: QueryEventFilterL is QueryEventFilterZeroToSeven.
    ours = {_GENERAL[_squeeze(name)] for name in names}
    assert {name for name, found in _GENERAL.items() if found not in ours} == set()
    assert {_squeeze(name) for name in our_occupancy.COMMANDS} == set(_OCCUPANCY)
    assert {_squeeze(name) for name in light_sensor.COMMANDS} == set(_LIGHT)


@given(content=st.binary(min_size=3, max_size=3))
def test_what_a_frame_means(content: bytes) -> None:
    theirs = from_frame(TheirFrame(24, list(content)))
    frame = ForwardFrame(24, int.from_bytes(content, "big"))
    ours = device_commands.meaning(frame, our_occupancy.COMMANDS, light_sensor.COMMANDS)
    their_name = _squeeze(type(theirs).__name__)
    if ours is not None and ours.name in EDITION_2022:
        assert content[2] == EDITION_2022[ours.name]
        return
    known = their_name in _GENERAL | _OCCUPANCY | _LIGHT
    if ours is None:
        # python-dali also reads instance commands under reserved instance bytes.
        assert not known or device_addresses.instances_from_byte(content[1]) is None
        return
    assert known
    assert type(theirs) in [table.get(_squeeze(ours.name)) for table in (_GENERAL, _OCCUPANCY, _LIGHT)]
    if ours.address is not None:
        assert theirs.destination == _their_address(ours.address)
        assert ours.address.byte() == content[0]
        assert ours.instances.byte() == content[1]


@given(address=ADDRESSES, instances=INSTANCES)
def test_addresses_survive(address: DeviceAddress, instances: Instances) -> None:
    assert device_addresses.from_byte(address.byte()) == address
    assert device_addresses.instances_from_byte(instances.byte()) == instances


@given(bits=st.sampled_from([8, 16]), value=st.integers(0, 0xFF))
def test_other_frames_mean_nothing_here(bits: int, value: int) -> None:
    assert device_commands.meaning(ForwardFrame(bits, value)) is None


@pytest.mark.parametrize(
    ("name", "data"),
    [("DTR0", (256,)), ("DTR0", (-1,)), ("DTR0", (1, 1)), ("COMPARE", (1,)), ("DTR1:DTR0", (1, 256))],
)
def test_data_that_does_not_fit(name: str, data: tuple[int, ...]) -> None:
    with pytest.raises(ValueOutOfRange, match=name):
        device_commands.special(name, *data)


@pytest.mark.parametrize("number", [-1, 32, 64])
def test_numbers_that_do_not_fit(number: int) -> None:
    makers = [device_addresses.group, device_addresses.instance, device_addresses.instance_group]
    makers += [device_addresses.instance_type] + ([device_addresses.short] if number != 32 else [])
    for make in makers:
        with pytest.raises(ValueOutOfRange, match="0 to"):
            make(number)


@pytest.mark.parametrize(
    ("setting", "value", "count"),
    [
        (our_occupancy.HOLD_TIMER, 900, 90),
        (our_occupancy.HOLD_TIMER, 2540, 254),
        (our_occupancy.DEADTIME_TIMER, 0.1, 2),
        (our_occupancy.REPORT_TIMER, 20, 20),
        (light_sensor.DEADTIME_TIMER, 1.5, 30),
        (light_sensor.HYSTERESIS, 25, 25),
        (device_commands.EVENT_PRIORITY, 2, 2),
        (device_commands.PRIMARY_INSTANCE_GROUP, 255, 255),
    ],
)
def test_settings_are_counted(setting: device_commands.Setting, value: float, count: int) -> None:
    assert setting.count(value) == count


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        (our_occupancy.HOLD_TIMER, 2550),
        (our_occupancy.DEADTIME_TIMER, 13),
        (our_occupancy.DEADTIME_TIMER, -1),
        (light_sensor.HYSTERESIS, 26),
        (device_commands.EVENT_PRIORITY, 1),
        (device_commands.PRIMARY_INSTANCE_GROUP, 32),
        (device_commands.EVENT_SCHEME, 5),
    ],
)
def test_settings_out_of_bounds(setting: device_commands.Setting, value: float) -> None:
    with pytest.raises(ValueOutOfRange, match=re.escape(setting.name)):
        setting.count(value)
