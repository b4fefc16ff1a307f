"""Another master's frames: which of them count, what the agent forgets because of them, how often it answers them."""

from __future__ import annotations

import pytest

from agent.lamps.foreign_masters import (
    ANSWERS,
    ANSWERS_WITHIN_S,
    GONE_AFTER_S,
    PATTERN_FRAMES,
    PATTERN_WITHIN_S,
    ForeignMasters,
)
from agent.lamps.luminaire import Stored
from protocols.dali.frames import ForwardFrame, Reply, Transmission
from tests.rigs.lamp_bus import FULL, HALF, OFF, LampBus, on_the_bus, running

ALL_OFF = 0xFF00


def hear(bus: LampBus, frame: int, bits: int = 16) -> None:
    bus.control.note_foreign(ForwardFrame(bits, frame))


@pytest.mark.parametrize(
    ("frame", "shaken"),
    [
        (0xFE00, [0, 1, 2]),  # DAPC 0 to all
        (0x0200 | HALF, [1]),  # DAPC to one
        (0x0300, [1]),  # OFF
        (0x0302, [1]),  # DOWN
        (0xFF0C, [0, 1, 2]),  # CONTINUOUS DOWN
        (0x8513, [0, 1, 2]),  # GO TO SCENE 3, to a group: any may be in it
        (0x0320, [1]),  # RESET
        (0x0325, [1]),  # IDENTIFY DEVICE: it flashes
        (0x032A, [1]),  # SET MAX LEVEL
        (0x032D, [1]),  # SET POWER ON LEVEL
        (0x0330, [1]),  # SET EXTENDED FADE TIME
        (0x0345, [1]),  # SET SCENE 5
        (0x0365, [1]),  # ADD TO GROUP 5
        (0x7F00, []),  # OFF to a lamp of another board
        (0x0390, []),  # QUERY STATUS
        (0x0381, []),  # ENABLE WRITE MEMORY
        (0xA300, []),  # DTR0
        (0xA100, []),  # TERMINATE
    ],
)
def test_which_lamps_a_foreign_frame_may_have_moved(frame: int, shaken: list[int]) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        hear(bus, frame)
        assert [number for number, lamp in enumerate(bus.lamps) if lamp.told.target_level is None] == shaken
        another = frame in (0x7F00,) or bool(shaken)  # what is no business of ours is another master's all the same
        assert bus.told() == ([("foreignMaster", "street", True)] if another else [])

    on_the_bus(story)


@pytest.mark.parametrize("frame", [0x0320, 0x032B, 0x032D, 0x032E, 0x0330, 0x0345, 0x0365, 0x0380])
def test_after_a_foreign_setting_nothing_is_taken_for_granted(frame: int) -> None:
    async def story(bus: LampBus) -> None:
        await bus.cycles(6)
        assert bus.lamps[1].stored.groups is not None
        hear(bus, frame)
        assert bus.lamps[1].stored == Stored()
        assert bus.lamps[0].stored.fail_safe_checked
        await bus.cycles()
        assert bus.lamps[1].stored.fail_safe_checked

    on_the_bus(story)


def test_an_answer_comes_at_once_and_only_as_often_as_the_limit_says() -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(12.0)
            bus.forget_frames()
            for number in range(ANSWERS):
                bus.street.bus.other_controller(ALL_OFF)
                await bus.clock.sleep(0.2)
                assert bus.levels() == [HALF] * 3, number
            bus.street.bus.other_controller(ALL_OFF)
            await bus.clock.sleep(0.2)
            assert bus.levels() == [OFF] * 3
            # The answer goes out as soon as the limit allows, not at the next frame or cycle.
            await bus.clock.sleep(ANSWERS_WITHIN_S - 0.2 * (ANSWERS + 1) + 0.2)
            assert bus.levels() == [HALF] * 3

    on_the_bus(story, start=1_768_500_000.0 + 0.5)


def test_one_answer_does_for_all_that_comes_before_it() -> None:
    async def story(bus: LampBus) -> None:
        masters = ForeignMasters("street", bus.lamps, bus.clock, bus.events)
        at = [masters.hear(ForwardFrame(16, ALL_OFF)) for _ in range(ANSWERS + 3)]
        now = bus.clock.monotonic()
        assert at == [now] * ANSWERS + [now + ANSWERS_WITHIN_S] * 3

    on_the_bus(story)


def test_each_answer_past_the_limit_waits_for_the_one_ten_before_it() -> None:
    async def story(bus: LampBus) -> None:
        masters = ForeignMasters("street", bus.lamps, bus.clock, bus.events)
        began = bus.clock.monotonic()
        answered: list[float] = []
        while bus.clock.monotonic() < began + 12.0:
            at = masters.hear(ForwardFrame(16, ALL_OFF))
            assert at is not None
            if not answered or at > answered[-1]:
                answered.append(at)
            await bus.clock.sleep(0.5)
        at_once = [began + 0.5 * number for number in range(ANSWERS)]
        assert answered == pytest.approx([*at_once, *(at + ANSWERS_WITHIN_S for at in at_once[:5])])

    on_the_bus(story)


def test_like_frames_that_come_seldom_are_no_pattern() -> None:
    async def story(bus: LampBus) -> None:
        masters = ForeignMasters("street", bus.lamps, bus.clock, bus.events)
        for _ in range(2 * PATTERN_FRAMES):
            masters.hear(ForwardFrame(16, ALL_OFF))
            await bus.clock.sleep(PATTERN_WITHIN_S / (PATTERN_FRAMES - 1) + 1.0)
        assert bus.told() == [("foreignMaster", "street", True)]
        for _ in range(PATTERN_FRAMES - 1):
            masters.hear(ForwardFrame(16, ALL_OFF))
            await bus.clock.sleep(PATTERN_WITHIN_S / PATTERN_FRAMES)
        assert bus.told("levelsContested") == [("levelsContested", "street", True)]

    on_the_bus(story)


def test_the_pattern_is_named_once_it_is_one_and_ended_after_an_hour() -> None:
    async def story(bus: LampBus) -> None:
        for number in range(PATTERN_FRAMES):
            assert bus.told("levelsContested") == []
            hear(bus, ALL_OFF)
            hear(bus, 0x0300 | number)  # never twice alike
            await bus.clock.sleep(7.5)
        contested = "levelsContested"
        assert bus.told(contested) == [(contested, "street", True)]
        assert "sends OFF to all about every 7.5 s: each time the lamps are told their levels again" in bus.texts()[-1]
        await bus.clock.sleep(GONE_AFTER_S - 10.0)
        await bus.cycle()
        assert bus.told(contested, "foreignMaster")[-1][-1]
        await bus.clock.sleep(10.0)
        await bus.cycle()
        assert bus.told(contested, "foreignMaster")[-2:] == [
            ("foreignMaster", "street", False),
            (contested, "street", False),
        ]
        hear(bus, ALL_OFF)
        assert bus.told(contested)[-1] == (contested, "street", False)
        assert bus.told("foreignMaster")[-1] == ("foreignMaster", "street", True)

    on_the_bus(story)


def test_a_frame_that_is_heard_while_ours_goes_out_leaves_the_lamp_untold(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        transmit = bus.interface.transmit

        async def meanwhile(channel: int, transmission: Transmission, priority: int) -> Reply:
            reply = await transmit(channel, transmission, priority)
            hear(bus, 0x0300)
            monkeypatch.setattr(bus.interface, "transmit", transmit)
            return reply

        bus.ask_for(100.0)
        monkeypatch.setattr(bus.interface, "transmit", meanwhile)
        await bus.control.tell_levels()
        assert [lamp.told.target_level for lamp in bus.lamps] == [FULL, None, FULL]

    on_the_bus(story)


def test_a_fade_that_another_sets_while_ours_goes_out_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        await bus.cycles(3)
        transmit = bus.interface.transmit

        async def meanwhile(channel: int, transmission: Transmission, priority: int) -> Reply:
            reply = await transmit(channel, transmission, priority)
            if transmission.frame.value == 0xFF2E:
                hear(bus, 0x032E)
                monkeypatch.setattr(bus.interface, "transmit", transmit)
            return reply

        bus.ask_for(100.0, 8.0)
        monkeypatch.setattr(bus.interface, "transmit", meanwhile)
        await bus.control.tell_levels()
        assert bus.sent().count(0xFF2E) == 2 * 3  # the first time of all, ours, and ours again

    on_the_bus(story)


def test_a_reset_deafens_gear_and_the_answer_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(bus: LampBus) -> None:
        bus.ask_for(50.0)
        async with running(bus.control.run(lambda: None)):
            await bus.clock.sleep(12.0)
            began = bus.clock.monotonic()
            bus.street.bus.other_controller(0xFF20)
            bus.street.bus.other_controller(0xFF20)
            await bus.clock.sleep(0.15)
            assert bus.levels() == [FULL] * 3
            await bus.clock.sleep(0.85)
            assert bus.levels() == [HALF] * 3
            told = [frame.time - began for frame in bus.street.bus.trace if frame.value == 0xFE00 | HALF]
            assert 0.5 <= told[-1] < 1.0

    on_the_bus(story)
