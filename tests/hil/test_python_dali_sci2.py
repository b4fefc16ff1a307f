"""A foreign master on the emulated DALI SCI2: python-dali's unmodified driver on the emulation's port.

The driver opens its port by the package serialx; here that opens it by our own serial port, which tells the virtual
clock of the bytes under way. Driver and emulation are otherwise as they are.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from dali.address import DeviceShort, GearBroadcast, GearShort
from dali.device.general import QueryNumberOfInstances
from dali.gear import general

from agent.hardware.serial_port import port_opener
from hil.devices.control_device import ControlDevice
from hil.devices.device_instances import OccupancySensor
from hil.devices.sci2 import Sci2Newer
from hil.devices.street import Lamp, Street
from hil.virtual_time import VirtualClock, run_virtual

SHOWN = (200, 100, 170, 85, 254)


def with_python_dali(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, story: Callable[[VirtualClock, Street, Any], Awaitable[None]]
) -> None:
    async def whole(clock: VirtualClock) -> None:
        async def create_serial_connection(
            loop: asyncio.AbstractEventLoop, protocol_factory: Callable[[], Any], url: str, baudrate: int
        ) -> tuple[object, Any]:
            protocol = protocol_factory()
            opened = port_opener(url, clock)
            transport = await opened(baudrate, protocol.data_received, lambda _why: protocol.connection_lost(None))
            protocol.connection_made(transport)
            return transport, protocol

        serialx = ModuleType("serialx")
        serialx.create_serial_connection = create_serial_connection  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "serialx", serialx)
        theirs = importlib.import_module("dali.driver.serial")
        monkeypatch.setattr(theirs, "serialx", serialx)
        lamps = [Lamp(address, 25.0, level=level) for address, level in enumerate(SHOWN)]
        devices = [ControlDevice([OccupancySensor()], short_address=5)]
        link = tmp_path / "street"
        street = Street(lamps, traffic=clock, link=link, devices=devices, product=Sci2Newer)
        driver = theirs.DriverSCIRS232(f"scirs232:{link}")
        try:
            await driver.connect()
            await story(clock, street, driver)
        finally:
            street.close()

    run_virtual(whole, 1_768_500_000.0)


def test_it_asks_one_gear_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(clock: VirtualClock, street: Street, driver: Any) -> None:
        for gear in (0, 1, 2, 3, 4) * 3:
            answer = await driver.send(general.QueryActualLevel(GearShort(gear)))
            assert answer.value == SHOWN[gear]
        assert (await driver.send(general.QueryActualLevel(GearShort(40)))).raw_value is None
        assert (await driver.send(general.QueryActualLevel(GearShort(4)))).value == SHOWN[4]

    with_python_dali(tmp_path, monkeypatch, story)


def test_it_dims_sets_and_reads_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(clock: VirtualClock, street: Street, driver: Any) -> None:
        for level in (254, 90, 0, 177):
            await driver.send(general.DAPC(GearBroadcast(), level))
        assert (await driver.send(general.QueryActualLevel(GearShort(3)))).value == 177
        assert [street.level(i) for i in range(5)] == [177] * 5
        await driver.send(general.DTR0(5))
        await driver.send(general.SetFadeTime(GearShort(2)))
        assert street.gear[2].variables.fade_time == 5
        assert street.gear[1].variables.fade_time != 5
        assert (await driver.send(general.QueryFadeTimeFadeRate(GearShort(2)))).raw_value.as_integer >> 4 == 5

    with_python_dali(tmp_path, monkeypatch, story)


def test_it_asks_a_sensor_in_24_bits_and_hears_another_master(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(clock: VirtualClock, street: Street, driver: Any) -> None:
        assert (await driver.send(QueryNumberOfInstances(DeviceShort(5)))).value == 1
        heard = driver.new_dali_rx_queue()
        street.bus.other_controller(0x0190)
        command = await asyncio.wait_for(heard.get(), 1)
        assert isinstance(command, general.QueryStatus)
        assert command.destination == GearShort(0)

    with_python_dali(tmp_path, monkeypatch, story)
