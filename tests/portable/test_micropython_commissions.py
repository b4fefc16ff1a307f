"""MicroPython itself opens an emulated interface's serial port, in real time, and addresses four gear behind it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hil.devices.street import Lamp, Street
from tests.portable.test_on_both import HERE, MICROPYTHON, ROOT

GEAR = 4


@pytest.mark.system
def test_micropython_commissions_a_bus(tmp_path: Path) -> None:
    async def story() -> None:
        street = Street([Lamp(None, 25.0)] * GEAR, link=tmp_path / "port")
        try:
            process = await asyncio.create_subprocess_exec(
                MICROPYTHON,
                HERE / "commission_a_bus.py",
                tmp_path / "port",
                env={**os.environ, "MICROPYPATH": f"{ROOT}:.frozen"},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            async with asyncio.timeout(120):
                printed = (await process.communicate())[0].decode()
            assert process.returncode == 0, printed
            told = {line for line in printed.splitlines() if line.startswith("gear ")}
            assert sorted(gear.variables.short_address for gear in street.gear) == list(range(GEAR)), printed
            if "again:" not in printed:
                assert told == {
                    f"gear {gear.variables.random_address} {gear.variables.short_address}" for gear in street.gear
                }
                assert "trouble" not in printed
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            street.close()

    assert MICROPYTHON.exists(), "micropython is missing: install the extra `test`"
    asyncio.run(story())
