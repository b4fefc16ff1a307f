"""MicroPython itself opens an emulated interface's serial port, in real time, dims a lamp and reads it back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from hil.devices.street import Lamp, Street
from tests.portable.test_on_both import HERE, MICROPYTHON, ROOT


def test_micropython_dims_a_lamp(tmp_path: Path) -> None:
    async def story() -> None:
        street = Street([Lamp(0, 25.0, level=254), Lamp(7, 25.0, level=254)], link=tmp_path / "port")
        try:
            process = await asyncio.create_subprocess_exec(
                MICROPYTHON,
                HERE / "dim_a_lamp.py",
                tmp_path / "port",
                "7",
                "170",
                env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(120):
                printed = (await process.communicate())[0].decode()
            assert process.returncode == 0, printed
            register_wh = street.energy_wh_true(1)
            assert printed.startswith("connected 0\n"), printed
            *_, level, energy = printed.splitlines()
            assert level == "level 170", printed
            assert abs(int(energy.removeprefix("energy ")) * 0.1 - register_wh) < 0.2
            assert [street.level(0), street.level(1)] == [254, 170]
            assert street.gear[1].variables.fade_time == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            street.close()

    assert MICROPYTHON.exists(), "micropython is missing: install the extra `test`"
    asyncio.run(story())
