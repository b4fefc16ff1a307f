"""Constant light output in the whole agent: a lamp's own count of its hours decides how bright it is driven."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from agent.config.program import load_program
from agent.lamps.operating_hours import AGAIN_S, EVERY_S
from agent.schedule.calendars import Calendar
from agent.schedule.output import Output
from agent.schedule.plan import Plan, PlannedLuminaire
from tests.rigs.gateway import BusOf, Gateway, at_a_gateway
from tests.rigs.lamp_bus import FULL

CURVE = ((0.0, 50.0), (20000.0, 100.0))


def aging(gateway: Gateway) -> None:
    """The second luminaire has constant light output."""
    calendar = Calendar("always-full", load_program("always-full"))
    outputs = (Output(), Output(curve=CURVE), Output())
    gateway.plan = Plan(
        [PlannedLuminaire(name, calendar, (), output) for name, output in zip(gateway.names, outputs, strict=True)]
    )


def hours(gateway: Gateway) -> dict[str, float]:
    content = json.loads((gateway.runtime / "mast.inputs.json").read_text())
    found: dict[str, float] = content["operating_hours"]
    return found


def level_after(operating_hours: float) -> int:
    """Returns the level by the ageing curve, then by the logarithmic curve of IEC 62386-102, 9.3."""
    percent = 50.0 + 50.0 * operating_hours / 20000.0
    return round(1 + 253 / 3 * (math.log10(percent) + 1))


def test_a_lamp_burns_as_bright_as_its_hours_need(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        aging(gateway)
        async with gateway.agent():
            await gateway.until(60.0)
            known = hours(gateway)
            assert known.keys() == {"L02"}
            assert known["L02"] == pytest.approx(
                gateway.street.gear[1].lit_s(gateway.clock.monotonic()) / 3600, abs=0.1
            )
            assert gateway.levels() == [FULL, level_after(known["L02"]), FULL]
            assert gateway.levels()[1] < FULL
            await gateway.until(EVERY_S + 120.0)
            # It has burnt for a winter night.
            assert 10.0 < hours(gateway)["L02"] - known["L02"] < 17.0

    at_a_gateway(story, tmp_path, buses=(BusOf("L"),))


def test_a_lamp_of_unknown_hours_is_taken_for_an_old_one(tmp_path: Path) -> None:
    async def story(gateway: Gateway) -> None:
        aging(gateway)
        gateway.street.no_answer(1)
        async with gateway.agent():
            await gateway.until(60.0)
            assert gateway.levels() == [FULL] * 3
            gateway.street.no_answer(1, False)
            await gateway.until(AGAIN_S + 120.0)
            assert gateway.levels() == [FULL, level_after(hours(gateway)["L02"]), FULL]

    at_a_gateway(story, tmp_path, buses=(BusOf("L"),))
