"""Events of control devices against python-dali's decoder, and the notice of a power cycle, which it does not know."""

import pytest
from dali.command import from_frame
from dali.device import general, light, occupancy
from dali.device.helpers import DeviceInstanceTypeMapper
from dali.frame import ForwardFrame as TheirFrame
from hypothesis import example, given
from hypothesis import strategies as st

from protocols.dali import device_events, light_sensor
from protocols.dali import occupancy as our_occupancy
from protocols.dali.device_events import Event, PowerCycle, Scheme
from protocols.dali.frames import ForwardFrame
from protocols.errors import ValueOutOfRange

VALUES = st.integers(0, 0xFFFFFF)
EVENTS = VALUES.map(lambda value: value & ~(1 << 16))
TYPES = {(short, number): (3, 4, 1)[(short + number) % 3] for short in range(40) for number in range(32)}


def _agree(ours: Event, theirs: general._Event) -> None:
    short = theirs.short_address
    assert ours.short_address == (None if short is None else short.address)
    assert ours.instance_number == theirs.instance_number
    assert ours.device_group == theirs.device_group
    assert ours.instance_group == theirs.instance_group


@given(value=EVENTS)
@example(value=0xC08000)
@example(value=0xFEE000)
def test_who_speaks_and_what_is_said(value: int) -> None:
    mapper = DeviceInstanceTypeMapper(dict(TYPES))
    theirs = from_frame(TheirFrame(24, value), dev_inst_map=mapper)
    ours = device_events.decode(ForwardFrame(24, value), TYPES)
    if not isinstance(theirs, general._Event):
        assert ours is None or isinstance(ours, PowerCycle)
        return
    assert isinstance(ours, Event)
    _agree(ours, theirs)
    assert ours.info == value & 0x3FF
    if isinstance(theirs, general.AmbiguousInstanceType):
        assert ours.instance_type is None
        return
    assert ours.instance_type == theirs.instance_type
    if isinstance(theirs, light.LightEvent):
        assert ours.instance_type == light_sensor.INSTANCE_TYPE
        assert ours.info == theirs.illuminance
    said = our_occupancy.decode(ours.info)
    if isinstance(theirs, occupancy.OccupancyEvent):
        assert ours.instance_type == our_occupancy.INSTANCE_TYPE
        assert said is not None
        assert said[:3] == (theirs.movement, theirs.occupied, theirs.repeat)
        assert said.movement_sensor == (theirs.sensor_type == "movement")
        assert said.info() == ours.info
    elif ours.instance_type == our_occupancy.INSTANCE_TYPE:
        assert said is None


@given(value=VALUES)
def test_a_frame_is_an_event_or_none_and_survives(value: int) -> None:
    frame = ForwardFrame(24, value)
    event = device_events.decode(frame)
    if value >> 16 & 1:
        assert event is None
    elif event is not None and not isinstance(event, PowerCycle):
        assert device_events.encode(event) == frame


@given(scheme=st.integers(0, 4), upper=st.integers(0, 31), lower=st.integers(0, 31), info=st.integers(0, 1023))
def test_encoded_as_they_encode(scheme: int, upper: int, lower: int, info: int) -> None:
    if scheme == Scheme.INSTANCE:
        ours = Event(scheme, None, lower, None, None, light_sensor.INSTANCE_TYPE, info)
        theirs = light.LightEvent(instance_number=lower, data=info)
    elif scheme == Scheme.DEVICE:
        ours = Event(scheme, 2 * upper, None, None, None, light_sensor.INSTANCE_TYPE, info)
        theirs = light.LightEvent(short_address=2 * upper, data=info)
    elif scheme == Scheme.DEVICE_INSTANCE:
        ours = Event(scheme, 2 * upper, lower, None, None, None, info)
        theirs = light.LightEvent(short_address=2 * upper, instance_number=lower, data=info)
    elif scheme == Scheme.DEVICE_GROUP:
        ours = Event(scheme, None, None, upper, None, light_sensor.INSTANCE_TYPE, info)
        theirs = light.LightEvent(device_group=upper, data=info)
    else:
        ours = Event(scheme, None, None, None, upper, light_sensor.INSTANCE_TYPE, info)
        theirs = light.LightEvent(instance_group=upper, data=info)
    assert device_events.encode(ours).to_bytes() == theirs.frame.pack


@pytest.mark.parametrize(
    ("value", "event"),
    [
        (0xFEE000, PowerCycle(None, None)),
        (0xFEE07F, PowerCycle(63, None)),
        (0xFEE045, PowerCycle(5, None)),
        (0xFEF000, PowerCycle(None, 0)),
        (0xFEFFC0, PowerCycle(0, 31)),
        (0xFEF1C5, PowerCycle(5, 3)),
    ],
)
def test_a_device_that_has_started(value: int, event: PowerCycle) -> None:
    assert device_events.decode(ForwardFrame(24, value)) == event
    assert device_events.encode(event) == ForwardFrame(24, value)


@pytest.mark.parametrize("value", [0xC08000, 0xFE8000, 0xFEC000, 0xFCE000])
def test_reserved_forms_are_no_events(value: int) -> None:
    assert device_events.decode(ForwardFrame(24, value)) is None


def test_sixteen_bits_are_no_event() -> None:
    assert device_events.decode(ForwardFrame(16, 0x0102)) is None


@pytest.mark.parametrize(
    "event",
    [
        Event(Scheme.DEVICE, None, 1, None, None, 3, 0),
        Event(Scheme.DEVICE, 64, None, None, None, 3, 0),
        Event(Scheme.DEVICE_INSTANCE, 5, None, None, None, 3, 0),
        Event(Scheme.DEVICE_GROUP, None, None, 32, None, 3, 0),
        Event(Scheme.INSTANCE, None, 1, None, None, 3, 1024),
        Event(7, None, 1, None, None, 3, 0),
        PowerCycle(64, None),
        PowerCycle(None, 32),
    ],
)
def test_what_no_event_can_carry(event: Event | PowerCycle) -> None:
    with pytest.raises(ValueOutOfRange, match="0 to"):
        device_events.encode(event)


@pytest.mark.parametrize(("info", "share"), [(0, 0.0), (1023, 1.0), (511, 511 / 1023)])
def test_light_is_a_share_of_the_range(info: int, share: float) -> None:
    assert light_sensor.relative_illuminance(info) == pytest.approx(share)


@pytest.mark.parametrize(
    ("value", "expected"), [(0, (False, False)), (1, (True, False)), (2, (False, True)), (3, (True, True))]
)
def test_occupancy_as_an_input_value(value: int, expected: tuple[bool, bool]) -> None:
    assert our_occupancy.from_input_value(value) == expected
