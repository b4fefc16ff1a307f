"""A street as a story sees it: faults on and off, supplies, the cable, and the true energy."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hil.devices.street import BusSupply, Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual
from tests.rigs.street_host import NIGHT, Host, on_a_street


def three(clock: VirtualClock, bus_supply: BusSupply = "separate", link: Path | None = None) -> Street:
    lamps = [Lamp(0, 25.0, level=200), Lamp(1, 25.0, level=200), Lamp(2, 40.0, level=200)]
    return Street(lamps, traffic=clock, bus_supply=bus_supply, link=link)


def test_faults_of_one_lamp_leave_the_others() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        street.gear_dead(0)
        street.no_answer(1)
        assert [await host.ask(query) for query in (b"h01A0", b"h03A0", b"h05A0")] == [b"N", b"N", b"JC8"]
        assert (street.light(0), street.power_w(0)) == (0.0, 0.0)
        assert await host.ask(b"h0264") == b"N"
        assert street.level(1) == 100
        street.gear_dead(0, False)
        street.no_answer(1, False)
        street.framing_error(2)
        await asyncio.sleep(1)
        assert [await host.ask(query) for query in (b"h01A0", b"h03A0", b"h05A0")] == [b"JFE", b"J64", b"X"]
        street.framing_error(2, False)
        street.lamp_failed(2)
        assert [await host.ask(query) for query in (b"h0590", b"h05A0", b"h0592")] == [b"J02", b"JC8", b"JFF"]
        assert street.light(2) == 0.0

    on_a_street(three, story)


def test_a_late_answer_comes_after_the_reply_that_there_is_none() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        street.late_answer(0, 30)
        host.write(b"h01A0\n")
        assert [await host.next_line(), await host.next_line()] == [b"N", b"JC8"]
        street.late_answer(0, 0)
        assert await host.ask(b"h01A0") == b"JC8"

    on_a_street(three, story)


def test_a_transmit_collision_leaves_the_lamps_alone() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        street.transmit_collisions(1)
        assert await host.ask(b"hFE64") == b"Z"
        assert street.level(0) == 200
        assert await host.ask(b"hFE64") == b"N"
        assert street.level(0) == 100

    on_a_street(three, story)


def test_the_serial_line_garbles_loses_splits_delays_and_falls_silent() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        port = street.port
        assert port is not None
        street.garbled_lines(3)
        garbled = [await host.ask(b"h01A0") for _ in range(3)]
        assert b"JC8" not in garbled
        host.write(b"\n")
        await host.ask(b"v")
        assert await host.ask(b"h01A0") == b"JC8"
        port.split(5)
        assert [await host.ask(b"h01A0") for _ in range(5)] == [b"JC8"] * 5
        port.lose(1)
        assert await host.ask(b"h01A0") != b"JC8"
        await host.ask(b"v")
        port.delay_s = 0.15
        assert await host.ask(b"h01A0", wait_s=0.1) is None
        assert await host.next_line() == b"JC8"
        port.delay_s = 0.0
        port.mute = True
        assert await host.ask(b"h01A0") is None
        port.mute = False
        assert await host.ask(b"h01A0") == b"JC8"

    on_a_street(three, story)


def test_a_pulled_cable_hangs_up_and_comes_back_under_the_same_name(tmp_path: Path) -> None:
    async def story(clock: VirtualClock) -> None:
        link = tmp_path / "dali"
        street = three(clock, link=link)
        host = Host(str(link), clock)
        assert await host.ask(b"h01A0") == b"JC8"
        host.write(b"h01A0\n")
        await asyncio.sleep(0.001)
        street.unplug()
        street.unplug()
        assert not link.exists()
        await asyncio.sleep(600)
        assert host.hung_up
        street.plug()
        street.plug()
        again = Host(str(link), clock)
        assert await again.ask(b"h01A0") == b"JC8"
        again.close()
        street.close()
        assert not link.is_symlink()

    run_virtual(story, NIGHT)


def test_hosts_come_and_go_and_lines_without_a_host_are_lost() -> None:
    async def story(clock: VirtualClock) -> None:
        street = three(clock)
        assert street.port is not None
        street.garbled_lines(1)
        street.bus_power(False)
        street.bus_power(True)
        await asyncio.sleep(5)
        host = Host(street.port.path, clock)
        assert await host.ask(b"h01A0") != b"JC8"  # the fault has waited for a host that hears it
        host.close()
        await asyncio.sleep(1)
        for _ in range(3):
            host = Host(street.port.path, clock)
            assert await host.ask(b"h01A0") == b"JC8"
            host.write(b"h01A0\n")
            await asyncio.sleep(0.001)
            host.close()
            await asyncio.sleep(3600)
            assert not street.port.host_there
        street.close()

    run_virtual(story, NIGHT)


def test_no_descriptor_is_left_behind() -> None:
    async def story(clock: VirtualClock) -> None:
        before = len(os.listdir("/proc/self/fd"))
        street = three(clock)
        assert street.port is not None
        for _ in range(5):
            host = Host(street.port.path, clock)
            assert await host.ask(b"h01A0") == b"JC8"
            street.unplug()
            await asyncio.sleep(1)
            street.plug()
        street.close()
        assert len(os.listdir("/proc/self/fd")) == before

    run_virtual(story, NIGHT)


@pytest.mark.parametrize(
    ("bus_supply", "when_mains_go", "when_gateway_goes"),
    [("separate", True, True), ("gear", False, True), ("gateway", True, False)],
)
def test_what_feeds_the_bus(bus_supply: BusSupply, when_mains_go: bool, when_gateway_goes: bool) -> None:
    async def story(clock: VirtualClock) -> None:
        street = three(clock, bus_supply)
        street.mains(False)
        assert street.bus.voltage is when_mains_go
        assert [street.power_w(i) for i in range(3)] == [0.0] * 3
        street.mains(True, 1)
        assert street.bus.voltage
        street.mains(True)
        await asyncio.sleep(1)
        street.gateway_power(False)
        assert street.bus.voltage is when_gateway_goes
        host = Host(street.port.path if street.port else "", clock)
        assert await host.ask(b"v") is None
        await asyncio.sleep(1)
        street.gateway_power(True)
        assert street.bus.voltage
        await host.next_line()
        assert await host.ask(b"v") == b"V070801"
        host.close()
        street.close()

    run_virtual(story, NIGHT)


@pytest.mark.parametrize(("bus_supply", "level"), [("gear", 0), ("separate", 0), ("gateway", 254)])
def test_a_gateway_without_power_by_day_leaves_dark_or_the_system_failure_level(
    bus_supply: BusSupply, level: int
) -> None:
    async def story(clock: VirtualClock) -> None:
        street = Street([Lamp(0, 25.0)], traffic=clock, bus_supply=bus_supply)
        await asyncio.sleep(3600)
        street.gateway_power(False)
        await asyncio.sleep(8 * 3600)
        assert street.level(0) == level
        assert street.light(0) == (level > 0)
        street.close()

    run_virtual(story, NIGHT)


def test_energy_at_past_quarters_is_exact_and_the_future_is_refused() -> None:
    async def story(street: Street, host: Host, _clock: VirtualClock) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        await host.ask(b"hA30C")
        await host.ask(b"tFF2E")
        noted = []
        for quarter in range(8):
            await host.ask(b"hFE%02X" % (254 - 20 * quarter))
            await asyncio.sleep(begin + 900 * (quarter + 1) - loop.time())
            noted.append([street.energy_wh_true(i) for i in range(3)])
        for quarter, energies in enumerate(noted):
            for i, energy_wh in enumerate(energies):
                assert street.energy_wh_at(i, begin + 900 * (quarter + 1)) == pytest.approx(energy_wh, abs=1e-9)
        with pytest.raises(ValueError, match="has not come yet"):
            street.energy_wh_at(0, loop.time() + 1)
        curve = street.curve(0)
        assert [point.time for point in curve] == sorted(point.time for point in curve)
        assert curve[-1].level == street.level(0) == 254 - 140
        assert max(point.power_w for point in curve) == pytest.approx(street.full_power_w(0))

    on_a_street(three, story)


def test_a_seed_makes_a_street_and_another_makes_another() -> None:
    async def powers(_clock: VirtualClock, seed: int) -> list[float]:
        street = Street([Lamp(i, 25.0) for i in range(4)], seed=seed)
        street.close()
        return [street.full_power_w(i) + street.energy_wh_true(i) for i in range(4)]

    assert run_virtual(lambda clock: powers(clock, 1), NIGHT) == run_virtual(lambda clock: powers(clock, 1), NIGHT)
    assert run_virtual(lambda clock: powers(clock, 1), NIGHT) != run_virtual(lambda clock: powers(clock, 2), NIGHT)


def test_a_street_works_on_the_real_clock_too() -> None:
    async def story() -> bytes:
        street = Street([Lamp(0, 25.0, level=200)])
        assert street.port is not None
        fd = os.open(street.port.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        loop = asyncio.get_running_loop()
        arrived: asyncio.Queue[bytes] = asyncio.Queue()
        loop.add_reader(fd, lambda: arrived.put_nowait(os.read(fd, 100)))
        os.write(fd, b"h01A0\n")
        reply = await asyncio.wait_for(arrived.get(), 10)
        loop.remove_reader(fd)
        os.close(fd)
        street.close()
        return reply

    assert asyncio.run(story()) == b"JC8\n"
